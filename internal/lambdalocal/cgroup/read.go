package cgroup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MemoryUse is what a group has in memory, in bytes.
type MemoryUse struct {
	Held  int64 // what belongs to processes, and files of a tmpfs: nobody but them can give it back
	Cache int64 // pages of files, which are dropped before anybody has to die
	Peak  int64 // the most of both together that there ever was; 0 where the kernel does not count it
}

// Memory reads what the group has now.
func (g *Group) Memory() (MemoryUse, error) {
	p := g.by[controlMemory]
	peak, cache, mapped, shared := "memory.peak", "file", "anon", "shmem"
	switch p.version {
	case 0:
		return MemoryUse{}, errors.New("read memory: no memory controller")
	case 1:
		peak, cache, mapped, shared = "memory.max_usage_in_bytes", "total_cache", "total_rss", "total_shmem"
	}
	text, err := p.read("memory.stat")
	if err != nil {
		return MemoryUse{}, fmt.Errorf("read memory: %w", err)
	}
	values := map[string]int64{}
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, " ")
		if name == cache || name == mapped || name == shared {
			if values[name], err = strconv.ParseInt(value, 10, 64); err != nil {
				return MemoryUse{}, fmt.Errorf("read memory: %w", err)
			}
		}
	}
	// Files in a tmpfs are counted with the cache, but cannot be dropped. Older kernels do not tell them apart.
	use := MemoryUse{Held: values[mapped] + values[shared], Cache: values[cache] - values[shared]}
	if top, err := p.number(peak); err == nil { // kernels before 5.19 have none in version 2
		use.Peak = top
	}
	return use, nil
}

// OOMKills counts the processes that the kernel has killed because the group had used up its memory.
func (g *Group) OOMKills() (int64, error) {
	p := g.by[controlMemory]
	file := map[int]string{1: "memory.oom_control", 2: "memory.events"}[p.version]
	if file == "" {
		return 0, errors.New("count processes killed for memory: no memory controller")
	}
	n, err := p.field(file, "oom_kill")
	if err != nil {
		return 0, fmt.Errorf("count processes killed for memory: %w", err)
	}
	return n, nil
}

// CPUUse is what a group has used of the machine's cores.
type CPUUse struct {
	Time      time.Duration
	Periods   int64         // in which a process of the group was runnable
	Throttled int64         // those of them at whose end somebody had to wait
	Waited    time.Duration // the sum of these waits, over all cores
	Period    time.Duration // how long a period is
}

// CPUUse counts from the group's beginning.
func (g *Group) CPUUse() (CPUUse, error) {
	use := CPUUse{Period: cpuPeriod}
	nanoseconds, err := g.cpuTime()
	if err != nil {
		return use, fmt.Errorf("read CPU time: %w", err)
	}
	use.Time = time.Duration(nanoseconds)
	p := g.by[controlCPU]
	if p.version == 0 {
		return use, nil
	}
	waited, unit := "throttled_time", time.Nanosecond
	if p.version == 2 {
		waited, unit = "throttled_usec", time.Microsecond
	}
	var errs [3]error
	var wait int64
	use.Periods, errs[0] = p.field("cpu.stat", "nr_periods")
	use.Throttled, errs[1] = p.field("cpu.stat", "nr_throttled")
	wait, errs[2] = p.field("cpu.stat", waited)
	use.Waited = time.Duration(wait) * unit
	if err := errors.Join(errs[:]...); err != nil {
		return use, fmt.Errorf("read CPU periods: %w", err)
	}
	return use, nil
}

func (g *Group) cpuTime() (int64, error) {
	if p := g.by[controlAccount]; p.version == 1 {
		return p.number("cpuacct.usage")
	}
	if g.unified.version == 0 {
		return 0, errors.New("nothing counts it")
	}
	microseconds, err := g.unified.field("cpu.stat", "usage_usec")
	return microseconds * 1000, err
}

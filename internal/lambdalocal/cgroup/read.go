package cgroup

import (
	"errors"
	"fmt"
	"time"
)

// MemoryPeak is the most memory that the group has used at once, in bytes, without the page cache: files that were
// read or written are dropped from memory before anybody has to die. The kernel keeps only the peak of both
// together, so what the page cache has now is taken off; the result is too small, never too large, unless cache was
// dropped since.
func (g *Group) MemoryPeak() (int64, error) {
	p := g.by[controlMemory]
	peak, cache, mapped := "memory.peak", "file", "anon"
	switch p.version {
	case 0:
		return 0, errors.New("read memory peak: no memory controller")
	case 1:
		peak, cache, mapped = "memory.max_usage_in_bytes", "total_cache", "total_rss"
	}
	top, err := p.number(peak)
	if err != nil {
		return 0, fmt.Errorf("read memory peak: %w", err)
	}
	cached, err := p.field("memory.stat", cache)
	if err != nil {
		return 0, fmt.Errorf("read memory peak: %w", err)
	}
	now, err := p.field("memory.stat", mapped)
	if err != nil {
		return 0, fmt.Errorf("read memory peak: %w", err)
	}
	// Files in a tmpfs are cache that cannot be dropped.
	shared, err := p.field("memory.stat", map[int]string{1: "total_shmem", 2: "shmem"}[p.version])
	if err != nil {
		shared = 0 // older kernels do not tell
	}
	return max(top-(cached-shared), now+shared), nil
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

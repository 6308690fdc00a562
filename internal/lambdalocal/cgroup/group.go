// Package cgroup limits what a set of processes uses together, counts it, and freezes them, by Linux's control
// groups.
//
// It takes limits and gives a Group, to which processes are added before they run their first instruction; their
// children are in it from birth. It works with version 1, with version 2, and with machines that have some
// controllers in the one and some in the other. A group is made below the group that this process is in, or as near
// to it as the kernel allows (version 2 has no limits below a group that has processes itself), so that whatever
// limits this process has stand.
//
// What a machine does not offer, Missing tells; New fails only where it offers nothing at all. On other systems
// than Linux it offers nothing.
//
// Close leaves no group and no process in it. A process that is killed leaves its groups, whose names tell who made
// them; the next New removes them.
package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrUnavailable is in the chain of New's error where no control group can be made.
var ErrUnavailable = errors.New("no control group can be made")

// Limits of a group; a zero means none.
type Limits struct {
	CPU       float64 // cores
	Memory    int64   // bytes, swap included
	Processes int     // threads included
}

// cpuPeriod is over which the CPU limit holds: whoever has used up his share waits for the next one. 20 ms is the
// reference's, and short enough that a stall looks like the machine of a function and not like a pause.
const cpuPeriod = 20 * time.Millisecond

// endLimit bounds the wait for the end of killed processes, whose group cannot be removed before.
const endLimit = 5 * time.Second

// retryEvery is how often something is tried again that nothing announces.
const retryEvery = time.Millisecond

// place is a folder of a hierarchy.
type place struct {
	dir     string
	version int // 1 or 2; 0 is no place
}

func (p place) file(name string) string { return filepath.Join(p.dir, name) }

func (p place) read(name string) (string, error) {
	b, err := os.ReadFile(p.file(name))
	return strings.TrimSpace(string(b)), err
}

func (p place) number(name string) (int64, error) {
	text, err := p.read(name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

func (p place) write(name string, value any) error {
	return os.WriteFile(p.file(name), []byte(fmt.Sprint(value)), 0o644)
}

// field is a value of a file with a name and a number a line.
func (p place) field(name, key string) (int64, error) {
	text, err := p.read(name)
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(text, "\n") {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", p.file(name), key)
}

// The controllers that a Group makes use of. On version 2, CPU time is counted without one.
const (
	controlCPU     = "cpu"
	controlMemory  = "memory"
	controlPids    = "pids"
	controlAccount = "cpuacct" // version 1 only
)

// Group is a set of processes. Its methods may be called by several goroutines at once, but for Close.
type Group struct {
	by      map[string]place // by controller
	unified place            // in the hierarchy of version 2, which freezes and kills
	dirs    []string         // one for each hierarchy, as made
	missing []string
}

// New makes a group and sets its limits. It first removes the groups that killed processes have left.
func New(limits Limits) (*Group, error) { return machine{proc: "/proc"}.newGroup(limits) }

func (m machine) newGroup(limits Limits) (*Group, error) {
	h, err := m.hierarchies()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	me, err := m.owner()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	m.sweep(h)
	g := &Group{by: map[string]place{}}
	if err := g.make(h, me.groupName()); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnavailable, err), g.Close())
	}
	g.limit(limits)
	return g, nil
}

// make makes the folders, the same name in each hierarchy.
func (g *Group) make(h hierarchies, name string) error {
	var errs []error
	made := map[string]bool{}
	mkdir := func(parent string) (string, error) {
		dir := filepath.Join(parent, name)
		if made[dir] {
			return dir, nil
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", err
		}
		made[dir] = true
		g.dirs = append(g.dirs, dir)
		return dir, nil
	}
	for _, c := range []string{controlCPU, controlAccount, controlMemory, controlPids} {
		parent, ok := h.first[c]
		if !ok {
			continue
		}
		if dir, err := mkdir(parent); err != nil {
			errs = append(errs, fmt.Errorf("make group: %w", err))
		} else {
			g.by[c] = place{dir, 1}
		}
	}
	var wanted []string
	for _, c := range []string{controlCPU, controlMemory, controlPids} {
		if _, ok := g.by[c]; !ok {
			wanted = append(wanted, c)
		}
	}
	for _, parent := range h.secondParents(wanted) {
		dir, err := mkdir(parent.dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("make group: %w", err))
			continue
		}
		g.unified = place{dir, 2}
		for _, c := range parent.has {
			g.by[c] = g.unified
		}
		break
	}
	if len(g.dirs) == 0 && len(errs) > 0 {
		return errs[0] // the others say the same of other hierarchies
	}
	return nil
}

// limit sets what can be set and notes what cannot.
func (g *Group) limit(l Limits) {
	if err := g.SetCPU(l.CPU); err != nil {
		g.missing = append(g.missing, err.Error())
	}
	if err := g.setMemory(l.Memory); err != nil {
		g.missing = append(g.missing, err.Error())
	}
	if err := g.setProcesses(l.Processes); err != nil {
		g.missing = append(g.missing, err.Error())
	}
}

// Missing says which of the limits could not be had, and why.
func (g *Group) Missing() []string { return g.missing }

// SetCPU changes the CPU limit; 0 takes it away.
func (g *Group) SetCPU(cores float64) error {
	p, period := g.by[controlCPU], cpuPeriod.Microseconds()
	quota := int64(cores * float64(period))
	var err error
	switch {
	case p.version == 0 && cores == 0:
	case p.version == 0:
		err = errors.New("no cpu controller")
	case p.version == 1:
		if quota == 0 {
			quota = -1
		}
		if err = p.write("cpu.cfs_period_us", period); err == nil {
			err = p.write("cpu.cfs_quota_us", quota)
		}
	case quota == 0:
		err = p.write("cpu.max", fmt.Sprintf("max %d", period))
	default:
		err = p.write("cpu.max", fmt.Sprintf("%d %d", quota, period))
	}
	if err != nil {
		return fmt.Errorf("set CPU limit: %w", err)
	}
	return nil
}

func (g *Group) setMemory(bytes int64) error {
	if bytes == 0 {
		return nil
	}
	p := g.by[controlMemory]
	var err error
	switch p.version {
	case 0:
		err = errors.New("no memory controller")
	case 1:
		if err = p.write("memory.limit_in_bytes", bytes); err == nil {
			// A function has no swap. Not every kernel counts it; then there may be some beyond the limit.
			_ = p.write("memory.memsw.limit_in_bytes", bytes)
			_ = p.write("memory.swappiness", 0)
		}
	default:
		if err = p.write("memory.max", bytes); err == nil {
			_ = p.write("memory.swap.max", 0) // likewise
		}
	}
	if err != nil {
		return fmt.Errorf("set memory limit: %w", err)
	}
	return nil
}

func (g *Group) setProcesses(n int) error {
	if n == 0 {
		return nil
	}
	p, err := g.by[controlPids], error(nil)
	if p.version == 0 {
		err = errors.New("no pids controller")
	} else {
		err = p.write("pids.max", n)
	}
	if err != nil {
		return fmt.Errorf("set process limit: %w", err)
	}
	return nil
}

// Folders are what somebody has to remove once the group's processes are gone, if this process cannot.
func (g *Group) Folders() []string { return g.dirs }

// Add moves a process into the group, with what it starts from now on.
func (g *Group) Add(pid int) error {
	for _, dir := range g.dirs {
		if err := (place{dir: dir}).write("cgroup.procs", pid); err != nil {
			return fmt.Errorf("move process %d into its group: %w", pid, err)
		}
	}
	return nil
}

// Processes are the ids of the group's processes.
func (g *Group) Processes() ([]int, error) {
	dir := g.dirs[len(g.dirs)-1] // the one of version 2, if there is one
	pids, err := processes(dir)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	return pids, nil
}

func processes(dir string) ([]int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, word := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 { // 0 is one that this process cannot see
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Close kills what is in the group and removes it.
func (g *Group) Close() error { return remove(g.dirs, endLimit) }

// remove kills and removes groups. A killed process leaves its group only some time after its end.
func remove(dirs []string, limit time.Duration) error {
	var errs []error
	end := time.Now().Add(limit)
	for _, dir := range dirs {
		for {
			err := os.Remove(dir)
			if err == nil || errors.Is(err, os.ErrNotExist) {
				break
			}
			kill(dir)
			if time.Now().After(end) {
				errs = append(errs, fmt.Errorf("remove group: %w", err))
				break
			}
			time.Sleep(retryEvery)
		}
	}
	return errors.Join(errs...)
}

// kill kills all processes of a group. A kernel before 5.14, and version 1, have it done one by one.
func kill(dir string) {
	if os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0o200) == nil {
		return
	}
	pids, err := processes(dir)
	if err != nil {
		return // gone
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
	}
}

package lambdalocal

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/cgroup"
)

// What an execution environment has, whatever its memory (LIM; reference 5.8).
const (
	maxProcesses    = 1024 // threads included
	maxFiles        = 1024
	maxFilesManaged = 4096 // of managed instances (LMIENV)
)

// memoryPerCPU is the memory in MB that comes with one vCPU; less memory comes with as much less (LIM; reference 6).
const memoryPerCPU = 1769

// limits is what the processes of an environment may use: together, by a control group, and each by itself. Every
// sandbox has them.
//
// Lambda limits descriptors by environment as well; the kernel here knows only a limit for each process.
type limits struct {
	group *cgroup.Group // nil where there is none
	meter memoryMeter
	cpu   float64 // vCPUs
	bytes int64   // of memory
	files uint64  // descriptors of each process

	boosted bool
	late    bool     // a process cannot be held before its first instruction, and gets its limits right after
	leaks   bool     // a process cannot be made to close what it has inherited
	left    []string // what is left out

	mark uint64 // of every process and its children, see markProcess; 0 where there is none

	// placed, if set, is called when a process has its limits and has done nothing yet.
	placed func(pid int)
}

// newLimits makes the group. A machine that offers less than all of it is no error.
func newLimits(fn Function, opt Options) *limits {
	l := &limits{cpu: float64(fn.MemoryMB) / memoryPerCPU, bytes: int64(fn.MemoryMB) << 20, files: maxFiles}
	if opt.allCPU {
		l.cpu = 0
	}
	if fn.InitType == ManagedInstances {
		l.files = maxFilesManaged
	}
	group, err := cgroup.New(cgroup.Limits{CPU: l.cpu, Memory: l.bytes, Processes: maxProcesses})
	if err != nil {
		l.leave("no limit of CPU, memory and processes (%v)", err)
	} else {
		l.group, l.meter.group = group, group
		for _, missing := range group.Missing() {
			l.leave("%s", missing)
		}
	}
	if cores := runtime.NumCPU(); l.cpu > float64(cores) {
		l.leave("%d MB of memory come with %.1f vCPUs, this machine has %d", fn.MemoryMB, l.cpu, cores)
	}
	l.mark = newMark()
	l.probe()
	return l
}

func (l *limits) leave(format string, args ...any) {
	l.left = append(l.left, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
}

// start starts a command on the sandbox's thread. The process has its limits before its first instruction: it is
// held at the end of its exec until it is in its group, because what it does before that would be in none, and a
// child that it made would stay so.
//
// A file that somebody has just written may be busy: another process that is being started has a copy of the writer's
// descriptor until its exec, which is a matter of milliseconds.
func (l *limits) start(run *starter, cmd *exec.Cmd) error {
	for end := time.Now().Add(busyLimit); ; time.Sleep(busyPause) {
		try := *cmd // which can be started once only
		err := run.do(func() error { return l.startHeld(&try) })
		if !errors.Is(err, syscall.ETXTBSY) || time.Now().After(end) {
			*cmd = try
			return err
		}
	}
}

// busyLimit bounds how long a program that somebody still writes to is tried again, busyPause is how often.
const (
	busyLimit = 500 * time.Millisecond
	busyPause = 2 * time.Millisecond
)

// boost gives the environment a whole vCPU at least, or what its memory comes with again. A machine that could not
// set the one has said so.
func (l *limits) boost(on bool) {
	if l.group == nil || on == l.boosted || l.cpu == 0 {
		return
	}
	l.boosted = on
	cores := l.cpu
	if on {
		cores = max(cores, 1)
	}
	_ = l.group.SetCPU(cores)
}

// oomKills counts the processes that the kernel has killed for want of memory.
func (l *limits) oomKills() int64 {
	if l.group == nil {
		return 0
	}
	n, err := l.group.OOMKills()
	if err != nil {
		return 0 // said once, in left
	}
	return n
}

// freeze stops the environment's processes if its group can do that.
func (l *limits) freeze() bool { return l.group != nil && l.group.Freeze() == nil }

// thaw lets them go on.
func (l *limits) thaw() error {
	if l.group == nil {
		return cgroup.ErrNoFreezer
	}
	return l.group.Thaw()
}

// members are the processes of the group that are in none of the given process groups; false where there is no
// group.
func (l *limits) members(groups map[int]bool) ([]int, bool) {
	if l.group == nil {
		return nil, false
	}
	all, err := l.group.Processes()
	if err != nil {
		return nil, false
	}
	var found []int
	for _, pid := range all {
		if group, err := syscall.Getpgid(pid); err == nil && !groups[group] {
			found = append(found, pid)
		}
	}
	return found, true
}

// folders are what release would remove.
func (l *limits) folders() []string {
	if l.group == nil {
		return nil
	}
	return l.group.Folders()
}

// release removes the group.
func (l *limits) release() error {
	if l.group == nil {
		return nil
	}
	return l.group.Close()
}

// errEnded says that somebody killed a process before it began.
var errEnded = errors.New("the process ended before its first instruction")

// leftOut says in one line what this environment does not do of what Lambda does; "" if nothing.
func (e *Environment) leftOut(ctx context.Context) string {
	left := e.limits.left
	if box := e.box.leftOut(); box != "" {
		left = append([]string{box}, left...)
	}
	if e.opt.CutConnections {
		if err := canCut(ctx); err != nil {
			e.cannotCut = true
			left = append(left, "connections are not cut ("+err.Error()+")")
		}
	}
	return strings.Join(left, "; ")
}

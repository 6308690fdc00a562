package intake

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
)

// A child process that ends without its language's own end, as those of Python's os.fork and multiprocessing do (os._exit), leaves its file in state open. Nobody appends to that
// once the process is gone; left until SHUTDOWN, such files would pile up, be looked at with each flush, and be read again by a next life that cannot know that they were delivered.

// orphans are the files in state open whose process is gone, of what one look at the directory found. Without a candidate nothing is made or asked of the system.
type orphans struct {
	in      *Intake
	all     []file
	full    bool            // there are more files than can be listed: what can go has to, though its invocation may go on
	ended   map[string]bool // invocations that a process is done with; nil before the first candidate
	handler int             // a process that should be seen to run; 0 if there is none
	asked   bool            // whether it is
	sees    bool
}

// has tells whether nobody will append to a file of this life any more that is in state open. One of an invocation that goes on is left alone: its calls are given with it.
func (o *orphans) has(n spool.Name) bool {
	if o.ended == nil {
		o.begin()
	}
	return o.isOver(n.Invocation) && o.isTrusted() && hasEnded(n.PID)
}

func (o *orphans) begin() {
	o.ended, o.handler = map[string]bool{}, o.in.join.hooked.PID
	for _, f := range o.all {
		if f.past || f.name.State != spool.StateDone {
			continue
		}
		o.ended[f.name.Invocation] = true
		if o.handler == 0 {
			o.handler = f.name.PID // files are in the order of processes, and a parent is older than its children
		}
	}
}

func (o *orphans) isOver(invocation string) bool {
	j := &o.in.join
	switch {
	case o.full, o.ended[invocation], j.isGiven(invocation), j.memory.isGone(invocation):
		return true
	}
	return j.turn > 0 && invocation != fileName(j.current) && !o.in.Concurrent && !j.isConcurrent()
}

// isTrusted tells whether that a process is not seen means that there is none: the function's processes must be in the extension's namespace of processes, which shows by the handler's being there.
func (o *orphans) isTrusted() bool {
	if !o.asked {
		o.asked = true
		o.sees = o.handler > 0 && isHeld(o.handler, time.Now()) && !isOwnThread(o.handler)
	}
	return o.sees
}

// isOwnThread tells whether a number is one of this process' threads, which can be looked up like processes.
func isOwnThread(pid int) bool {
	_, err := os.Lstat(fmt.Sprintf("/proc/self/task/%d", pid))
	return err == nil && pid != os.Getpid()
}

// hasEnded tells whether no process with that number runs. One that is another's by now counts as running: whether it began before the file was written could be told by clocks alone,
// which a frozen environment lets drift apart, and it will end as well.
func hasEnded(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && isZombie(fieldsOf(stat))
}

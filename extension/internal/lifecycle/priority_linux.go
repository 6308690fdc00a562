package lifecycle

import (
	"errors"
	"os"
	"strconv"
	"syscall"
)

// lowestPriority is the nice value of a process that runs when nothing else wants to.
const lowestPriority = 19

// LowerPriority gives every thread of this process the lowest CPU priority. Linux keeps it by thread, and a new thread has that of the
// one that made it; so it looks until it finds no thread that made another one meanwhile.
func LowerPriority() error {
	for range 10 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		changed := false
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			if err != nil {
				continue
			}
			// The system call gives 20 - nice, so that no answer looks like an error.
			if p, err := syscall.Getpriority(syscall.PRIO_PROCESS, tid); err != nil || p == 20-lowestPriority {
				continue
			}
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, tid, lowestPriority); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
			changed = true
		}
		if !changed {
			return nil
		}
	}
	return nil
}

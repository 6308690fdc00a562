package child

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Adopt makes this process the parent of every descendant whose own parent ends, so that Sweep finds it.
func Adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	return nil
}

// Sweep kills every child that is left, with what becomes our child by that, and returns their command
// lines. It is for the very end, when nothing should be left: a line is a mistake of ours that was mended.
func Sweep() []string {
	var swept []string
	for deadline := time.Now().Add(emptyWait); time.Now().Before(deadline); time.Sleep(pollEvery) {
		left := children()
		if len(left) == 0 {
			return swept
		}
		for _, pid := range left {
			if command := commandLine(pid); command != "" { // empty: a zombie, already ended
				swept = append(swept, command)
			}
			// Thaw first: a stopped process is killed all the same, but its tracer, if any, must see it run.
			_ = syscall.Kill(pid, syscall.SIGCONT)
			_ = syscall.Kill(pid, syscall.SIGKILL)
			reap(pid)
		}
	}
	return swept
}

// children lists the processes whose parent is this one, whichever thread started them.
func children() []int {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var pids []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func commandLine(pid int) string {
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
}

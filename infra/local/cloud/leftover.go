package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// stopWithin bounds the orderly end of a run that another process stops.
	stopWithin = 30 * time.Second

	// stopEvery is how often it is looked at: the lock of another process cannot be waited for with a context.
	stopEvery = 100 * time.Millisecond
)

// StopAll ends every run that has its folder in runs: those that live as Ctrl-C would, and whatever was
// left by those that were killed, functions of somebody's MiniStack that still lead to them included. It returns how many there
// were; tell gets what is worth knowing, a line each.
func StopAll(ctx context.Context, runs string, tell func(string)) (int, error) {
	dirs := meant(runs)
	for _, dir := range dirs {
		if err := stopRun(ctx, dir, tell); err != nil {
			return 0, err
		}
	}
	return len(dirs), nil
}

func stopRun(ctx context.Context, dir string, tell func(string)) error {
	err := removeLeftOver(ctx, dir, tell)
	if !errors.Is(err, errHeld) {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, pidFile))
	if err != nil {
		return fmt.Errorf("stop run: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("stop run: read process id: %w", err)
	}
	// The lock is held, so the process lives and the number is its own.
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop run: interrupt process %d: %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	for {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err := removeLeftOver(ctx, dir, tell); !errors.Is(err, errHeld) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop run: process %d does not end: %w", pid, ctx.Err())
		case <-time.After(stopEvery):
		}
	}
}

// removeLeftOver removes the folder of a run that was killed, ends the processes and sets back the functions that it left. The
// error is errHeld if the run lives.
func removeLeftOver(ctx context.Context, dir string, tell func(string)) error {
	lock, err := tryLock(filepath.Join(dir, lockFile), 0)
	switch {
	case errors.Is(err, os.ErrNotExist): // killed before it had a lock, or removed by its run right now
	case err != nil:
		return err
	default:
		defer lock.Close()
	}
	for _, pid := range processesOf(dir) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := restoreLeft(ctx, dir, tell); err != nil {
		return err // the folder stays, so that it can be tried again
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove what an earlier run left: %w", err)
	}
	return nil
}

// processesOf finds the processes that a run started: the folder of a run has a name of its own, and they
// have it in their environment (MiniStack's TMPDIR), their arguments (the CDK's output) or their mounts
// (a function's /tmp). Only Linux tells that of a process; elsewhere nothing is found.
func processesOf(dir string) []int {
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		for _, file := range []string{"environ", "cmdline", "mountinfo"} {
			// What cannot be read belongs to somebody else.
			text, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), file))
			if strings.Contains(string(text), dir+"/") {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// startOnOneCore starts a command that has the last core alone, which is what a function of 1,769 MB has: a runtime that finds several sets itself up for
// them, and the work of waking threads on another core is counted here and there alike, by chance. A child has the cores of the thread that forked it.
func startOnOneCore(command *exec.Cmd, share *host.Share) (started time.Time, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return started, fmt.Errorf("ask for cores: %w", err)
	}
	for cpu := range len(all) * 64 {
		if all.IsSet(cpu) {
			one.Zero()
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return started, fmt.Errorf("take one core: %w", err)
	}
	started, err = share.Start(command)
	if back := unix.SchedSetaffinity(0, &all); back != nil {
		err = errors.Join(err, fmt.Errorf("take all cores again: %w", back))
	}
	return started, err
}

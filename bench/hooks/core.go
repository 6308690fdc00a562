//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// startOnOneCore starts a command that has the last core alone, which is what a function of 1,769 MB has: a runtime that finds several sets itself up for
// them, and the work of waking threads on another core is counted here and there alike, by chance. A child has the cores of the thread that forked it.
func startOnOneCore(command *exec.Cmd, share *host.Share) (started time.Time, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return started, fmt.Errorf("ask for cores: %w", err)
	}
	one := cores(all)[all.Count()-1]
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return started, fmt.Errorf("take one core: %w", err)
	}
	started, err = share.Start(command)
	if back := unix.SchedSetaffinity(0, &all); back != nil {
		err = errors.Join(err, fmt.Errorf("take all cores again: %w", back))
	}
	return started, err
}

// cores gives a set for each core of all.
func cores(all unix.CPUSet) (each []unix.CPUSet) {
	for cpu := range len(all) * 64 {
		if all.IsSet(cpu) {
			var one unix.CPUSet
			one.Set(cpu)
			each = append(each, one)
		}
	}
	return each
}

// keepAwake keeps every core busy with a process that runs only when nothing else would (sched(7), SCHED_IDLE). A function waits for its peer with each call, and so does
// the peer: on a virtual machine, cores that fall asleep in between take what the host wants to wake up, and that is counted to whoever wakes them. Without, a call of
// node:http took 121 and 134 µs in two runs and with a hook 43 to 58 more, with it by turns 106 and 111 and 32 to 54 more. It gives what ends them.
func keepAwake(ctx context.Context) (end func(), err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, fmt.Errorf("ask for cores: %w", err)
	}
	var busy []*exec.Cmd
	end = func() {
		for _, command := range busy {
			_ = command.Process.Kill() // or it has ended
			_ = command.Wait()         // says that it was killed
		}
	}
	for _, core := range cores(all) {
		command := exec.CommandContext(ctx, "/bin/sh", "-c", "while :; do :; done")
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := command.Start(); err != nil {
			end()
			return nil, fmt.Errorf("keep cores awake: %w", err)
		}
		busy = append(busy, command)
		err := unix.SchedSetAttr(command.Process.Pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
		if err = errors.Join(err, unix.SchedSetaffinity(command.Process.Pid, &core)); err != nil {
			end()
			return nil, fmt.Errorf("keep cores awake: %w", err)
		}
	}
	return end, nil
}

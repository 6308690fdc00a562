package lambdalocal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// probe finds out whether processes can be held: some containers forbid it.
func (l *limits) probe() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	trial := &limits{files: l.files, leaks: true, placed: func(pid int) { l.leaks = closeOwnFiles(pid, firstDescriptor) != nil }}
	cmd := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", ":"}, SysProcAttr: &syscall.SysProcAttr{}}
	if err := trial.startHeld(cmd); err != nil {
		l.late = true
		l.leave("processes get their limits only right after their start (%v)", err)
	} else {
		_ = cmd.Wait() // it did nothing
	}
	if open := inherited(); (l.late || l.leaks) && len(open) > 0 {
		l.leave("descriptors that this process has inherited, as %d, are handed on", open[0])
	}
}

// startHeld is called on the sandbox's thread, which becomes the tracer of the new process until it has its limits.
func (l *limits) startHeld(cmd *exec.Cmd) error {
	if l.late {
		if err := cmd.Start(); err != nil {
			return err
		}
		return l.orEnd(cmd, l.place(cmd))
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	if err := awaitStop(pid); err != nil {
		return err
	}
	if err := l.place(cmd); err != nil {
		return l.orEnd(cmd, err)
	}
	if err := unix.PtraceDetach(pid); err != nil {
		return l.orEnd(cmd, fmt.Errorf("let process %d go: %w", pid, err))
	}
	return nil
}

// awaitStop waits until a new process stands before its first instruction.
func awaitStop(pid int) error {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("hold process %d: %w", pid, err)
		case status.Stopped():
			return nil
		default:
			return errEnded
		}
	}
}

// place gives a process its limits and its mark, and takes from it what it has inherited by chance.
func (l *limits) place(cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	if l.group != nil {
		if err := l.group.Add(pid); err != nil {
			return err
		}
	}
	if err := l.limitFiles(pid); err != nil {
		return err
	}
	if err := l.markProcess(pid); err != nil {
		return err
	}
	if err := l.closeInherited(pid, firstDescriptor+len(cmd.ExtraFiles)); err != nil {
		return err
	}
	if l.placed != nil {
		l.placed(pid)
	}
	return nil
}

// closeInherited leaves a process no descriptor but those that it was given. This process may have inherited others
// itself, and not to close them at an exec is no decision of a library's.
func (l *limits) closeInherited(pid, first int) error {
	if l.late || l.leaks {
		return nil // which was said
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err == nil && len(entries) <= first {
		return nil // 0 to first-1
	}
	if err := closeOwnFiles(pid, first); err != nil {
		return fmt.Errorf("close what process %d has inherited: %w", pid, err)
	}
	return nil
}

// limitFiles sets the limit of descriptors. The kernel lets only somebody with CAP_SYS_RESOURCE change the limits
// of another user's process, which root in a container may lack; then the process is made to do it itself.
func (l *limits) limitFiles(pid int) error {
	var now unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &now); err != nil {
		return fmt.Errorf("read limit of descriptors: %w", err)
	}
	want := unix.Rlimit{Cur: min(l.files, now.Max), Max: min(l.files, now.Max)}
	err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &want, nil)
	if errors.Is(err, os.ErrPermission) && !l.late {
		err = limitOwnFiles(pid, want)
	}
	if err != nil {
		return fmt.Errorf("limit descriptors of process %d: %w", pid, err)
	}
	return nil
}

// orEnd ends a process that could not be placed.
func (l *limits) orEnd(cmd *exec.Cmd, err error) error {
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	return err
}

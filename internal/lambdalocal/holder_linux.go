package lambdalocal

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// holder is a process that does nothing but hold a pipe whose other end is here. When this process ends without having
// stopped it, the pipe breaks, and it kills what has the environment's mark and removes the control groups. Sandboxes
// with namespaces have their first process for that.
type holder struct {
	cmd  *exec.Cmd
	pipe *os.File
}

func newHolder(run *starter, l *limits) (*holder, error) {
	if l.mark == 0 {
		return nil, nil
	}
	theirs, pipe, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer theirs.Close()
	script := "exec 3<&0; cat <&3 >/dev/null & wait $!\n" + l.killMarked() + removeFolders
	// It outlives any context: it is ended by stop.
	cmd := &exec.Cmd{
		Path: "/bin/sh", Args: append([]string{"sh", "-c", script, "sh"}, l.folders()...), Stdin: theirs, Dir: "/",
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := run.do(cmd.Start); err != nil {
		pipe.Close()
		return nil, fmt.Errorf("start holder: %w", err)
	}
	return &holder{cmd, pipe}, nil
}

func (h *holder) stop() {
	if h == nil {
		return
	}
	_ = syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL) // the shell and the cat that it waits for
	_ = h.cmd.Wait()
	h.pipe.Close()
}

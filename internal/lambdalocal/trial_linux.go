package lambdalocal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// trialLimit bounds how long a sandbox's first command may take.
const trialLimit = 10 * time.Second

// try starts a command in a new sandbox as runtime and extensions will be started, and kills it as they will be
// killed. What this process cannot do must not look like a fault of theirs.
func try(ctx context.Context, box sandbox) error {
	in, theirs, err := os.Pipe() // it ends when its input does, should it not be killed
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer in.Close()
	defer theirs.Close()
	out, outEnd, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer out.Close()
	said, errEnd, err := os.Pipe()
	if err != nil {
		outEnd.Close()
		return fmt.Errorf("make pipe: %w", err)
	}
	defer said.Close()
	cmd := &exec.Cmd{
		Path: "/bin/sh", Args: []string{"/bin/sh", "-c", "echo up; read end"}, Dir: "/var/task", Stdin: in, Stdout: outEnd, Stderr: errEnd,
		Env: []string{"PATH=/usr/bin:/bin"}, SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	err = box.start(cmd)
	outEnd.Close()
	errEnd.Close()
	if err != nil {
		return fmt.Errorf("%w: start a process: %w", errNotAllowed, err)
	}
	defer cmd.Wait() //nolint:errcheck // it was killed
	end := time.Now().Add(trialLimit)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	_ = out.SetReadDeadline(end) // pipes have deadlines
	_, readErr := bufio.NewReader(out).ReadString('\n')
	killErr := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	theirs.Close()
	if readErr != nil {
		_ = said.SetReadDeadline(end)
		line, _ := bufio.NewReader(said).ReadString('\n')
		return fmt.Errorf("%w: a process says %q", errNotAllowed, strings.TrimSpace(line))
	}
	if killErr != nil {
		return fmt.Errorf("%w: kill a process: %w", errNotAllowed, killErr)
	}
	return nil
}

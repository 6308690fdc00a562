// Package child runs other programs so that none of them, nor anything that they start, outlives us.
//
// It takes a Command and gives a Process whose whole process group is its property: a terminal's Ctrl-C
// does not reach the group, the end of a context or Stop does, and when the program itself has ended
// what it left behind in its group is ended too. Group by group is not enough for a program that moves
// its children into groups of their own; on Linux, Adopt makes such orphans our children and Sweep ends them.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

const (
	// Grace is how long a group may take to end by itself after SIGTERM. npm and the CDK CLI take
	// under half a second; MiniStack about one.
	Grace = 3 * time.Second

	// emptyWait bounds waiting for a killed group to be gone. SIGKILL works at once, but where the
	// first process of a container reaps nobody, zombies keep a group alive for ever.
	emptyWait = 2 * time.Second

	// pollEvery is how often a group is looked at: there is no event for "a group is empty".
	pollEvery = 10 * time.Millisecond

	// pipeWait bounds reading the output of a program that has ended while something that escaped
	// its group still holds the pipe.
	pipeWait = time.Second
)

// Command is a program to run.
type Command struct {
	Name   string    // what the user calls it, for errors: "cdk deploy"
	Args   []string  // the program and its arguments
	Dir    string    // working directory
	Env    []string  // whole environment
	Output io.Writer // both streams; may be nil
}

// Process is a running program and its process group.
type Process struct {
	name string
	cmd  *exec.Cmd
	tail *tail
	done chan struct{}
	err  error // of the program, readable when done is closed
}

// Start runs a program in a process group of its own.
func Start(c Command) (*Process, error) {
	if len(c.Args) == 0 {
		return nil, fmt.Errorf("start %s: no program given", c.Name)
	}
	p := &Process{name: c.Name, tail: &tail{next: c.Output}, done: make(chan struct{})}
	p.cmd = exec.Command(c.Args[0], c.Args[1:]...) //nolint:noctx // ended by its group, which a context cannot
	p.cmd.Dir, p.cmd.Env = c.Dir, c.Env
	p.cmd.Stdout, p.cmd.Stderr = p.tail, p.tail
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = pipeWait
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go func() {
		defer close(p.done)
		err := p.cmd.Wait()
		if errors.Is(err, exec.ErrWaitDelay) {
			err = nil // the program itself ended well
		}
		endGroup(p.cmd.Process.Pid)
		p.err = p.explain(err)
	}()
	return p, nil
}

// Run runs a program to its end, or ends it with its group when the context ends.
func Run(ctx context.Context, c Command) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	p, err := Start(c)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
		return p.Err()
	case <-ctx.Done():
		p.Stop(Grace)
		return fmt.Errorf("%s: %w", c.Name, ctx.Err())
	}
}

// Pid is the program's process id, and its group's.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended and nothing of its group is left.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the program ended, nil if well. It may be asked once Done is closed.
func (p *Process) Err() error { return p.err }

// Tail is the last lines of output.
func (p *Process) Tail() string { return p.tail.String() }

// Stop ends the group: SIGTERM, SIGKILL after grace. It returns when nothing of it is left.
func (p *Process) Stop(grace time.Duration) {
	select {
	case <-p.done:
		return
	default:
	}
	// The leader may be gone by now; its number cannot be another group's yet, because done is open.
	_ = syscall.Kill(-p.Pid(), syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	}
	_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
	<-p.done
}

func (p *Process) explain(err error) error {
	if err == nil {
		return nil
	}
	if text := p.tail.String(); text != "" {
		return fmt.Errorf("%s: %w; its last lines:\n%s", p.name, err, text)
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

// endGroup ends what a program left behind in its group, and returns when the group is empty.
func endGroup(group int) {
	for deadline := time.Now().Add(emptyWait); time.Now().Before(deadline); time.Sleep(pollEvery) {
		if errors.Is(syscall.Kill(-group, syscall.SIGKILL), syscall.ESRCH) {
			return
		}
		reap(-group)
	}
}

// reap takes the exit codes of children that nobody waits for: orphans that became ours (see Adopt).
func reap(pid int) {
	for {
		got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		if got <= 0 && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

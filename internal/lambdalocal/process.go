package lambdalocal

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// sandbox is where the processes of an environment run: what they see as /opt, /var/task, /var/runtime,
// /var/lang and /tmp. Commands and variables are given as the function sees them.
type sandbox interface {
	// start starts a command whose SysProcAttr has only Setpgid.
	start(*exec.Cmd) error
	// strays are all processes of the sandbox that are not in one of the given process groups: those
	// that a function's process started and moved elsewhere.
	strays(groups map[int]bool) []int
	// leftOut says in one line what this sandbox does not do of what Lambda does; "" if nothing.
	leftOut() string
	// skeleton are the empty folders and links that the sandbox made in the working directory.
	skeleton() []string
	close() error

	// What its processes may use, see limits.
	oomKills() int64
	freeze() bool
	thaw() error
}

// process is one process that this package started, with its process group.
type process struct {
	name   string
	cmd    *exec.Cmd
	out    []*lineReader
	exited chan struct{} // closed once it has ended and was reaped

	mu     sync.Mutex
	reaped bool
	status exitStatus
}

// exitStatus is how a process ended.
type exitStatus struct {
	code   int
	signal syscall.Signal // 0 if it exited
}

func (s exitStatus) ok() bool { return s.code == 0 && s.signal == 0 }

func (s exitStatus) String() string {
	if s.signal != 0 {
		return "signal: " + s.signal.String()
	}
	return fmt.Sprintf("exit status %d", s.code)
}

// processSpec is a process to start.
type processSpec struct {
	name   string
	source Source
	argv   []string
	env    map[string]string
	dir    string
	frames bool // give it a third output, for log messages in frames, and tell it where
}

// startProcess starts a process in its own process group (RIE supervisor) and reads its output.
func startProcess(box sandbox, logs *logStream, spec processSpec) (*process, error) {
	cmd := &exec.Cmd{
		Path: spec.argv[0], Args: spec.argv, Env: list(spec.env), Dir: spec.dir,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	p := &process{name: spec.name, cmd: cmd, exited: make(chan struct{})}
	stdout, outEnd, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer outEnd.Close()
	stderr, errEnd, err := os.Pipe()
	if err != nil {
		stdout.Close()
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer errEnd.Close()
	cmd.Stdout, cmd.Stderr = outEnd, errEnd
	var frames *os.File
	if spec.frames {
		var framesEnd *os.File
		if frames, framesEnd, err = os.Pipe(); err != nil {
			stdout.Close()
			stderr.Close()
			return nil, fmt.Errorf("make pipe: %w", err)
		}
		defer framesEnd.Close()
		cmd.ExtraFiles = []*os.File{framesEnd}
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", framesVariable, framesDescriptor))
	}
	if err := box.start(cmd); err != nil {
		stdout.Close()
		stderr.Close()
		frames.Close() // nil is no file, and says so
		return nil, fmt.Errorf("start %s: %w", spec.argv[0], err)
	}
	said := Line{Source: spec.source, Name: spec.name, Output: OutputStdout}
	p.out = append(p.out, logs.read(stdout, said, (*lineReader).lines))
	said.Output = OutputStderr
	p.out = append(p.out, logs.read(stderr, said, (*lineReader).lines))
	if frames != nil {
		said.Output = OutputFrames
		p.out = append(p.out, logs.read(frames, said, (*lineReader).frames))
	}
	go p.watch()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// watch waits for the end. What the process leaves behind in its group ends with it, before the group's
// id can become somebody else's: an environment never outlives its runtime or one of its extensions.
func (p *process) watch() {
	awaitExit(p.pid())
	p.signal(syscall.SIGKILL)
	status := waitStatus(p.cmd)
	p.mu.Lock()
	p.reaped, p.status = true, status
	p.mu.Unlock()
	close(p.exited)
}

// signal sends a signal to the process group.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		// It may have ended meanwhile; then there is nothing left to be told.
		_ = syscall.Kill(-p.pid(), sig)
	}
}

func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// end kills the process group and waits for its end, and until what it has written has become lines. Its output may
// go on: a daemon that it left behind can hold it open.
func (p *process) end() {
	p.signal(syscall.SIGKILL)
	<-p.exited
	settle(lastLines, p.out...)
}

// kill is end, and nothing comes after it. What is still open has been read and is closed.
func (p *process) kill() {
	p.end()
	var all sync.WaitGroup
	for _, r := range p.out {
		all.Go(r.drain)
	}
	all.Wait()
}

// waitStatus reaps a process that has ended or is about to.
func waitStatus(cmd *exec.Cmd) exitStatus {
	// The error repeats the status, which is read below.
	_ = cmd.Wait()
	if cmd.ProcessState == nil {
		return exitStatus{code: -1}
	}
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return exitStatus{code: cmd.ProcessState.ExitCode()}
	case ws.Signaled():
		return exitStatus{signal: ws.Signal()}
	}
	return exitStatus{code: ws.ExitStatus()}
}

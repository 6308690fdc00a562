package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// enterSetting holds, for a process of this test binary, where to go: it mounts what it is told, in the
// namespaces that it was started in, and becomes another program.
const enterSetting = "CONFORMANCE_ENTER"

type entrance struct {
	Binds []bind // in this order: the place of one may hide the folder of another
	Argv  []string
	Env   []string
}

// enter is the process's whole life; it returns only when it fails.
func enter() int {
	var e entrance
	err := json.Unmarshal([]byte(os.Getenv(enterSetting)), &e)
	if err == nil {
		// Without this, a mount made here would appear on the whole machine where its tree is shared.
		err = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	}
	for _, b := range e.Binds {
		if err == nil {
			err = syscall.Mount(b.Folder, b.Place, "", syscall.MS_BIND|syscall.MS_REC, "")
		}
	}
	if err == nil {
		err = os.Chdir("/")
	}
	if err == nil {
		err = syscall.Exec(e.Argv[0], e.Argv, e.Env)
	}
	fmt.Fprintln(os.Stderr, "enter:", err)
	return 70
}

// enteredProcess is the first process of a process namespace: with it ends all that it has started.
type enteredProcess struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// startEntered starts a program in namespaces of its own. A thread of its own waits for it, so that the
// kernel may kill it when this process dies (it goes by the thread that has started it).
func startEntered(binds []bind, argv, env []string, out io.Writer) (*enteredProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	where, err := json.Marshal(entrance{binds, argv, env})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self) //nolint:noctx // it outlives the call; kill ends it
	cmd.Env, cmd.Stdout, cmd.Stderr = []string{enterSetting + "=" + string(where)}, out, out
	cmd.WaitDelay = time.Second // for children that hold the output open
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	p := &enteredProcess{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it was killed, or its output tells
		}
	}()
	return p, <-started
}

func (p *enteredProcess) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *enteredProcess) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

func (p *enteredProcess) terminate(limit time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(limit):
		p.kill()
		return errors.New("it did not end by SIGTERM")
	}
}

// canEnter tells whether this machine lets us have namespaces.
func canEnter() error {
	var out bytes.Buffer
	p, err := startEntered([]bind{{os.TempDir(), "/opt"}}, []string{"/bin/true"}, nil, &out)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoNamespaces, err)
	}
	<-p.done
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%w: %s", errNoNamespaces, strings.TrimSpace(out.String()))
	}
	return nil
}

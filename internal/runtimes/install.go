package runtimes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// pinsFile in an installed runtime holds the pins that it was made from. It is written before the
	// folder gets its name, so a folder with its name is complete.
	pinsFile = "pins"
	// lockPoll is how often a process looks whether another one has finished installing.
	lockPoll = 200 * time.Millisecond
	// installLimit bounds an installation that downloads tens of megabytes at most, and waits for others that
	// do the same: a registry that has gone silent must not hold up a test for as long as its patience.
	installLimit = 10 * time.Minute
	// outputTail is how much of a failed command's output an error carries: the last lines have the reason.
	outputTail = 3000
)

// installer makes folders under a root, each once and all or nothing.
type installer struct {
	root     string
	progress io.Writer
	system   func(string) // Options.SystemPackages
}

func newInstaller(opt Options) (*installer, error) {
	in := &installer{root: opt.Root, progress: opt.Progress, system: opt.SystemPackages}
	if in.progress == nil {
		in.progress = io.Discard
	}
	if in.root == "" {
		checkout, err := checkoutRoot()
		if err != nil {
			return nil, err
		}
		in.root = filepath.Join(checkout, ".afterglow", "runtimes")
	}
	var err error
	if in.root, err = filepath.Abs(in.root); err != nil {
		return nil, fmt.Errorf("resolve %s: %w", in.root, err)
	}
	return in, nil
}

// checkoutRoot is the nearest folder above the working directory that has a go.mod.
func checkoutRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the working directory is in no checkout: name the folder for runtimes in Options.Root")
		}
		dir = parent
	}
}

func (in *installer) say(format string, args ...any) {
	fmt.Fprintf(in.progress, format+"\n", args...)
}

// ensure returns the folder of the named runtime, made by build unless it exists with the same pins.
// build fills a temporary folder, which gets its name only when it is complete.
func (in *installer) ensure(ctx context.Context, name, pins string, build func(ctx context.Context, dir string) error) (string, error) {
	dir := filepath.Join(in.root, name)
	if in.installed(dir, pins) {
		return dir, nil
	}
	if err := os.MkdirAll(in.root, 0o755); err != nil {
		return "", fmt.Errorf("make folder for runtimes: %w", err)
	}
	unlock, err := in.lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if in.installed(dir, pins) { // by the process that held the lock
		return dir, nil
	}
	tmp, err := os.MkdirTemp(in.root, "."+name+"-*")
	if err != nil {
		return "", fmt.Errorf("make temporary folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", fmt.Errorf("open temporary folder: %w", err)
	}
	in.say("installing %s", name)
	started := time.Now()
	if err := build(ctx, tmp); err != nil {
		return "", fmt.Errorf("install: %w", err)
	}
	if err := os.WriteFile(filepath.Join(tmp, pinsFile), []byte(pins), 0o644); err != nil {
		return "", fmt.Errorf("write pins: %w", err)
	}
	if err := replace(tmp, dir); err != nil {
		return "", err
	}
	in.say("installed %s in %.0f s", name, time.Since(started).Seconds())
	return dir, nil
}

func (in *installer) installed(dir, pins string) bool {
	have, err := os.ReadFile(filepath.Join(dir, pinsFile))
	return err == nil && string(have) == pins
}

// replace gives tmp the name dir. What had it before moves away first: rename does not replace a
// folder that is not empty.
func replace(tmp, dir string) error {
	old := tmp + ".old"
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("move old installation away: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("put installation in place: %w", err)
	}
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("remove old installation: %w", err)
	}
	return nil
}

// lock takes an advisory lock, which the kernel gives back if this process dies.
func (in *installer) lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for waited := false; ; waited = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !waited {
			in.say("waiting for another process that installs %s", strings.TrimSuffix(filepath.Base(path), ".lock"))
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another installation: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// run runs a command of the installation; its output is told only if it fails.
func (in *installer) run(ctx context.Context, dir string, env []string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	// Caches stay below the root as well: removing it leaves nothing anywhere.
	cmd.Env = append(os.Environ(), append([]string{
		"npm_config_cache=" + filepath.Join(in.root, ".cache", "npm"),
		"npm_config_update_notifier=false",
		"PIP_CACHE_DIR=" + filepath.Join(in.root, ".cache", "pip"),
		"PIP_DISABLE_PIP_VERSION_CHECK=1",
		"PIP_ROOT_USER_ACTION=ignore",
	}, env...)...)
	// Its own process group: an install script's children end with it when the context does.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		text := out.Bytes()
		if len(text) > outputTail {
			text = text[len(text)-outputTail:]
		}
		return fmt.Errorf("run %s: %w\n%s", strings.Join(argv, " "), err, bytes.TrimSpace(text))
	}
	return nil
}

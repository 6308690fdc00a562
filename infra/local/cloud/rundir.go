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
)

const (
	runPrefix = "run-"
	lockFile  = "lock"
	pidFile   = "pid"

	// controlFile has the address where a run that is up can be asked; see package control.
	controlFile = "control"
)

// runDir is the folder of one run. Its lock is held as long as the run lives, whatever ends it, so that
// a folder without a holder is known to be left over.
type runDir struct {
	root string
	lock *os.File
	logs []*os.File
}

// newRunDir makes a folder below parent, and removes what runs left there that were killed.
func newRunDir(ctx context.Context, parent string, tell func(string)) (*runDir, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of the run: %w", err)
	}
	// Two runs that begin at once must not take each other's new folder for a left-over.
	starting, err := waitLock(filepath.Join(parent, lockFile))
	if err != nil {
		return nil, fmt.Errorf("lock folder of runs: %w", err)
	}
	defer starting.Close()
	for _, dir := range runDirs(parent) {
		err := removeLeftOver(ctx, dir, tell)
		switch {
		case errors.Is(err, errStillRedirected):
			tell(err.Error()) // which is no reason not to start
		case err != nil && !errors.Is(err, errHeld):
			return nil, err
		}
	}
	root, err := os.MkdirTemp(parent, runPrefix)
	if err != nil {
		return nil, fmt.Errorf("make folder of the run: %w", err)
	}
	d := &runDir{root: root}
	if d.lock, err = tryLock(filepath.Join(root, lockFile), os.O_CREATE); err != nil {
		return nil, errors.Join(fmt.Errorf("lock folder of the run: %w", err), os.RemoveAll(root))
	}
	if err := os.WriteFile(filepath.Join(root, pidFile), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("write process id: %w", err), d.remove())
	}
	return d, nil
}

func (d *runDir) path(name string) string { return filepath.Join(d.root, name) }

func (d *runDir) logFile(name string) (*os.File, error) {
	file, err := os.OpenFile(d.path(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	d.logs = append(d.logs, file)
	return file, nil
}

// announce tells other processes where the run can be asked. Who sees the file sees all of it.
func (d *runDir) announce(url string) error {
	half := d.path(controlFile + ".half")
	if err := os.WriteFile(half, []byte(url), 0o644); err != nil {
		return fmt.Errorf("announce the run: %w", err)
	}
	if err := os.Rename(half, d.path(controlFile)); err != nil {
		return fmt.Errorf("announce the run: %w", err)
	}
	return nil
}

func (d *runDir) remove() error {
	for _, file := range d.logs {
		_ = file.Close()
	}
	err := os.RemoveAll(d.root)
	_ = d.lock.Close()
	if err != nil {
		return fmt.Errorf("remove folder of the run: %w", err)
	}
	return nil
}

// errHeld says that the run of a folder lives.
var errHeld = errors.New("held by a living run")

// waitLock takes a lock that is held for a moment only.
func waitLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("take lock: %w", err)
	}
	return file, nil
}

// tryLock takes the lock of a file, made if create is os.O_CREATE, which the kernel gives back when this process ends. Programs that we start
// do not get it: Go opens files close-on-exec.
func tryLock(path string, create int) (*os.File, error) {
	file, err := os.OpenFile(path, create|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errHeld
		}
		return nil, fmt.Errorf("take lock: %w", err)
	}
	return file, nil
}

// runDirs are the folders of runs below parent.
func runDirs(parent string) []string {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil // there was no run yet
	}
	var dirs []string
	for _, entry := range entries {
		if entry.IsDir() && strings.HasPrefix(entry.Name(), runPrefix) {
			dirs = append(dirs, filepath.Join(parent, entry.Name()))
		}
	}
	return dirs
}

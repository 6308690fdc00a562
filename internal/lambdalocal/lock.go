package lambdalocal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockName is the file of a working directory that an environment holds locked while it lives. The kernel gives the
// lock back when this process dies, however it dies.
const lockName = "lock"

// lockTries bounds how often a lock file may be gone by the time that it is locked: its owner removes it at the end.
const lockTries = 100

// lockDir takes a working directory for one environment. Two in one folder would take each other's files away.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	for range lockTries {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock working directory: %w", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, fmt.Errorf("lock working directory: %s is in use by another environment: close that one, or give this one (or its pool) another Options.Dir", dir)
			}
			return nil, fmt.Errorf("lock working directory %s: %w", dir, err)
		}
		mine, err := f.Stat()
		if there, statErr := os.Stat(path); err == nil && statErr == nil && os.SameFile(mine, there) {
			return f, nil
		}
		f.Close() // that one was on its way out
	}
	return nil, fmt.Errorf("lock working directory: %s always has another lock file", dir)
}

// unlock gives the working directory back. A second one does nothing.
func (l layout) unlock() error {
	if l.lock == nil {
		return nil
	}
	mine, err := l.lock.Stat()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	path := l.lock.Name()
	if there, statErr := os.Stat(path); err == nil && statErr == nil && os.SameFile(mine, there) {
		err = os.Remove(path)
	}
	// By name, and not only by closing it: a process that is being started may have the descriptor for a moment.
	err = errors.Join(err, syscall.Flock(int(l.lock.Fd()), syscall.LOCK_UN), l.lock.Close())
	if err != nil {
		return fmt.Errorf("unlock working directory: %w", err)
	}
	return nil
}

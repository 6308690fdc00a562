package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A sabotage is one thing that is done, from outside, to the environment with Afterglow.
type sabotage struct {
	Spool string // "deleted", "read-only", "a file", "full" with its disk, "emptied": what becomes of the spool's directory
}

// mostToFill is the size of disk that is filled: a function's own, and not this machine's.
const mostToFill = 2 << 30

func (s sabotage) do(t *testing.T, e *environment) {
	t.Helper()
	if !e.hooked {
		return
	}
	dir := filepath.Join(e.TempDir(), "afterglow")
	var err error
	switch s.Spool {
	case "deleted":
		err = os.RemoveAll(dir)
	case "read-only":
		err = os.Chmod(dir, 0o500)
	case "a file":
		if err = os.RemoveAll(dir); err == nil {
			err = os.WriteFile(dir, []byte("not a directory"), 0o644)
		}
	case "emptied":
		err = empty(dir)
	case "full":
		var disk syscall.Statfs_t
		if err := syscall.Statfs(e.TempDir(), &disk); err != nil || disk.Blocks*uint64(disk.Bsize) > mostToFill {
			t.Skipf("NOT TESTED: /tmp is no disk of its own here (%v)", err)
		}
		err = fill(filepath.Join(e.TempDir(), "everything else"))
	default:
		t.Fatalf("no such sabotage: %+v", s)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// empty deletes every file of a directory, those that are being written too.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list spool: %w", err)
	}
	for _, entry := range entries {
		err = errors.Join(err, os.Remove(filepath.Join(dir, entry.Name())))
	}
	return err
}

// fill takes all space of a disk.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("fill disk: %w", err)
	}
	defer f.Close()
	for piece := make([]byte, 1<<20); len(piece) > 0; {
		if _, err := f.Write(piece); err != nil {
			piece = piece[:len(piece)/2] // the last bytes too
		}
	}
	return nil
}

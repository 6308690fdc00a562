package conformance

import (
	"os"
	"path/filepath"
	"testing"
)

// A sabotage is one thing that is done, from outside, to the environment with Afterglow.
type sabotage struct {
	Spool string // "deleted", "read-only", "a file": what becomes of the spool's directory
}

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
	default:
		t.Fatalf("no such sabotage: %+v", s)
	}
	if err != nil {
		t.Fatal(err)
	}
}

package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// asNobody takes root's right to every file from the test's thread, until its end: setfsuid(2) takes it away with the identity.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	runtime.LockOSThread() // and never let go of: the thread ends with the test
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
}

func TestAFileThatCannotBeRead(t *testing.T) {
	asNobody(t)
	dir := t.TempDir()
	put(t, dir, "A.17.1.done", encode(t, true, begin("A"), end("A")))
	if err := os.Chmod(filepath.Join(dir, "A.17.1.done"), 0); err != nil {
		t.Fatal(err)
	}
	in := New(dir, born)
	if got := collectAs(in, true); got != "lost unreadable 1/"+fmt.Sprint(len(encode(t, true, begin("A"), end("A")))) {
		t.Errorf("got %s", got)
	}
	if got := collectAs(in, true); got != "nothing" {
		t.Errorf("it is tried again: %s", got)
	}
}

// TestAFileThatCannotBeRemoved: the directory does not let it. The next life finds nothing in it; what it is a second name of stays as it is.
func TestAFileThatCannotBeRemoved(t *testing.T) {
	for name, linked := range map[string]bool{"the spool's": false, "a second name": true} {
		t.Run(name, func(t *testing.T) {
			asNobody(t) // each test is a thread of its own
			dir, content := t.TempDir(), encode(t, true, begin("A"), end("A"))
			put(t, dir, "A.17.1.done", content)
			want := 0
			if linked {
				want = len(content)
				if err := os.Link(filepath.Join(dir, "A.17.1.done"), filepath.Join(dir, "elsewhere")); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, 0o500); err != nil { //nolint:gosec // a directory without x is of no use
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) //nolint:gosec // so that it can be removed
			in := New(dir, born)
			r := in.Collect(false)
			in.Release(r)
			if again := in.Collect(false); len(r.Invocations) != 1 || len(again.Invocations) != 0 {
				t.Errorf("%d invocations, and then %d", len(r.Invocations), len(again.Invocations))
			}
			left, err := os.ReadFile(filepath.Join(dir, "A.17.1.done"))
			if err != nil || len(left) != want {
				t.Errorf("%d bytes are left (%v)", len(left), err)
			}
			if next := collectAs(New(dir, born), true); !linked && next != "nothing" {
				t.Errorf("the next life collects %s", next)
			}
		})
	}
}

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

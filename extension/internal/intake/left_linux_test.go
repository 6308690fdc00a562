package intake

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// running starts a process that does nothing until it is ended, by end or at the test's end; a zombie stays until then.
func running(t *testing.T) (pid int, end func()) {
	t.Helper()
	c := exec.Command("cat")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = in.Close()
		_ = c.Wait() // that it was waited for before is no error of the test's
	}
	t.Cleanup(end)
	return c.Process.Pid, end
}

// over gives the number of a process that has ended.
func over(t *testing.T) int {
	t.Helper()
	pid, end := running(t)
	end()
	return pid
}

// TestFilesThatChildrenLeft: a child that ends by os._exit renames nothing. Its file goes once its process is gone and its invocation is over, and not before.
func TestFilesThatChildrenLeft(t *testing.T) {
	handler, _ := running(t)
	living, _ := running(t)
	parent := func(id string) step {
		return write(fmt.Sprintf("%s.%d.1.done", id, handler), process(handler), begin(id), end(id))
	}
	child := func(id string, pid int) step {
		return write(fmt.Sprintf("%s.%d.1.open", id, pid), process(pid), call(id, "c"), callEnd(id, "c"))
	}
	gone, stranger := over(t), over(t)
	stays := func(id string, pid int) string { return fmt.Sprintf("files: %s.%d.1.open", id, pid) }
	tests := []struct {
		name       string
		concurrent bool
		steps      []step
		want       []string
	}{
		{"with its invocation", false, []step{announce("A"), parent("A"), child("A", gone), collect, list}, []string{"A c", "files:"}},
		{
			"in the middle of a call, whose end nobody can write any more", false,
			[]step{announce("A"), parent("A"), write(fmt.Sprintf("A.%d.1.open", gone), process(gone), call("A", "c")), collect, list}, []string{"A c(open)", "files:"},
		},
		{"its invocation goes on", false, []step{announce("A"), child("A", gone), collect, list, parent("A"), collect, list}, []string{"nothing", stays("A", gone), "A c", "files:"}},
		{"it lives", false, []step{announce("A"), parent("A"), child("A", living), collect, list, announce("B"), parent("B"), collect, list}, []string{"A c", stays("A", living), "B", stays("A", living)}},
		{
			"it lived until the next invocation", false,
			[]step{announce("A"), parent("A"), collect, announce("B"), child("A", gone), collect, list, parent("B"), collect}, []string{"A", "A late c", "files:", "B"},
		},
		{"an invocation that nobody knows, where there are several at once", true, []step{announce("A"), parent("A"), collect, child("B", gone), collect, list}, []string{"A", "nothing", stays("B", gone)}},
		{
			"nobody can see the function's processes", false,
			[]step{announce("A"), write(fmt.Sprintf("A.%d.1.done", stranger), process(stranger), begin("A"), end("A")), child("A", gone), collect, list}, []string{"A c", stays("A", gone)},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			walk(t, append([]step{func(_ *testing.T, _ string, in *Intake) string { in.Concurrent = test.concurrent; return "" }}, test.steps...), test.want)
		})
	}
}

// TestHasEnded tells a process that runs from one that is gone and from one that is there for its parent alone.
func TestHasEnded(t *testing.T) {
	if hasEnded(os.Getpid()) {
		t.Error("this process runs")
	}
	if !hasEnded(over(t)) {
		t.Error("a process that was waited for is gone")
	}
	if !isZombie(fieldsOf([]byte("17 (Z) S) Z 1 1"))) || isZombie(fieldsOf([]byte("17 (Z) S 1 1"))) || isZombie(nil) {
		t.Error("a zombie is told by its state")
	}
}

// TestMoreChildrenThanNames: an invocation with more children than are listed. Their files go though nobody sees its own, which may stand behind them, and each call is given once.
func TestMoreChildrenThanNames(t *testing.T) {
	const children = MaxNames + 500
	dir := t.TempDir()
	handler, _ := running(t)
	gone := over(t)
	in := New(dir, born)
	in.join.hooked.PID = handler
	in.Announce(Announcement{ID: "A"})
	for n := range children {
		id := fmt.Sprintf("c%d", n)
		put(t, dir, fmt.Sprintf("A.%d.%d.open", gone, n+1), encode(t, true, process(gone), call("A", id), callEnd("A", id)))
	}
	in.Concurrent = true // so that no file is whole because there is a newer one
	rounds(t, in, false)
	put(t, dir, fmt.Sprintf("A.%d.1.done", handler), encode(t, true, process(handler), begin("A"), end("A")))
	given, _ := rounds(t, in, false)
	calls, late := 0, int64(0)
	for _, inv := range given {
		calls += len(inv.Calls)
		for _, l := range inv.Lost {
			late += l.Records
		}
	}
	if lost := int64(2 * (children - MaxCalls)); calls != MaxCalls || late != lost {
		t.Errorf("%d calls of %d, %d records lost, want %d", calls, children, late, lost)
	}
	if names, err := Names(dir); len(names) > 0 || err != nil {
		t.Errorf("%d files are left, %v", len(names), err)
	}
}

// TestWhatIsNotListedIsNotForgotten: a file that was read and is not among the names of a look, because there are too many, is not read from its beginning again.
func TestWhatIsNotListedIsNotForgotten(t *testing.T) {
	dir := t.TempDir()
	living, _ := running(t)
	in := New(dir, born)
	in.Announce(Announcement{ID: "A"})
	name := spool.Name{Invocation: "A", PID: living, Number: 1, State: spool.StateOpen}
	put(t, dir, name.String(), encode(t, true, process(living), call("A", "c"), callEnd("A", "c")))
	in.Collect(false)
	if len(in.progress) != 1 {
		t.Fatalf("remembered: %v", in.progress)
	}
	in.forget(nil)
	if in.progress[keyOf(name)] == 0 {
		t.Error("a file that is there was forgotten because it was not listed")
	}
	done := name
	done.State = spool.StateDone
	if err := os.Rename(filepath.Join(dir, name.String()), filepath.Join(dir, done.String())); err != nil {
		t.Fatal(err)
	}
	in.forget(nil)
	if in.progress[keyOf(name)] == 0 {
		t.Error("a file that was renamed meanwhile was forgotten")
	}
	if err := os.Remove(filepath.Join(dir, done.String())); err != nil {
		t.Fatal(err)
	}
	in.forget(nil)
	if len(in.progress)+len(in.seen) > 0 {
		t.Errorf("remembered of a file that is gone: %v %v", in.progress, in.seen)
	}
}

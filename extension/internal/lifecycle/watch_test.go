package lifecycle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
)

// A spoolDir is a spool directory that a test plays the hook in.
type spoolDir struct {
	t   *testing.T
	dir string
	*Watch
}

// soon is the patience of these tests with a hook that says nothing.
const soon = 30 * time.Millisecond

func newSpoolDir(t *testing.T) *spoolDir {
	dir := filepath.Join(t.TempDir(), "afterglow")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return watched(t, dir)
}

func watched(t *testing.T, dir string) *spoolDir {
	w := NewWatch(dir, time.Now().Add(-time.Minute).After)
	w.appearance = soon
	t.Cleanup(func() {
		if w.notify != nil {
			w.notify.close()
		}
	})
	return &spoolDir{t, dir, w}
}

// open makes the file of a process that runs the handler, or of a child.
func (d *spoolDir) open(name string, child bool) { d.t.Helper(); d.make(name, child, 0) }

// openUntil makes the file of an invocation with a deadline.
func (d *spoolDir) openUntil(name string, deadline time.Time) {
	d.t.Helper()
	d.make(name, false, deadline.UnixMilli())
}

func (d *spoolDir) make(name string, child bool, deadline int64) {
	d.t.Helper()
	n, ok := spool.ParseName(name)
	if !ok {
		d.t.Fatalf("bad name %s", name)
	}
	mark := spool.NewMark()
	b := spool.AppendHead(nil, mark)
	b, _ = spool.AppendRecord(b, mark, spool.Header{Kind: spool.KindProcess, Process: &spool.Process{PID: n.PID}})
	if !child && n.Invocation != spool.InvocationInit {
		b, _ = spool.AppendRecord(b, mark, spool.Header{Kind: spool.KindInvocationStart, Invocation: n.Invocation, Deadline: deadline})
	}
	if err := os.WriteFile(filepath.Join(d.dir, name), b, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *spoolDir) rename(name string) {
	d.t.Helper()
	n, _ := spool.ParseName(name)
	if err := os.Rename(filepath.Join(d.dir, name), filepath.Join(d.dir, n.Done().String())); err != nil {
		d.t.Error(err)
	}
}

// await starts an Await and gives the channel of its result. It returns when Await has begun to wait, or ended.
func (d *spoolDir) await(ctx context.Context, id string) chan Ending {
	return d.awaitAttempt(ctx, Attempt{ID: id})
}

func (d *spoolDir) awaitAttempt(ctx context.Context, a Attempt) chan Ending {
	result := make(chan Ending, 1)
	go func() { result <- d.Await(ctx, a) }()
	return result
}

func (d *spoolDir) expect(got chan Ending, want Ending) {
	d.t.Helper()
	select {
	case e := <-got:
		if e != want {
			d.t.Errorf("got %v, want %v", e, want)
		}
	case <-time.After(10 * time.Second):
		d.t.Fatalf("still waiting for %v", want)
	}
}

func (d *spoolDir) stillWaits(got chan Ending) {
	d.t.Helper()
	select {
	case e := <-got:
		d.t.Fatalf("it ended: %v", e)
	case <-time.After(soon / 3): // a moment is enough for a mistake to show; none shows by waiting longer
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestAwaitSeesTheEnd(t *testing.T) {
	tests := []struct {
		name   string
		before func(*spoolDir) // what is there when Lambda tells of the invocation
		during func(*spoolDir, chan Ending)
		want   Ending
	}{
		{"no directory", func(d *spoolDir) { os.Remove(d.dir) }, nil, NoHook},
		{"an empty directory", nil, nil, NoHook},
		{"only what an earlier life left", func(d *spoolDir) {
			d.open("A.17.1.done", false)
			before := time.Now().Add(-time.Hour)
			os.Chtimes(filepath.Join(d.dir, "A.17.1.done"), before, before)
		}, nil, NoHook},
		{"only what is not ours", func(d *spoolDir) {
			os.WriteFile(filepath.Join(d.dir, "notes"), nil, 0o600)
			os.Symlink("notes", filepath.Join(d.dir, "init.17.1.open"))
		}, nil, NoHook},
		{"over before anybody looked", func(d *spoolDir) { d.open("A.17.1.done", false) }, nil, Ended},
		{"it begins and ends", func(d *spoolDir) { d.open("init.17.1.open", false) }, func(d *spoolDir, got chan Ending) {
			d.rename("init.17.1.open")
			d.open("A.17.2.open", false)
			d.stillWaits(got)
			d.rename("A.17.2.open")
		}, Ended},
		{"a hook that says nothing", func(d *spoolDir) { d.open("init.17.1.open", false) }, nil, Silent},
		{"a child ends, and lives on", func(d *spoolDir) { d.open("A.17.1.open", false) }, func(d *spoolDir, got chan Ending) {
			d.open("A.21.1.open", true)
			d.rename("A.21.1.open")
			d.open("A.22.1.open", true)
			d.stillWaits(got)
			d.rename("A.17.1.open")
		}, Ended},
		{"another invocation ends", func(d *spoolDir) { d.open("A.17.1.open", false); d.open("B.17.2.open", false) }, func(d *spoolDir, got chan Ending) {
			d.rename("B.17.2.open")
			d.stillWaits(got)
			d.rename("A.17.1.open")
		}, Ended},
		{"many files that are not ours", func(d *spoolDir) { d.open("A.17.1.open", false) }, func(d *spoolDir, got chan Ending) {
			for n := range 1000 {
				os.WriteFile(filepath.Join(d.dir, "x"+string(rune('a'+n%26))), nil, 0o600)
			}
			d.rename("A.17.1.open")
		}, Ended},
		{"the directory is removed and comes back", func(d *spoolDir) { d.open("A.17.1.open", false); d.hooked, d.appearance = true, time.Minute }, func(d *spoolDir, got chan Ending) {
			os.RemoveAll(d.dir)
			d.stillWaits(got)
			if err := os.Mkdir(d.dir, 0o700); err != nil { // it is the hook's to make: the function may put something else there
				d.t.Error(err)
			}
			d.open("A.17.2.open", false)
			d.rename("A.17.2.open")
		}, Ended},
	}
	for _, test := range tests {
		for mode, poll := range map[string]bool{"": false, ", polling": true} {
			t.Run(test.name+mode, func(t *testing.T) {
				d := newSpoolDir(t)
				if test.before != nil {
					test.before(d)
				}
				if poll {
					d.notify = nil
					d.noNotify = true
				}
				got := d.await(within(t, 20*time.Second), "A")
				if test.during != nil {
					test.during(d, got)
				}
				d.expect(got, test.want)
			})
		}
	}
}

func TestAwaitEndsInTime(t *testing.T) {
	d := newSpoolDir(t)
	d.open("A.17.1.open", false)
	d.expect(d.await(within(t, soon), "A"), Expired)
	ctx, cancel := context.WithCancel(t.Context())
	d.open("C.17.3.open", false)
	got := d.await(ctx, "C")
	d.stillWaits(got)
	cancel()
	d.expect(got, Expired)
}

func TestRequestIDThatIsNoName(t *testing.T) {
	d := newSpoolDir(t)
	d.open("none.17.1.open", false)
	got := d.await(within(t, 20*time.Second), "a/b")
	d.stillWaits(got)
	d.rename("none.17.1.open")
	d.expect(got, Ended)
}

// TestAnotherAttempt has the id of the one before, whose files nobody collected yet.
func TestAnotherAttempt(t *testing.T) {
	for mode, poll := range map[string]bool{"notified": false, "polling": true} {
		t.Run(mode, func(t *testing.T) {
			d := newSpoolDir(t)
			d.noNotify = poll
			d.appearance = 10 * time.Second
			d.open("A.17.1.done", false)
			d.open("A.21.1.open", true) // a child that lives on
			d.expect(d.await(within(t, 20*time.Second), "A"), Ended)
			got := d.await(within(t, 20*time.Second), "A")
			d.stillWaits(got)
			d.open("A.17.2.open", false)
			d.stillWaits(got)
			d.rename("A.17.2.open")
			d.expect(got, Ended)
			d.appearance = soon
			d.open("A.17.3.open", false)
			d.expect(d.await(within(t, soon), "A"), Expired)
			d.rename("A.17.3.open") // in the margin, when nobody looked any more
			d.expect(d.await(within(t, 20*time.Second), "A"), Silent)
		})
	}
}

// TestAnotherAttemptAfterOneThatNobodyAwaited: the file of the first is there and done, and tells nothing of the second.
func TestAnotherAttemptAfterOneThatNobodyAwaited(t *testing.T) {
	first := time.Now().Truncate(time.Millisecond).Add(time.Minute)
	second := first.Add(time.Minute)
	for mode, poll := range map[string]bool{"notified": false, "polling": true} {
		t.Run(mode, func(t *testing.T) {
			d := newSpoolDir(t)
			d.noNotify = poll
			d.appearance = 10 * time.Second
			d.openUntil("A.17.1.open", first)
			d.rename("A.17.1.open")
			got := d.awaitAttempt(within(t, 20*time.Second), Attempt{ID: "A", Deadline: second, Again: true})
			d.stillWaits(got)
			d.openUntil("A.17.2.open", second)
			d.stillWaits(got)
			d.rename("A.17.2.open")
			d.expect(got, Ended)
		})
	}
	t.Run("over before anybody looked", func(t *testing.T) {
		d := newSpoolDir(t)
		for n, deadline := range []time.Time{first, second} {
			name := fmt.Sprintf("A.17.%d.open", n+1)
			d.openUntil(name, deadline)
			d.rename(name)
		}
		d.expect(d.awaitAttempt(within(t, 20*time.Second), Attempt{ID: "A", Deadline: second, Again: true}), Ended)
	})
	t.Run("a hook that writes down no deadline", func(t *testing.T) {
		d := newSpoolDir(t)
		d.open("A.17.1.done", false)
		d.expect(d.awaitAttempt(within(t, 20*time.Second), Attempt{ID: "A", Deadline: second, Again: true}), Ended)
	})
}

// TestSilentHook: after a few invocations without a word none is waited for, until there is one.
func TestSilentHook(t *testing.T) {
	d := newSpoolDir(t)
	d.open("init.17.1.open", false)
	d.open("old.21.1.open", true) // a child that never goes away is no sign of life
	for range mostSilent {
		d.expect(d.await(within(t, 20*time.Second), "A"), Silent)
	}
	start := time.Now()
	d.expect(d.await(within(t, 20*time.Second), "A"), Silent)
	if took := time.Since(start); took > soon {
		t.Errorf("waited for %v", took)
	}
	d.open("B.17.2.done", false)
	got := d.await(within(t, 20*time.Second), "C")
	d.open("C.17.3.open", false)
	d.rename("C.17.3.open")
	d.expect(got, Ended)
}

// TestRecordsWakeNobody: a hook writes many records, and each would wake the extension up beside the function.
func TestRecordsWakeNobody(t *testing.T) {
	d := newSpoolDir(t)
	n, err := newNotifier(d.dir)
	if err != nil {
		t.Skip(err) // outside Linux
	}
	defer n.close()
	d.open("A.17.1.open", false)
	any := func(string) {}
	if err := n.wait(t.Context(), time.Now().Add(10*time.Second), any); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(d.dir, "A.17.1.open"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("record"); err != nil {
		t.Fatal(err)
	}
	if err := n.wait(t.Context(), time.Now().Add(soon), any); err == nil || !n.alive() {
		t.Errorf("woken up by a record: %v", err)
	}
}

// TestTheDirectoryIsReadOnce: files wait there by the hundred, and whoever was told of what has come since does not have to look through them again.
func TestTheDirectoryIsReadOnce(t *testing.T) {
	d := newSpoolDir(t)
	d.open("A.17.1.done", false)
	d.expect(d.await(within(t, 20*time.Second), "A"), Ended)
	if d.notify == nil {
		t.Skip("the system cannot tell of changes")
	}
	d.open("B.17.2.open", false)
	d.rename("B.17.2.open")
	names, err := d.list()
	if err != nil || d.read || len(names) != 2 || names[0].String() != "B.17.2.open" || names[1].String() != "B.17.2.done" {
		t.Errorf("%v, %v; the directory was read: %v", names, err, d.read)
	}
	d.expect(d.await(within(t, 20*time.Second), "B"), Ended)
	for n := range mostKnown {
		d.open(fmt.Sprintf("C.21.%d.open", n+1), true)
	}
	d.open("D.17.3.done", false)
	if names, err := d.list(); err != nil || !d.read || len(names) != mostKnown+3 {
		t.Errorf("of more than is remembered: %d names, %v; the directory was read: %v", len(names), err, d.read)
	}
	d.expect(d.await(within(t, 20*time.Second), "D"), Ended)
}

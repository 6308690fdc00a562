package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

const mark = "0123456789abcdef"

// born is before every file that a test writes but those that it makes older.
var born = time.Now().Add(-time.Hour)

// A rec is a record to be written.
type rec struct {
	spool.Header
	parts []string
}

func process(pid int) rec {
	return rec{Header: spool.Header{Kind: spool.KindProcess, Process: &spool.Process{PID: pid, Runtime: "python", Env: map[string]string{"_HANDLER": "a.b"}}}}
}

func begin(id string) rec {
	return rec{Header: spool.Header{Kind: spool.KindInvocationStart, Invocation: id, Time: 1_000_000, ARN: "arn:" + id, Parts: []spool.Part{{Of: "event"}}}, parts: []string{`{}`}}
}

func end(id string) rec {
	return rec{Header: spool.Header{Kind: spool.KindInvocationEnd, Invocation: id, Time: 1_500_000, Duration: 500_000}}
}

func failedEnd(id string) rec {
	r := end(id)
	r.Error = &spool.Error{Type: "ValueError", Message: "m"}
	return r
}

func call(inv, id string) rec {
	return rec{Header: spool.Header{Kind: spool.KindCallStart, Invocation: inv, Call: id, Time: 1_100_000, Method: "GET", URL: "http://x/" + id, Parts: []spool.Part{{Of: "request"}}}, parts: []string{"q"}}
}

func callEnd(inv, id string) rec {
	return rec{Header: spool.Header{Kind: spool.KindCallEnd, Invocation: inv, Call: id, Time: 1_200_000, Duration: 100_000, Status: 200}}
}

func lost(inv, reason string, records int64) rec {
	return rec{Header: spool.Header{Kind: spool.KindLoss, Invocation: inv, Time: 1_600_000, Reason: reason, Records: records, Bytes: 1}}
}

func raw(s string) rec { return rec{Header: spool.Header{Kind: "raw"}, parts: []string{s}} }

// encode makes the bytes of records; raw ones as they are.
func encode(t testing.TB, head bool, records ...rec) []byte {
	t.Helper()
	var b []byte
	if head {
		b = spool.AppendHead(b, mark)
	}
	for _, r := range records {
		if r.Kind == "raw" {
			b = append(b, r.parts[0]...)
			continue
		}
		var parts [][]byte
		for _, p := range r.parts {
			parts = append(parts, []byte(p))
		}
		var err error
		if b, err = spool.AppendRecord(b, mark, r.Header, parts...); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// A step is something that happens to the directory, or a Collect.
type step func(t *testing.T, dir string, in *Intake) string

func write(name string, records ...rec) step {
	return func(t *testing.T, dir string, _ *Intake) string {
		put(t, dir, name, encode(t, true, records...))
		return ""
	}
}

func appendTo(name string, records ...rec) step {
	return func(t *testing.T, dir string, _ *Intake) string {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Write(encode(t, false, records...)); err != nil {
			t.Fatal(err)
		}
		return ""
	}
}

func writeBytes(name, content string) step {
	return func(t *testing.T, dir string, _ *Intake) string {
		put(t, dir, name, []byte(content))
		return ""
	}
}

func put(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(name string) step {
	return func(t *testing.T, dir string, _ *Intake) string {
		n, _ := spool.ParseName(name)
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, n.Done().String())); err != nil {
			t.Fatal(err)
		}
		return ""
	}
}

// old makes a file one of an earlier life.
func old(name string) step {
	return func(t *testing.T, dir string, _ *Intake) string {
		before := born.Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, name), before, before); err != nil {
			t.Fatal(err)
		}
		return ""
	}
}

func announce(id string) step {
	return func(_ *testing.T, _ string, in *Intake) string {
		in.Announce(Announcement{ID: id, ARN: "announced:" + id, Trace: "Root=" + id, Deadline: time.Unix(10, 0)})
		return ""
	}
}

func collect(_ *testing.T, _ string, in *Intake) string { return collectAs(in, false) }

func final(_ *testing.T, _ string, in *Intake) string { return collectAs(in, true) }

func collectAs(in *Intake, final bool) string {
	r := in.Collect(final)
	in.Release(r)
	var lines []string
	for _, inv := range r.Invocations {
		lines = append(lines, show(inv))
	}
	for _, l := range r.Lost {
		lines = append(lines, fmt.Sprintf("lost %s %d/%d", l.Reason, l.Records, l.Bytes))
	}
	if r.More {
		lines = append(lines, "more")
	}
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "; ")
}

func list(t *testing.T, dir string, _ *Intake) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"files:"}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	sort.Strings(names[1:])
	return strings.Join(names, " ")
}

// show writes an invocation in one line.
func show(inv event.Invocation) string {
	var b strings.Builder
	b.WriteString(inv.ID)
	flag := func(on bool, s string) {
		if on {
			b.WriteString(" " + s)
		}
	}
	flag(inv.Open, "open")
	flag(inv.Late, "late")
	flag(inv.Outcome != "", inv.Outcome)
	flag(inv.Error != nil, "failed")
	flag(inv.Start.IsZero() && !inv.Late, "unseen")
	for _, c := range inv.Calls {
		b.WriteString(" " + c.ID)
		if c.Open {
			b.WriteString("(open)")
		}
		if c.EndMissing {
			b.WriteString("(end missing)")
		}
		if c.Init {
			b.WriteString("(init)")
		}
	}
	for _, l := range inv.Lines {
		b.WriteString(" " + strconv.Quote(l.Body.Reveal()))
	}
	for _, l := range inv.Lost {
		fmt.Fprintf(&b, " lost:%s:%d", l.Reason, l.Records)
	}
	return b.String()
}

func TestCollect(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
		want  []string // what the steps say, those without words left out
	}{
		{"no directory", []step{func(t *testing.T, dir string, _ *Intake) string { os.Remove(dir); return "" }, collect}, []string{"nothing"}},
		{"an invocation with two calls", []step{
			announce("A"),
			write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), callEnd("A", "17-1"), call("A", "17-2"), callEnd("A", "17-2"), end("A")),
			collect, list,
		}, []string{"A 17-1 17-2", "files:"}},
		{"a running invocation is left alone", []step{
			announce("A"), write("A.17.1.open", process(17), begin("A"), call("A", "17-1")), collect, list,
			appendTo("A.17.1.open", callEnd("A", "17-1"), end("A")), rename("A.17.1.open"), collect, list,
		}, []string{"nothing", "files: A.17.1.open", "A 17-1", "files:"}},
		{"calls before the first invocation are the first invocation's", []step{
			announce("A"),
			write("init.17.1.done", process(17), call("init", "17-1"), callEnd("init", "17-1")),
			write("A.17.2.done", process(17), begin("A"), call("A", "17-2"), callEnd("A", "17-2"), end("A")),
			collect,
		}, []string{"A 17-1(init) 17-2"}},
		{"a call of the init that ends in the first invocation", []step{
			announce("A"),
			write("init.17.1.done", process(17), call("init", "17-1")),
			write("A.17.2.done", process(17), begin("A"), callEnd("init", "17-1"), end("A")),
			collect,
		}, []string{"A 17-1(init)"}},
		{"an init without an invocation", []step{
			write("init.17.1.open", process(17), call("init", "17-1"), callEnd("init", "17-1")), collect, final, list,
		}, []string{"nothing", "init 17-1", "files:"}},
		{"an init that did nothing", []step{write("init.17.1.open", process(17)), final, list}, []string{"nothing", "files:"}},
		{"an init that failed", []step{
			write("init.17.1.open", process(17), rec{Header: spool.Header{Kind: spool.KindInitError, Invocation: "init", Time: 5, Error: &spool.Error{Type: "ImportError"}}}), final,
		}, []string{"init failed"}},
		{"a call that ends after its invocation is given with the next one", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), end("A")), collect,
			announce("B"), write("B.17.2.done", process(17), begin("B"), callEnd("A", "17-1"), end("B")), collect,
		}, []string{"A", "B; A late 17-1"}},
		{"a call that does not end is given open after one more invocation", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), end("A")), collect,
			announce("B"), write("B.17.2.done", process(17), begin("B"), end("B")), collect,
			announce("C"), write("C.17.3.done", process(17), begin("C"), callEnd("A", "17-1"), end("C")), collect,
		}, []string{"A", "B; A late 17-1(open)", "C lost:orphan-end:1"}},
		{"a call whose end may be among what was left out is not given open", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), call("A", "17-2"), callEnd("A", "17-2"), failedEnd("A"), lost("A", "invocation-full", 3)), collect,
		}, []string{"A failed 17-2 17-1(end missing) lost:invocation-full:3"}},
		{"nor is one of a process that could not write", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), end("A")), collect,
			announce("B"), write("B.17.2.done", process(17), begin("B"), end("B"), lost("B", "write-failed", 1)), collect,
		}, []string{"A", "B lost:write-failed:1; A late 17-1(end missing)"}},
		{"but where its end comes it is there", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), end("A"), lost("A", "invocation-full", 1)), collect,
			announce("B"), write("B.17.2.done", process(17), begin("B"), callEnd("A", "17-1"), end("B")), collect,
		}, []string{"A lost:invocation-full:1", "B; A late 17-1"}},
		{"and where another process left out something, or only headers, it is open", []step{
			announce("A"),
			write("A.21.1.open", process(21), lost("A", "invocation-full", 1)),
			write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), lost("A", "headers", 3), failedEnd("A")), collect,
		}, []string{"A failed 17-1(open) lost:invocation-full:1"}},
		{"a call that does not end is given open at the end", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), end("A")), collect, final,
		}, []string{"A", "A late 17-1(open)"}},
		{"a failed invocation takes its open calls with it", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), failedEnd("A")), collect,
		}, []string{"A failed 17-1(open)"}},
		{"a killed invocation", []step{
			announce("A"), write("A.17.1.open", process(17), begin("A"), call("A", "17-1")), final, list,
		}, []string{"A open timeout 17-1(open)", "files:"}},
		{"what an earlier life left", []step{
			write("init.17.1.open", process(17)), old("init.17.1.open"),
			write("A.17.2.open", process(17), begin("A"), call("A", "17-1")), old("A.17.2.open"),
			write("init.17.3.open", process(17)),
			announce("B"), collect, list,
		}, []string{"A open 17-1(open)", "files: init.17.3.open"}},
		{"ids of processes come again after a reset", []step{
			write("A.17.9.open", process(17), begin("A"), call("A", "17-1")), old("A.17.9.open"),
			announce("B"), write("B.17.1.open", process(17), begin("B")), collect, list,
			appendTo("B.17.1.open", call("B", "17-1"), callEnd("B", "17-1"), end("B")), rename("B.17.1.open"), collect,
		}, []string{"A open 17-1(open)", "files: B.17.1.open", "B 17-1"}},
		{"a file that was never renamed ends with its process' next one", []step{
			announce("B"), write("A.17.1.open", process(17), begin("A"), end("A")), write("B.17.2.done", process(17), begin("B"), end("B")), collect, list,
		}, []string{"A; B", "files:"}},
		{"a child process that lives on", []step{
			announce("A"),
			write("A.17.1.done", process(17), begin("A"), end("A")),
			write("A.21.1.open", process(21), call("A", "21-1"), callEnd("A", "21-1"), call("A", "21-2")), collect, list,
			appendTo("A.21.1.open", callEnd("A", "21-2")), announce("B"), write("B.17.2.done", process(17), begin("B"), end("B")), collect,
			rename("A.21.1.open"), announce("C"), write("C.17.3.done", process(17), begin("C"), end("C")), collect, list,
		}, []string{"A 21-1", "files: A.21.1.open", "B; A late 21-2", "C", "files:"}},
		{"a child process before its parent's file is complete", []step{
			announce("A"), write("A.17.1.open", process(17), begin("A")), write("A.21.1.done", process(21), call("A", "21-1"), callEnd("A", "21-1")), collect,
			appendTo("A.17.1.open", end("A")), rename("A.17.1.open"), collect,
		}, []string{"nothing", "A 21-1"}},
		{"a child process that cannot know", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), end("A")),
			write("none.21.1.open", process(21), call("none", "21-1"), callEnd("none", "21-1")),
			write("init.22.1.done", process(22), call("init", "22-1"), callEnd("init", "22-1")), collect,
		}, []string{"A 22-1 21-1"}},
		{"a child whose parent never tells", []step{
			announce("A"), write("A.21.1.done", process(21), call("A", "21-1"), callEnd("A", "21-1")), collect,
			announce("B"), write("B.17.2.done", process(17), begin("B"), end("B")), collect,
		}, []string{"nothing", "A unseen 21-1; B"}},
		{"a request id that cannot be a file's name", []step{
			announce("a/b"), write("none.17.1.done", process(17), begin("a/b"), call("a/b", "17-1"), callEnd("a/b", "17-1"), end("a/b")), collect,
		}, []string{"a/b 17-1"}},
		{"another attempt at the same invocation", []step{
			announce("A"), write("A.17.1.done", process(17), begin("A"), call("A", "17-1"), callEnd("A", "17-1"), failedEnd("A")),
			write("A.17.2.done", process(17), beginUntil("A", 60), call("A", "17-2"), callEnd("A", "17-2"), end("A")), collect,
			announce("A"), write("A.17.3.done", process(17), beginUntil("A", 120), end("A")), collect,
		}, []string{"A failed 17-1; A 17-2", "A"}},
		{"an end without a start", []step{
			announce("A"), write("A.17.1.done", process(17), end("A")), collect,
		}, []string{"A"}},
		{"losses of the hook's", []step{
			announce("A"),
			write("A.17.1.done", process(17), begin("A"), rec{Header: spool.Header{Kind: spool.KindLoss, Invocation: "A", Reason: "spool-full", Records: 3}},
				rec{Header: spool.Header{Kind: spool.KindLoss, Invocation: "A", Reason: "<b>NOT A WORD</b>", Records: 1}}, end("A")), collect,
		}, []string{"A lost:spool-full:3 lost:unknown:1"}},
		{"torn, corrupt and unknown records", []step{
			announce("A"),
			write("A.17.1.done", process(17), begin("A"), raw("@"+mark+" 99999 {\"kind\":\"call.start\""), call("A", "17-1"), raw("@"+mark+" 0 [1]\n\n"),
				rec{Header: spool.Header{Kind: "future"}}, callEnd("A", "17-1"), callEnd("A", "17-9"), end("A"), raw("@"+mark+" 5 {")), collect,
		}, []string{"A 17-1 lost:orphan-end:1 lost:torn:2 lost:corrupt-record:1 lost:unknown-kind:1"}},
		{"files that are none, or of a later version", []step{
			announce("A"), writeBytes("A.17.1.done", "hello"), writeBytes("A.18.1.done", "afterglow-spool 2 "+mark+"\n"), writeBytes("A.19.1.done", "afterglow-sp"), writeBytes("A.20.1.done", ""), collect, list,
			write("A.17.2.done", process(17), begin("A"), end("A")), collect, final,
		}, []string{"nothing", "files:", "A lost:corrupt-file:1 lost:newer-version:1 lost:torn:1", "nothing"}},
		{"losses that nobody can carry are told at the end", []step{writeBytes("A.17.1.done", "hello"), collect, final}, []string{"nothing", "lost corrupt-file 1/5"}},
		{"a corrupt file that still grows is counted once", []step{
			announce("A"), writeBytes("A.21.1.open", "hello"), collect, appendTo("A.21.1.open", raw(" world")), collect, rename("A.21.1.open"), collect, final, list,
		}, []string{"nothing", "nothing", "nothing", "lost corrupt-file 1/11", "files:"}},
		{"what is not ours stays", []step{
			writeBytes("notes.txt", "x"), writeBytes("A.17.1.done.bak", "x"), writeBytes("A.0.1.done", "x"), writeBytes("A B.17.1.done", "x"),
			func(t *testing.T, dir string, _ *Intake) string {
				put(t, dir, "target", encode(t, true, process(1), begin("Z"), end("Z")))
				if err := os.Symlink(filepath.Join(dir, "target"), filepath.Join(dir, "Z.1.1.done")); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(filepath.Join(dir, "Y.1.1.done"), 0o700); err != nil {
					t.Fatal(err)
				}
				return ""
			}, final, list,
		}, []string{"nothing", "files: A B.17.1.done A.0.1.done A.17.1.done.bak Y.1.1.done Z.1.1.done notes.txt target"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := walk(t, test.steps, test.want)
			if len(in.progress) > 1 || len(in.broken) > 0 || len(in.join.open) > 1 || in.join.kept > 1 {
				t.Errorf("left behind: %v %v %v %d", in.progress, in.broken, in.join.open, in.join.kept)
			}
		})
	}
}

// walk takes steps and compares what they say.
func walk(t *testing.T, steps []step, want []string) *Intake {
	t.Helper()
	dir := t.TempDir()
	in := New(dir, born)
	var got []string
	for _, s := range steps {
		if words := s(t, dir, in); words != "" {
			got = append(got, words)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return in
}

// TestHeadersThatWereLeftOut: they are no records, and where none were wanted none are missing.
func TestHeadersThatWereLeftOut(t *testing.T) {
	left := rec{Header: spool.Header{Kind: spool.KindLoss, Invocation: "A", Reason: "headers", Records: 3, Bytes: 90}}
	for _, test := range []struct {
		name     string
		unwanted bool
		want     event.Cut
	}{{"there was no room", false, event.Cut{Headers: 6, Bytes: 180}}, {"they are not wanted", true, event.Cut{}}} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "A.17.1.done", encode(t, true, process(17), begin("A"), call("A", "17-1"), callEnd("A", "17-1"), left, left, end("A")))
			in := New(dir, born)
			in.NoHeaders = test.unwanted
			inv := in.Collect(false).Invocations[0]
			if inv.Cut != test.want || len(inv.Lost) != 0 {
				t.Errorf("cut %+v, lost %+v", inv.Cut, inv.Lost)
			}
		})
	}
}

package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

func TestMoreFilesThanARoundTakes(t *testing.T) {
	dir := t.TempDir()
	const files = MaxFiles + 10
	for n := range files {
		id := fmt.Sprintf("R%d", n)
		put(t, dir, fmt.Sprintf("%s.17.%d.done", id, n+1), encode(t, true, process(17), begin(id), end(id)))
	}
	in := New(dir, born)
	first := in.Collect(true)
	if len(first.Invocations) != MaxFiles || !first.More {
		t.Errorf("first round: %d invocations, more %v", len(first.Invocations), first.More)
	}
	in.Release(first)
	second := in.Collect(true)
	if len(second.Invocations) != 10 || second.More {
		t.Errorf("second round: %d invocations, more %v", len(second.Invocations), second.More)
	}
}

func TestMoreBytesThanARoundTakes(t *testing.T) {
	dir := t.TempDir()
	big := rec{Header: spool.Header{Kind: spool.KindCallStart, Invocation: "A", Call: "17-1", Parts: []spool.Part{{Of: "request"}}}, parts: []string{strings.Repeat("x", MaxBytes/2)}}
	for n := 1; n <= 3; n++ {
		put(t, dir, fmt.Sprintf("A.17.%d.done", n), encode(t, true, process(17), big, callEnd("A", "17-1")))
	}
	in := New(dir, born)
	for round, more := range []bool{true, true, false} {
		r := in.Collect(false)
		if r.More != more || len(r.files) != 1 {
			t.Fatalf("round %d: %d files, more %v", round, len(r.files), r.More)
		}
		in.Release(r)
	}
}

func TestMoreCallsThanAnInvocationKeeps(t *testing.T) {
	dir := t.TempDir()
	records := []rec{process(17), begin("A")}
	const calls = MaxCalls + 7
	for n := range calls {
		id := fmt.Sprintf("17-%d", n)
		records = append(records, call("A", id), callEnd("A", id))
	}
	put(t, dir, "A.17.1.done", encode(t, true, append(records, end("A"))...))
	inv := New(dir, born).Collect(false).Invocations[0]
	if len(inv.Calls) != MaxCalls || len(inv.Lost) != 1 || inv.Lost[0].Reason != LossTooMany || inv.Lost[0].Records != 14 {
		t.Errorf("%d calls, lost %+v", len(inv.Calls), inv.Lost)
	}
}

func TestMoreNamesThanAreRead(t *testing.T) {
	dir := t.TempDir()
	for n := range MaxNames + 100 {
		if err := os.Symlink("nowhere", filepath.Join(dir, fmt.Sprintf("A.1.%d.done", n+1))); err != nil {
			t.Fatal(err)
		}
	}
	names, err := Names(dir)
	if err != nil || len(names) != MaxNames {
		t.Errorf("%d names, %v", len(names), err)
	}
	if got := collectAs(New(dir, born), true); got != "nothing" {
		t.Errorf("got %s", got)
	}
}

// TestNamesBesideMuchElse: what is not ours does not hide what is.
func TestNamesBesideMuchElse(t *testing.T) {
	dir := t.TempDir()
	const foreign, own = 20_000, 20
	for n := range foreign {
		if err := os.Symlink("nowhere", filepath.Join(dir, fmt.Sprintf("foreign-%d.tmp", n))); err != nil {
			t.Fatal(err)
		}
		if n%(foreign/own) == 0 {
			put(t, dir, fmt.Sprintf("A.17.%d.done", n+1), nil)
		}
	}
	if names, err := Names(dir); err != nil || len(names) != own {
		t.Errorf("%d names, %v", len(names), err)
	}
}

// TestNamesBehindTooMuchElse: what is hidden by too many names is found at the end.
func TestNamesBehindTooMuchElse(t *testing.T) {
	dir := t.TempDir()
	const foreign, own = 5000, 50
	for n := range foreign {
		if err := os.Symlink("nowhere", filepath.Join(dir, fmt.Sprintf("foreign-%d", n))); err != nil {
			t.Fatal(err)
		}
	}
	for n := range own {
		put(t, dir, fmt.Sprintf("R%d.17.%d.done", n, n+1), encode(t, true, begin(fmt.Sprintf("R%d", n)), end(fmt.Sprintf("R%d", n))))
	}
	in := New(dir, born)
	in.entries = 1000
	found := 0
	for _, final := range []bool{false, true} {
		r := in.Collect(final)
		in.Release(r)
		found += len(r.Invocations)
		if (found == own) != final {
			t.Errorf("found %d invocations of %d, final %v", found, own, final)
		}
	}
}

func TestMoreInvocationsThanThereAre(t *testing.T) {
	dir := t.TempDir()
	var records []rec
	const extra = 5
	for n := range MaxInvocations + extra {
		id := fmt.Sprintf("R%d", n)
		records = append(records, begin(id), end(id))
	}
	put(t, dir, "none.17.1.done", encode(t, true, records...))
	r := New(dir, born).Collect(true)
	lost := int64(0)
	for _, inv := range r.Invocations {
		for _, l := range inv.Lost {
			lost += l.Records
		}
	}
	if len(r.Invocations) != MaxInvocations || lost != 2*extra {
		t.Errorf("%d invocations, %d records lost", len(r.Invocations), lost)
	}
}

func TestHeldCallsAreBounded(t *testing.T) {
	dir := t.TempDir()
	body := strings.Repeat("x", MaxHeld/2-1000)
	records := []rec{process(17), begin("A")}
	for n := range 3 {
		records = append(records, rec{Header: spool.Header{Kind: spool.KindCallStart, Invocation: "A", Call: fmt.Sprintf("17-%d", n), Parts: []spool.Part{{Of: "request"}}}, parts: []string{body}})
	}
	put(t, dir, "A.17.1.done", encode(t, true, append(records, end("A"))...))
	in := New(dir, born)
	in.Announce(Announcement{ID: "A"})
	if got := collectAs(in, false); got != "A 17-2(open)" {
		t.Errorf("got %s", got)
	}
	if got := collectAs(in, true); got != "A late 17-0(open) 17-1(open)" {
		t.Errorf("got %s", got)
	}
}

// TestAPipeIsNotWaitedFor: opening one for reading waits for somebody who writes.
func TestAPipeIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "A.17.1.done"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := New(dir, born)
	if got := collectAs(in, true); got != "nothing" {
		t.Errorf("got %s", got)
	}
	if _, _, err := in.read("A.17.1.done"); err == nil {
		t.Error("a pipe was read as a file")
	}
}

func TestAPipeInTheSpoolsPlaceIsNotWaitedFor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "afterglow")
	if err := syscall.Mkfifo(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if names, err := Names(dir); err == nil || len(names) > 0 {
		t.Errorf("found %v, %v in a pipe", names, err)
	}
}

// TestAFileThatCannotBeDeleted: it is read once.
func TestAFileThatCannotBeDeleted(t *testing.T) {
	dir := t.TempDir()
	in := New(dir, born)
	put(t, dir, "A.17.1.done", encode(t, true, begin("A"), end("A")))
	r := in.Collect(true)
	// In its place is what cannot be removed as a file, which is what a file in a read-only directory looks like to root.
	name := filepath.Join(dir, "A.17.1.done")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(name, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	in.Release(r)
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "A.17.1.done", encode(t, true, begin("A"), end("A")))
	if got := collectAs(in, true); got != "nothing" {
		t.Errorf("got %s", got)
	}
}

func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"init.17.1.done", "A.17.2.done", "B.17.3.open", "notes.txt"} {
		put(t, dir, name, nil)
	}
	in := New(dir, born)
	in.Discard()
	if got := list(t, dir, in); got != "files: B.17.3.open notes.txt" {
		t.Errorf("got %s", got)
	}
}

// TestRoundsEnd: whatever files that still grow look like, the rounds of one flush come to an end, and what is new is read later.
func TestRoundsEnd(t *testing.T) {
	torn := raw("@torn")
	padding := strings.Repeat("x", 9<<20)
	large := func(id string) []rec {
		c := rec{Header: spool.Header{Kind: spool.KindCallStart, Invocation: "A", Call: id, Parts: []spool.Part{{Of: "request"}}}, parts: []string{padding}}
		return []rec{process(17), c, torn}
	}
	tests := []struct {
		name string
		put  func(t *testing.T, dir string)
		most int // rounds
	}{
		{"two large files with a torn tail", func(t *testing.T, dir string) {
			put(t, dir, "A.17.1.open", encode(t, true, large("17-1")...))
			put(t, dir, "A.18.1.open", encode(t, true, large("18-1")...))
		}, 2},
		{"one file more than a round takes, each with a torn tail", func(t *testing.T, dir string) {
			for n := range MaxFiles + 1 {
				put(t, dir, fmt.Sprintf("A.%d.1.open", n+1), encode(t, true, process(n+1), torn))
			}
		}, 2},
		{"a file beyond what is read of one, and another", func(t *testing.T, dir string) {
			put(t, dir, "A.17.1.open", append(encode(t, true, process(17)), make([]byte, MaxFileBytes)...))
			put(t, dir, "A.18.1.open", encode(t, true, large("18-1")...))
		}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			test.put(t, dir)
			in := New(dir, born)
			rounds := func(grow bool) (n int) {
				for more := true; more && n <= test.most; n++ {
					r := in.Collect(false)
					in.Release(r)
					more = r.More
					if grow {
						names, _ := Names(dir)
						for _, name := range names {
							appendTo(name.String(), torn)(t, dir, in)
						}
					}
				}
				return n
			}
			if n := rounds(false); n > test.most {
				t.Errorf("more than %d rounds", test.most)
			}
			if n := rounds(false); n != 1 {
				t.Errorf("%d rounds though nothing is new", n)
			}
			if n := rounds(true); n > test.most {
				t.Errorf("more than %d rounds while files grow", test.most)
			}
		})
	}
}

// TestATornTailIsReadOnceItIsWhole: a record that was half written when it was first seen.
func TestATornTailIsReadOnceItIsWhole(t *testing.T) {
	dir := t.TempDir()
	in := New(dir, born)
	in.Announce(Announcement{ID: "A"})
	put(t, dir, "A.17.1.done", encode(t, true, process(17), begin("A"), end("A")))
	whole := encode(t, true, process(21), call("A", "21-1"), callEnd("A", "21-1"))
	put(t, dir, "A.21.1.open", whole[:len(whole)-5])
	if got := collectAs(in, false); got != "A" {
		t.Errorf("got %s", got)
	}
	put(t, dir, "A.21.1.open", whole)
	if got := collectAs(in, true); got != "A late 21-1" {
		t.Errorf("got %s", got)
	}
}

// TestWhatIsNotReleasedIsReadAgain: the next round begins anew then, and goes on where the last one ended otherwise; also where something was told meanwhile, it
// looks at the directory as it is.
func TestWhatIsNotReleasedIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	for n := range MaxFiles + 10 {
		id := fmt.Sprintf("R%03d", n)
		put(t, dir, fmt.Sprintf("%s.17.%d.done", id, n+1), encode(t, true, process(17), begin(id), end(id)))
	}
	in := New(dir, born)
	first := func() string {
		r := in.Collect(false)
		if !r.More {
			t.Fatal("there is no more")
		}
		return r.Invocations[0].ID
	}
	for range 2 {
		if id := first(); id != "R000" {
			t.Errorf("the round begins with %s", id)
		}
	}
	in.Release(in.Collect(false))
	in.Announce(Announcement{ID: "Z"})
	put(t, dir, "A.3.1.done", encode(t, true, process(3), begin("A"), end("A")))
	if r := in.Collect(false); r.Invocations[0].ID != "A" || len(r.Invocations) != 11 {
		t.Errorf("%d invocations from %s on", len(r.Invocations), r.Invocations[0].ID)
	}
}

// TestRoundsEndInACrowd: there are more names than are looked at, and none of them can be deleted.
func TestRoundsEndInACrowd(t *testing.T) {
	dir := t.TempDir()
	for n := range MaxNames {
		put(t, dir, fmt.Sprintf("A.%d.1.open", n+1), nil)
	}
	in := New(dir, born)
	in.Announce(Announcement{ID: "A"})
	if r := in.Collect(false); r.More {
		t.Error("there is no end")
	}
}

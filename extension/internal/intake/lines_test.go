package intake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

func TestLines(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"between start and end", []step{announce("A"), hook("A", 1), observe(started("A", 0), line(0.5, "one"), line(0.6, "two"), done("A", 1)), collect}, []string{`A 17-1 "one" "two"`}},
		{"of two invocations, in any order", []step{
			announce("A"), announce("B"), hook("A", 1), hook("B", 2),
			observe(line(10.5, "b"), line(0.5, "a"), done("B", 11), started("B", 10), done("A", 1), started("A", 0)), collect,
		}, []string{`A 17-1 "a"; B 17-2 "b"`}},
		{"in the order of their times", []step{announce("A"), hook("A", 1), observe(started("A", 0), line(0.6, "two"), line(0.5, "one"), done("A", 1)), collect}, []string{`A 17-1 "one" "two"`}},
		{"the running invocation's", []step{
			announce("A"), observe(started("A", 0), line(0.5, "a")), collect, hook("A", 1), observe(line(0.6, "b"), done("A", 1)), collect,
		}, []string{"nothing", `A 17-1 "a" "b"`}},
		{"after its end, before the next start", []step{
			announce("A"), announce("B"), hook("A", 1), hook("B", 2), observe(started("A", 0), done("A", 1), line(1.5, "thread"), started("B", 10), done("B", 11)), collect,
		}, []string{`A 17-1 "thread"; B 17-2`}},
		{"of an invocation that was given", []step{
			announce("A"), hook("A", 1), collect, observe(started("A", 0), line(0.5, "late"), done("A", 1)), collect, final,
		}, []string{"A 17-1", `A late "late"`, "nothing"}},
		{"without facts: by the announcement", []step{
			func(_ *testing.T, _ string, in *Intake) string {
				in.Announce(Announcement{ID: "A", At: at(0)})
				return ""
			}, hook("A", 1), observe(line(0.5, "x")), collect,
		}, []string{`A 17-1 "x"`}},
		{"before the first invocation", []step{
			observe(line(-1, "init")), collect, announce("A"), observe(started("A", 0), done("A", 1)), hook("A", 1), collect,
		}, []string{"nothing", `A 17-1 "init"`}},
		{"before the first invocation, and there is none", []step{observe(line(-1, "init")), collect, final}, []string{"nothing", `none late "init"`}},
		{"before an invocation that is not the first", []step{
			announce("A"), hook("A", 1), collect,
			func(_ *testing.T, _ string, in *Intake) string {
				in.join.memory.recent = nil // as if many others had been given since
				return ""
			}, announce("B"), observe(line(5, "?"), started("B", 10), done("B", 11)), collect,
		}, []string{"A 17-1", `B; none late "?"`}},
		{"by their request id, whatever their time", []step{
			announce("A"), announce("B"), hook("A", 1), hook("B", 2), observe(started("A", 0), done("A", 1), started("B", 10), lineOf("A", 10.5, "a"), done("B", 11)), collect,
		}, []string{`A 17-1 "a"; B 17-2`}},
		{"of the first of two attempts", []step{
			announce("A"), announce("A"), hook("A", 1), hook("A", 2), observe(started("A", 0), lineOf("A", 0.5, "1"), done("A", 1), started("A", 60), lineOf("A", 60.5, "2"), done("A", 61)), collect,
		}, []string{`A 17-1 "1"; A 17-2 "2"`}},
		{"with an id that is nobody's: by their time", []step{announce("A"), hook("A", 1), observe(started("A", 0), lineOf("the user's", 0.5, "a"), done("A", 1)), collect}, []string{`A 17-1 "a"`}},
		{"managed instances: one that runs", []step{observe(managed(), started("A", 0), line(0.5, "a"), report("A", 1)), collect}, []string{`A "a"`}},
		{"managed instances: two that run", []step{
			observe(managed(), started("A", 0), started("B", 0.1), line(0.5, "?"), lineOf("B", 0.6, "b"), report("A", 1), report("B", 1)), collect,
		}, []string{`A; B "b"; none late "?"`}},
		{"of an orphan", []step{
			write("A.17.1.open", process(17), begin("A")), old("A.17.1.open"), observe(before(ended("A", 1, "timeout", "")), before(lineOf("A", 0.5, "last words"))), announce("B"), collect,
		}, []string{`A open timeout "last words"`}},
		{"of an orphan, without an id", []step{
			write("A.17.1.open", process(17), begin("A")), old("A.17.1.open"), observe(before(line(0.5, "last words"))), announce("B"), observe(started("B", 3)), collect,
		}, []string{`A open "last words"`}},
		{"of two orphans, without an id", []step{
			write("A.17.1.open", process(17), begin("A")), old("A.17.1.open"), write("C.18.1.open", process(18), begin("C")), old("C.18.1.open"),
			observe(before(line(0.5, "?"))), announce("B"), observe(started("B", 3)), collect,
		}, []string{`A open; C open; none late "?"`}},
		{"of an earlier life whose invocation was given there", []step{
			observe(before(ended("A", 1, "timeout", "")), before(lineOf("A", 0.5, "last words"))), announce("B"), collect, final,
		}, []string{"nothing", `A late "last words"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := walk(t, test.steps, test.want)
			if in.join.linesKept != 0 || in.join.lineBytes != 0 {
				t.Errorf("%d lines of %d bytes are left", in.join.linesKept, in.join.lineBytes)
			}
		})
	}
}

func TestMoreLinesThanAreKept(t *testing.T) {
	in := New(t.TempDir(), born)
	in.Announce(Announcement{ID: "A"})
	in.Observe(started("A", 0))
	for n := range MaxLines + 5 {
		if n == MaxLines/2 {
			in.Collect(false) // some have found their invocation
		}
		in.Observe(line(float64(n)/(2*MaxLines), fmt.Sprintf("%05d", n)))
	}
	in.Observe(done("A", 1))
	inv := in.Collect(false).Invocations[0]
	if kept := MaxLines + 5 - MaxLines/8; len(inv.Lines) != kept || len(inv.Lost) != 1 || inv.Lost[0] != (event.Loss{Reason: LossTooManyLines, Records: MaxLines / 8, Bytes: MaxLines / 8 * 5}) {
		t.Errorf("%d lines, lost %v", len(inv.Lines), inv.Lost)
	}
	if first, last := inv.Lines[0].Body.Reveal(), inv.Lines[len(inv.Lines)-1].Body.Reveal(); first != fmt.Sprintf("%05d", MaxLines/8) || last != fmt.Sprintf("%05d", MaxLines+4) {
		t.Errorf("from %s to %s: not the last ones", first, last)
	}
	in.Announce(Announcement{ID: "B"})
	in.Observe(started("B", 10))
	long := strings.Repeat("x", 1<<20)
	for range MaxLineBytes>>20 + 2 {
		in.Observe(line(10.5, long))
	}
	in.Observe(done("B", 11))
	inv = in.Collect(false).Invocations[0]
	if len(inv.Lines) != MaxLineBytes>>20 || inv.Lost[0].Records != 2 || inv.Lost[0].Bytes != 2<<20 {
		t.Errorf("%d lines, lost %v", len(inv.Lines), inv.Lost)
	}
}

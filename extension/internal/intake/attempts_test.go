package intake

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// beginUntil is begin with a deadline, which tells attempts apart: they have the same id.
func beginUntil(id string, second int64) rec {
	b := begin(id)
	b.Deadline = second * 1000
	return b
}

func announceUntil(id string, second int64) step {
	return func(_ *testing.T, _ string, in *Intake) string {
		in.Announce(Announcement{ID: id, Deadline: time.Unix(second, 0)})
		return ""
	}
}

// collectAttempts is collect that tells each invocation's deadline.
func collectAttempts(_ *testing.T, _ string, in *Intake) string {
	r := in.Collect(false)
	in.Release(r)
	var all []string
	for _, inv := range r.Invocations {
		all = append(all, fmt.Sprintf("%d: %s", inv.Deadline.Unix(), show(inv)))
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, "; ")
}

// TestOpenCallsOfAttempts: a call that has no end is of the attempt that it was begun in, whatever has begun since with the same id.
func TestOpenCallsOfAttempts(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"a retry after a reset, both read at once", []step{
			write("A.17.1.open", process(17), beginUntil("A", 4), call("A", "17-0"), callEnd("A", "17-0"), call("A", "17-1")), old("A.17.1.open"),
			announceUntil("A", 100), write("A.18.1.done", process(18), beginUntil("A", 100), call("A", "18-1"), callEnd("A", "18-1"), end("A")), collectAttempts,
		}, []string{"4: A open 17-0 17-1(open); 100: A 18-1"}},
		{"the same, and Lambda tells of both", []step{
			write("A.17.1.open", process(17), beginUntil("A", 4), call("A", "17-1")), old("A.17.1.open"), announceUntil("A", 100),
			observe(before(ended("A", 1, "error", "Runtime.ExitError")), started("A", 60), done("A", 61)),
			write("A.18.1.done", process(18), beginUntil("A", 100), end("A")), collectAttempts,
		}, []string{"4: A open killed 17-1(open); 100: A"}},
		{"a retry in the same life, after the first was given", []step{
			announceUntil("A", 4), write("A.17.1.done", process(17), beginUntil("A", 4), call("A", "17-1"), call("A", "17-2"), end("A")), collectAttempts,
			announceUntil("A", 100), write("A.17.2.done", process(17), callEnd("A", "17-2"), beginUntil("A", 100), call("A", "17-3"), callEnd("A", "17-3"), end("A")), collectAttempts,
			announceUntil("B", 200), write("B.17.3.done", process(17), beginUntil("B", 200), end("B")), collectAttempts,
		}, []string{"4: A", "4: A late 17-2 17-1(open); 100: A 17-3", "200: B"}},
		{"a retry in the same life, both read at once", []step{
			announceUntil("A", 4), announceUntil("A", 100), write("A.17.1.done", process(17), beginUntil("A", 4), call("A", "17-1"), end("A")),
			write("A.17.2.done", process(17), callEnd("A", "17-1"), beginUntil("A", 100), end("A")), collectAttempts,
		}, []string{"4: A 17-1; 100: A"}},
		{"of a child process, before its invocation was given", []step{
			announceUntil("A", 4), write("A.20.1.open", process(20), call("A", "20-1")), collectAttempts, write("A.17.1.done", process(17), beginUntil("A", 4), end("A")), collectAttempts,
			announceUntil("A", 100), appendTo("A.20.1.open", callEnd("A", "20-1")), collectAttempts,
		}, []string{"nothing", "4: A", "4: A late 20-1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := walk(t, test.steps, test.want)
			for _, a := range append(in.join.memory.pending, in.join.memory.recent...) {
				if a.calls != nil {
					t.Errorf("a draft of late calls of %s is left", a.ID)
				}
			}
		})
	}
}

// TestGivenDraftsHoldNoContent: a call that is open keeps its draft, which may be many megabytes.
func TestGivenDraftsHoldNoContent(t *testing.T) {
	dir := t.TempDir()
	in := New(dir, born)
	in.Announce(Announcement{ID: "A"})
	put(t, dir, "A.17.1.done", encode(t, true, process(17), begin("A"), call("A", "17-1"), end("A")))
	in.Collect(false)
	if len(in.join.waiting) != 1 || in.join.waiting[0].draft == nil || !in.join.waiting[0].draft.Event.Data.IsZero() {
		t.Error("the open call's draft has its content still")
	}
}

// TestInvocationsOfWhichOnlyAChildTold: their ends were not seen because nobody looked, and no end is no failure.
func TestInvocationsOfWhichOnlyAChildTold(t *testing.T) {
	tests := []struct {
		name    string
		reason  string // of SHUTDOWN
		open    bool
		outcome string
	}{
		{"given with the next one", "", false, ""},
		{"at the end", "spindown", false, ""},
		{"at the end, because of it", "failure", true, event.OutcomeKilled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			in := New(dir, born)
			in.Announce(Announcement{ID: "A", Deadline: time.Now().Add(time.Hour), At: time.Now()})
			put(t, dir, "A.20.1.done", encode(t, true, process(20), call("A", "20-1"), callEnd("A", "20-1")))
			given := in.Collect(false).Invocations
			if test.reason != "" {
				in.Ends(test.reason)
				given = append(given, in.Collect(true).Invocations...)
			} else {
				in.Announce(Announcement{ID: "B"})
				given = append(given, in.Collect(false).Invocations...)
			}
			if len(given) != 1 || given[0].Open != test.open || given[0].Outcome != test.outcome || !given[0].Unhooked {
				t.Errorf("given: %+v", given)
			}
		})
	}
}

// TestWhatAChildOfAnEarlierLifeLeft: its invocation was delivered, and the life that did it killed before the child's file was deleted. It has no second span.
func TestWhatAChildOfAnEarlierLifeLeft(t *testing.T) {
	child := func(t *testing.T, dir string, in *Intake) string {
		write("A.20.1.open", process(20), call("A", "20-1"), callEnd("A", "20-1"))(t, dir, in)
		return old("A.20.1.open")(t, dir, in)
	}
	parent := func(t *testing.T, dir string, in *Intake) string {
		write("A.17.1.open", process(17), begin("A"), end("A"))(t, dir, in)
		return old("A.17.1.open")(t, dir, in)
	}
	for _, test := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"alone", []step{child, announce("B"), collect, list}, []string{"A late 20-1", "files:"}},
		{"Lambda tells of its invocation still", []step{child, observe(before(report("A", 2))), announce("B"), collect}, []string{"A late 20-1"}},
		{"beside its parent's", []step{child, parent, announce("B"), collect, list}, []string{"A 20-1", "files:"}},
		{"before its parent's", []step{child, announce("B"), collect, parent, collect}, []string{"A late 20-1", "A"}},
	} {
		t.Run(test.name, func(t *testing.T) { walk(t, test.steps, test.want) })
	}
}

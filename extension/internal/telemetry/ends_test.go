package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestEnds plays INVOKEs and the platform's events in the order in which they come, and says after each whether the last attempt of A has ended.
//
//	invoke X       INVOKE came
//	start X t      platform.start of X, told as made at t
//	done X t       platform.runtimeDone
//	report X t     platform.report
//	init PHASE     platform.initStart
//	made PHASE     platform.initReport
//	open, ended    what the last attempt of A is
//	owes, whole    whether Lambda has yet to tell of something
func TestEnds(t *testing.T) {
	tests := []struct{ name, story string }{
		{"the ordinary way", "invoke A; open; start A 1; open; done A 2; ended"},
		{"known before anybody asks", "invoke A; start A 1; done A 2; ended"},
		{"known before INVOKE is read", "start A 1; done A 2; invoke A; ended"},
		{"of another", "invoke A; start A 1; start B 1; done B 2; open"},
		{"nothing but the end", "invoke A; done A 2; ended"},
		{"nothing but the end, before INVOKE is read", "done A 2; invoke A; ended"},
		{"the end twice", "invoke A; start A 1; done A 2; done A 2; ended"},
		{"a further end, of extensions that failed it", "invoke A; start A 1; done A 2; ended; done A 3; ended"},

		{"again, and the first end is known", "invoke A; start A 1; done A 2; invoke A; open; start A 5; open; done A 6; ended"},
		{"again, and the first end comes late", "invoke A; start A 1; invoke A; open; done A 2; open; start A 5; done A 6; ended"},
		{"again, and all of the first comes late", "invoke A; invoke A; start A 1; done A 2; open; start A 5; open; done A 6; ended"},
		{"again, and the first end comes twice", "invoke A; start A 1; done A 2; invoke A; done A 2; open; start A 5; done A 2; open; done A 6; ended"},
		{"again, and the first post comes twice", "invoke A; start A 1; done A 2; invoke A; start A 1; done A 2; open; start A 5; done A 6; ended"},
		{"again, and its start is missing", "invoke A; start A 1; done A 2; invoke A; open; done A 6; ended"},
		{"again, and the first start was missing", "invoke A; done A 2; invoke A; open; start A 5; open; done A 6; ended"},
		{"again, told before INVOKE is read", "invoke A; start A 1; done A 2; ended; start A 5; done A 6; invoke A; ended"},
		{"again, started before INVOKE is read", "invoke A; start A 1; done A 2; start A 5; invoke A; open; done A 6; ended"},
		{"three times", "invoke A; start A 1; done A 2; invoke A; start A 3; done A 4; ended; invoke A; open; start A 5; done A 6; ended"},

		{"what an earlier life left comes before this one's init", "start A 1; done A 2; init invoke; invoke A; open; start A 5; open; done A 6; ended"},
		{"an earlier life's end alone", "done A 2; init init; invoke A; open; start A 5; done A 6; ended"},
		{"a snapshot's init is told again", "invoke A; start A 1; done A 2; init snap-start; invoke A; open; start A 5; done A 6; ended"},

		{"a report is owed, and comes", "whole; invoke A; owes; start A 1; done A 2; owes; report A 3; whole"},
		{"the report alone comes", "invoke A; report A 3; whole"},
		{"the report came before INVOKE is read", "start A 1; done A 2; report A 3; invoke A; whole"},
		{"an older report comes twice", "invoke A; start A 1; done A 2; report A 3; invoke B; report A 3; owes; report B 4; whole"},
		{"an older report is lost", "invoke A; start A 1; done A 2; invoke B; owes; start B 3; done B 4; report B 5; whole"},
		{"again, and the first report comes", "invoke A; start A 1; done A 2; invoke A; report A 3; owes; start A 5; done A 6; report A 7; whole"},
		{"again, and the first report comes twice", "invoke A; start A 1; done A 2; report A 3; invoke A; report A 3; owes; report A 7; whole"},
		{"again, and the first report is lost", "invoke A; start A 1; done A 2; invoke A; start A 5; done A 6; report A 7; whole"},
		{"an earlier life's report", "done A 2; report A 3; init invoke; made invoke; invoke A; owes; start A 5; done A 6; report A 7; whole"},
		{"a set-up without an invocation", "init init; owes; made init; whole"},
		{"a set-up that fails the invocation that waits for it", "init invoke; owes; made invoke; owes; start A 1; owes; done A 2; owes; report A 3; whole"},
		{"a set-up whose report is lost, and an invocation", "init init; invoke A; start A 1; done A 2; report A 3; whole"},
		{"a snapshot's set-up", "init snap-start; whole"},

		{"the first is not forgotten for others", "invoke A; " + others(2*mostInvocations) + "open; start A 1; done A 2; ended"},
		{"an older one is", "invoke A; start A 1; done A 2; invoke B; " + others(2*mostInvocations) + "open"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e ends
			for _, step := range strings.Split(test.story, ";") {
				play(t, &e, strings.Fields(step))
			}
			if len(e.byID) > mostInvocations || len(e.order) != len(e.byID) {
				t.Errorf("%d invocations are remembered, %d in order", len(e.byID), len(e.order))
			}
		})
	}
}

func others(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "start X%d 1; ", i)
	}
	return b.String()
}

func play(t *testing.T, e *ends, step []string) {
	t.Helper()
	var at time.Time
	if len(step) > 2 {
		ms, err := time.ParseDuration(step[2] + "ms")
		if err != nil {
			t.Fatal(err)
		}
		at = time.UnixMilli(0).Add(ms)
	}
	switch step[0] {
	case "invoke":
		e.began(step[1])
	case "start":
		e.started(step[1], at)
	case "done":
		e.done(step[1], at)
	case "report":
		e.report(step[1], at)
	case "init":
		e.restart(step[1])
	case "made":
		e.isSetUp(step[1])
	case "owes", "whole":
		if got := e.owes(); got != (step[0] == "owes") {
			t.Errorf("owes: %v", got)
		}
	case "open":
		open(t, e.wait("A"))
	case "ended":
		ended(t, e.wait("A"))
	default:
		t.Fatalf("no step is called %q", step)
	}
}

// TestWhoeverWaitsIsTold: the channel that was given out is the one that closes, and that of an earlier attempt stays as it is.
func TestWhoeverWaitsIsTold(t *testing.T) {
	var e ends
	e.began("A")
	first := e.wait("A")
	if e.wait("A") != first {
		t.Error("another channel for the same attempt")
	}
	e.started("A", time.UnixMilli(1))
	e.began("A")
	second := e.wait("A")
	e.done("A", time.UnixMilli(2))
	open(t, second)
	e.started("A", time.UnixMilli(3))
	e.done("A", time.UnixMilli(4))
	ended(t, second)
}

// TestWhoeverWaitsIsNotForgotten, whatever is told of others meanwhile.
func TestWhoeverWaitsIsNotForgotten(t *testing.T) {
	var e ends
	e.began("A")
	end := e.wait("A")
	for i := range 3 * mostInvocations {
		e.done(fmt.Sprint(i), time.UnixMilli(1))
	}
	open(t, end)
	e.done("A", time.UnixMilli(2))
	ended(t, end)
}

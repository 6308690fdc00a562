package intake

import (
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

func TestToldOutcome(t *testing.T) {
	const mb = 1 << 20
	tests := []struct {
		name   string
		p      event.Platform
		report *event.Report
		want   string
	}{
		{"nothing", event.Platform{}, nil, ""},
		{"a success", event.Platform{Status: "success"}, &event.Report{Status: "success", MemorySize: 128 * mb, MemoryUsed: 128 * mb}, ""},
		{"an error that the runtime reported", event.Platform{Status: "error", ErrorType: "Runtime.Unknown"}, nil, ""},
		{"a response that was too large", event.Platform{Status: "error", ErrorType: "Function.ResponseSizeTooLarge"}, nil, ""},
		{"timeout", event.Platform{Status: "timeout"}, nil, event.OutcomeTimeout},
		{"timeout, told by the report alone", event.Platform{}, &event.Report{Status: "timeout"}, event.OutcomeTimeout},
		{"timeout, told by the report after a runtime that was done", event.Platform{Status: "success"}, &event.Report{Status: "timeout"}, event.OutcomeTimeout},
		{"timeout as newer environments call it", event.Platform{Status: "failure", ErrorType: "Sandbox.Timedout"}, nil, event.OutcomeTimeout},
		{"timeout with all memory used", event.Platform{Status: "timeout"}, &event.Report{MemorySize: 128 * mb, MemoryUsed: 128 * mb}, event.OutcomeTimeout},
		{"out of memory by its name", event.Platform{Status: "error", ErrorType: "Runtime.OutOfMemory"}, nil, event.OutcomeOutOfMemory},
		{"out of memory by what was used", event.Platform{Status: "error", ErrorType: "Runtime.ExitError"}, &event.Report{MemorySize: 128 * mb, MemoryUsed: 129 * mb}, event.OutcomeOutOfMemory},
		{"out of memory, told by the report alone", event.Platform{}, &event.Report{Status: "error", ErrorType: "Runtime.ExitError", MemorySize: 128 * mb, MemoryUsed: 128 * mb}, event.OutcomeOutOfMemory},
		{"killed", event.Platform{Status: "error", ErrorType: "Runtime.ExitError"}, &event.Report{MemorySize: 128 * mb, MemoryUsed: 64 * mb}, event.OutcomeKilled},
		{"killed by an extension", event.Platform{Status: "error", ErrorType: "Extension.Crash"}, nil, event.OutcomeKilled},
		{"the sandbox failed", event.Platform{Status: "failure", ErrorType: "Sandbox.Failure"}, nil, event.OutcomeKilled},
		{"a failure without a name", event.Platform{Status: "failure"}, nil, event.OutcomeKilled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.p.Report = test.report
			if got := toldOutcome(test.p); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestOrphans: what is given of an invocation whose hook did not live to see its end.
func TestOrphans(t *testing.T) {
	start := time.Unix(1, 0) // as begin has it
	deadline := func(d time.Duration) int64 { return start.Add(d).UnixMilli() }
	// future is a deadline after the life that follows has begun.
	future := time.Now().Add(time.Hour)
	tests := []struct {
		name     string
		deadline int64 // in the hook's record
		past     bool
		steps    []step
		outcome  string
		open     bool
		duration time.Duration
	}{
		{"timed out: up to the deadline", deadline(3 * time.Second), false, []step{ends("timeout")}, event.OutcomeTimeout, true, 3 * time.Second},
		{"timed out, as the documentation prints it", deadline(3 * time.Second), false, []step{ends("TIMEOUT")}, event.OutcomeTimeout, true, 3 * time.Second},
		{"timed out: nothing was told, and the deadline has passed", deadline(3 * time.Second), false, nil, event.OutcomeTimeout, true, 3 * time.Second},
		{"killed: the environment fails", deadline(3 * time.Second), false, []step{ends("failure")}, event.OutcomeKilled, true, 0},
		{"the environment goes for no reason of the invocation's", future.UnixMilli(), false, []step{ends("spindown")}, "", true, 0},
		{"a reason that is new", future.UnixMilli(), false, []step{ends("moonphase")}, "", true, 0},
		{"timed out: until Lambda ended it", deadline(3 * time.Second), false, []step{
			observe(event.Fact{Kind: event.FactDone, ID: "A", Time: at(9), Status: "timeout", Duration: 3100 * time.Millisecond}), ends("timeout"),
		}, event.OutcomeTimeout, true, longest},
		{"Lambda's word goes before the reason", deadline(3 * time.Second), false, []step{observe(ended("A", 9, "error", "Runtime.OutOfMemory")), ends("failure")}, event.OutcomeOutOfMemory, true, longest},
		{"it ended well, and only the hook's last record is missing", deadline(3 * time.Second), false, []step{observe(done("A", 9)), ends("spindown")}, "", false, longest},
		{"an earlier life that ended before its deadline", future.UnixMilli(), true, nil, event.OutcomeKilled, true, 0},
		{"an earlier life of which only the deadline is known, and that it has passed", deadline(3 * time.Second), true, nil, "", true, 0},
		{"an earlier life of which nothing is known", 0, true, nil, "", true, 0},
		{"an earlier life, and the reason why this one ends", deadline(3 * time.Second), true, []step{ends("timeout")}, "", true, 0},
		{"an earlier life that Lambda told of", deadline(3 * time.Second), true, []step{observe(before(outOfMemory(ended("A", 1, "error", "Runtime.ExitError"))), before(outOfMemory(report("A", 2))))}, event.OutcomeOutOfMemory, true, longest},
		{"an earlier life whose report came with this one", deadline(3 * time.Second), true, []step{observe(before(event.Fact{Kind: event.FactReport, ID: "A", Time: at(2), Status: "timeout"}))}, event.OutcomeTimeout, true, 3 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			in := New(dir, born)
			b := begin("A")
			b.Deadline = test.deadline
			put(t, dir, "A.17.1.open", encode(t, true, process(17), b, call("A", "17-1")))
			if test.past {
				old("A.17.1.open")(t, dir, in)
				in.Announce(Announcement{ID: "B"})
			} else {
				in.Announce(Announcement{ID: "A", Deadline: time.UnixMilli(test.deadline)})
			}
			for _, s := range test.steps {
				s(t, dir, in)
			}
			got := in.Collect(true).Invocations[0]
			if got.ID != "A" || got.Outcome != test.outcome || got.Open != test.open || len(got.Calls) != 1 || !got.Calls[0].Open {
				t.Errorf("got %s: %q, open %v", show(got), got.Outcome, got.Open)
			}
			want := test.duration
			if want == longest { // by facts, whose clock is another one here: from the hook's start to Lambda's end
				want = got.Platform.Done.Sub(start)
				if want > longest {
					want = 0 // and not believed
				}
			}
			if got.Duration != want {
				t.Errorf("took %v, want %v", got.Duration, want)
			}
		})
	}
}

// TestDurationOfAnOrphanIsLambdas: it counts from when the runtime had the event, between the start that Lambda told and the hook's, and is over when Lambda tells of the end.
func TestDurationOfAnOrphanIsLambdas(t *testing.T) {
	for name, c := range map[string]struct {
		hook, done float64 // seconds after Lambda's start; its duration is a second
		want       time.Duration
	}{
		"counted from the start":                       {0.25, 1, 750 * time.Millisecond},
		"counted from when the runtime had the event":  {0.25, 1.2, 950 * time.Millisecond},
		"told long after it was over":                  {0.25, 1.5, time.Second},
		"the hook's clock is behind":                   {-3, 1, 4 * time.Second},
		"the hook's clock is ahead, and tells nothing": {3, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := New(dir, born)
			in.Announce(Announcement{ID: "A"})
			b := begin("A")
			b.Time = at(c.hook).UnixMicro()
			put(t, dir, "A.17.1.open", encode(t, true, process(17), b))
			in.Observe(started("A", 0))
			in.Observe(ended("A", c.done, "error", "Runtime.ExitError"))
			got := in.Collect(true).Invocations[0]
			if got.Duration.Round(time.Millisecond) != c.want {
				t.Errorf("took %v, want %v", got.Duration, c.want)
			}
		})
	}
}

// TestExportedOnceOrTwice: a process that has exported at SHUTDOWN and is killed before it has deleted the files leaves them to the next life, which exports what
// they hold once more, with everything in it that ids are made of. Once they are deleted nothing comes again.
func TestExportedOnceOrTwice(t *testing.T) {
	dir := t.TempDir()
	b := begin("A")
	b.Deadline = 4_000
	put(t, dir, "A.17.1.open", encode(t, true, process(17), b, call("A", "17-1")))
	dying := New(dir, born)
	dying.Announce(Announcement{ID: "A", ARN: "arn:A", Trace: "Root=1", Deadline: time.UnixMilli(4_000)})
	dying.Ends("timeout")
	first := dying.Collect(true)
	old("A.17.1.open")(t, dir, dying)
	next := New(dir, born)
	again := next.Collect(false)
	a, c := first.Invocations[0], again.Invocations[0]
	if a.ID != c.ID || !a.Deadline.Equal(c.Deadline) || a.Calls[0].ID != c.Calls[0].ID || a.Process.Env[logStream] != c.Process.Env[logStream] || a.Late || c.Late {
		t.Errorf("first %+v\nthen %+v", a, c)
	}
	next.Release(again)
	if got := collectAs(New(dir, born), true); got != "nothing" {
		t.Errorf("a third life finds %s", got)
	}
}

func TestColdStarts(t *testing.T) {
	initReport := func(kind string) event.Fact {
		return event.Fact{Kind: event.FactInitReport, Time: at(-1), InitType: kind, Phase: "init", Status: "success", Duration: 300 * time.Millisecond}
	}
	invocation := []event.Fact{started("A", 0), done("A", 1)}
	withType := func(kind string) rec {
		p := process(17)
		p.Process.Env = map[string]string{initTypeVariable: kind}
		return p
	}
	cold := begin("A")
	cold.Cold = true
	tests := []struct {
		name  string
		steps []step
		cold  bool
		want  *event.Init
	}{
		{"on demand", []step{observe(initReport("on-demand")), observe(invocation...)}, true, &event.Init{Type: "on-demand", Phase: "init", Duration: 300 * time.Millisecond}},
		{"nothing told of the set-up", []step{observe(invocation...)}, true, nil},
		{"provisioned concurrency", []step{observe(initReport("provisioned-concurrency")), observe(invocation...)}, false, nil},
		{"managed instances", []step{observe(initReport("lambda-managed-instances")), observe(invocation...)}, false, nil},
		{"a snapshot: the set-up is stale", []step{
			observe(initReport("snap-start"), event.Fact{Kind: event.FactRestoreDone, Time: at(-0.5), Duration: 200 * time.Millisecond}), observe(invocation...),
		}, true, &event.Init{Type: "snap-start", Phase: "snap-start", Restore: 200 * time.Millisecond}},
		{"the set-up of an earlier life", []step{observe(before(initReport("on-demand"))), observe(invocation...)}, true, nil},
		{"a hook", []step{observe(initReport("on-demand")), write("A.17.1.done", process(17), cold, end("A"))}, true, &event.Init{Type: "on-demand", Phase: "init", Duration: 300 * time.Millisecond}},
		{"a hook with provisioned concurrency", []step{write("A.17.1.done", withType("provisioned-concurrency"), cold, end("A"))}, false, nil},
		{"a hook out of a snapshot", []step{observe(initReport("snap-start")), write("A.17.1.done", withType("snap-start"), cold, end("A"))}, true, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			in := New(dir, born)
			in.Announce(Announcement{ID: "A"})
			for _, s := range test.steps {
				s(t, dir, in)
			}
			round := in.Collect(false)
			in.Release(round)
			got := round.Invocations[0]
			if got.Cold != test.cold {
				t.Errorf("cold %v, want %v", got.Cold, test.cold)
			}
			if i := got.Platform.Init; (i == nil) != (test.want == nil) || i != nil && *i != *test.want {
				t.Errorf("got %+v, want %+v", i, test.want)
			}
			in.Announce(Announcement{ID: "B"})
			in.Observe(started("B", 60))
			in.Observe(done("B", 61))
			if second := in.Collect(false).Invocations[0]; second.Cold || second.Platform.Init != nil {
				t.Errorf("the second one is cold: %+v", second)
			}
		})
	}
}

// TestAllThatLambdaTells is in the invocation, whether a hook told of it or not.
func TestAllThatLambdaTells(t *testing.T) {
	facts := []event.Fact{
		{Kind: event.FactInitStart, Time: at(-1), InitType: "on-demand", Phase: "init", Instance: "2026/01/02/[$LATEST]ab"},
		started("A", 0), done("A", 1),
		{Kind: event.FactReport, ID: "A", Time: at(2), Status: "success", Duration: 1100 * time.Millisecond, Billed: 1200 * time.Millisecond, Init: 300 * time.Millisecond, Restore: 1, Overhead: 100 * time.Millisecond, MemorySize: 128, MemoryUsed: 64},
	}
	want := event.Platform{Start: at(0), Done: at(1), Status: "success", Duration: time.Second, Produced: 10}
	report := event.Report{Status: "success", Duration: 1100 * time.Millisecond, Billed: 1200 * time.Millisecond, Init: 300 * time.Millisecond, Restore: 1, Overhead: 100 * time.Millisecond, MemorySize: 128, MemoryUsed: 64}
	for _, hooked := range []bool{false, true} {
		dir := t.TempDir()
		in := New(dir, born)
		in.Announce(Announcement{ID: "A", ARN: "arn:A"})
		if hooked {
			b := begin("A")
			b.ARN = ""
			put(t, dir, "A.17.1.done", encode(t, true, process(17), b, end("A")))
		}
		for _, f := range facts {
			in.Observe(f)
		}
		got := in.Collect(false).Invocations[0]
		r := got.Platform.Report
		got.Platform.Report = nil
		if got.Platform != want || r == nil || *r != report {
			t.Errorf("hooked %v: got %+v %+v", hooked, got.Platform, r)
		}
		if got.Response.Size != 10 {
			t.Errorf("hooked %v: the response has %d bytes", hooked, got.Response.Size)
		}
		if got.Trace != "Root=told:A" || got.Tenant != "tenant" || got.ARN != "arn:A" {
			t.Errorf("hooked %v: trace %q, tenant %q, arn %q", hooked, got.Trace, got.Tenant, got.ARN)
		}
		stream := got.Process.Env[logStream]
		switch {
		case hooked && (!got.Start.Equal(time.Unix(1, 0)) || got.Duration != 500*time.Millisecond):
			t.Errorf("the hook's times are %v and %v", got.Start, got.Duration)
		case !hooked && (!got.Start.Equal(at(0)) || got.Duration != time.Second || stream != "2026/01/02/[$LATEST]ab" || got.Open):
			t.Errorf("Lambda's times are %v and %v, in %q", got.Start, got.Duration, stream)
		}
	}
}

// TestAnAttemptIsFoundByItsDeadline: of two attempts only the second has a hook's records.
func TestAnAttemptIsFoundByItsDeadline(t *testing.T) {
	dir := t.TempDir()
	in := New(dir, born)
	in.Announce(Announcement{ID: "A", Deadline: at(3)})
	in.Announce(Announcement{ID: "A", Deadline: at(63)})
	in.Observe(started("A", 0))
	in.Observe(ended("A", 3, "timeout", ""))
	in.Observe(started("A", 60))
	in.Observe(done("A", 61))
	b := begin("A")
	b.Deadline = at(63).UnixMilli()
	put(t, dir, "A.17.1.done", encode(t, true, process(17), b, end("A")))
	both := in.Collect(false).Invocations
	first, second := both[:1], both[1:]
	if first[0].Outcome != "" || !first[0].Platform.Start.Equal(at(60)) {
		t.Errorf("first %+v", first)
	}
	if len(second) != 1 || second[0].Outcome != event.OutcomeTimeout || !second[0].Deadline.Truncate(time.Millisecond).Equal(at(3).Truncate(time.Millisecond)) {
		t.Errorf("second %+v", second)
	}
}

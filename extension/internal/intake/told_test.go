package intake

import (
	"fmt"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// noon is when the facts of the tests begin: in this life.
var noon = born.Add(time.Minute).Truncate(time.Second)

func at(second float64) time.Time { return noon.Add(time.Duration(second * float64(time.Second))) }

func observe(facts ...event.Fact) step {
	return func(_ *testing.T, _ string, in *Intake) string {
		for _, f := range facts {
			in.Observe(f)
		}
		return ""
	}
}

func ends(reason string) step {
	return func(_ *testing.T, _ string, in *Intake) string {
		in.Ends(reason)
		return ""
	}
}

func started(id string, second float64) event.Fact {
	return event.Fact{Kind: event.FactStart, ID: id, Time: at(second), Trace: "Root=told:" + id, Tenant: "tenant"}
}

// done is a runtimeDone a second after the start.
func done(id string, second float64) event.Fact {
	return event.Fact{Kind: event.FactDone, ID: id, Time: at(second), Status: "success", Duration: time.Second, Produced: 10}
}

func ended(id string, second float64, status, kind string) event.Fact {
	f := done(id, second)
	f.Status, f.ErrorType = status, kind
	return f
}

func report(id string, second float64) event.Fact {
	return event.Fact{Kind: event.FactReport, ID: id, Time: at(second), Status: "success", Duration: 2 * time.Second, Billed: 2 * time.Second, MemorySize: 128 << 20, MemoryUsed: 64 << 20}
}

func outOfMemory(f event.Fact) event.Fact {
	f.MemoryUsed = f.MemorySize
	return f
}

func line(second float64, text string) event.Fact {
	return event.Fact{Kind: event.FactLine, Time: at(second), Line: event.TextOf(text)}
}

func lineOf(id string, second float64, text string) event.Fact {
	f := line(second, text)
	f.ID = id
	return f
}

func managed() event.Fact {
	return event.Fact{Kind: event.FactInitStart, Time: at(-1), InitType: "lambda-managed-instances", Phase: "init", Instance: "stream"}
}

// hook writes what a hook does for an invocation that goes well.
func hook(id string, number int) step {
	return write(fmt.Sprintf("%s.17.%d.done", id, number), process(17), begin(id), call(id, fmt.Sprintf("17-%d", number)), callEnd(id, fmt.Sprintf("17-%d", number)), end(id))
}

// before makes a fact one of an earlier life.
func before(f event.Fact) event.Fact {
	f.Time = f.Time.Add(-2 * time.Minute)
	return f
}

func TestWhatLambdaTells(t *testing.T) {
	none := []string{"nothing"}
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"no hook: a span when its end was told", []step{announce("A"), observe(started("A", 0)), collect, observe(done("A", 1)), collect, collect, final}, []string{"nothing", "A", "nothing", "nothing"}},
		{"no hook: the report comes with the next one", []step{
			announce("A"), observe(started("A", 0), done("A", 1)), collect, announce("B"), observe(report("A", 2), started("B", 3), done("B", 4)), collect, final,
		}, []string{"A", "B", "nothing"}},
		{"no hook: many between two looks", []step{
			announce("A"), announce("B"), announce("C"), observe(started("A", 0), done("A", 1), report("A", 2), started("B", 3), done("B", 4), report("B", 5), started("C", 6)), collect, final,
		}, []string{"A; B", "C open timeout"}},
		{"no hook: an announcement is not enough", []step{announce("A"), collect, announce("B"), collect, final}, []string{"nothing", "nothing", "nothing"}},
		{"no hook and no telemetry: the invocation that the environment ends with", []step{announce("A"), announce("B"), collect, ends("TIMEOUT"), final}, []string{"nothing", "B open timeout unseen"}},
		{"no hook: an end that is never told is given up after the next invocation", []step{
			announce("A"), observe(started("A", 0)), collect, announce("B"), observe(started("B", 3)), collect, collect, observe(done("A", 1)), collect,
		}, []string{"nothing", "nothing", "A open", "nothing"}},
		{"no hook: an end that comes late", []step{
			announce("A"), observe(started("A", 0)), collect, announce("B"), observe(started("B", 3)), collect, observe(done("A", 1)), collect, final,
		}, []string{"nothing", "nothing", "A", "B open timeout"}},
		{"a hook: one span, whatever comes first", []step{
			announce("A"), hook("A", 1), observe(started("A", 0), done("A", 1), report("A", 2)), collect, final,
		}, []string{"A 17-1", "nothing"}},
		{"a hook: facts come late", []step{
			announce("A"), hook("A", 1), collect, observe(started("A", 0)), collect, observe(done("A", 1)), collect, observe(report("A", 2)), collect, final,
		}, []string{"A 17-1", "nothing", "nothing", "nothing", "nothing"}},
		{"a hook: the end is told before the file is renamed", []step{
			announce("A"), write("A.17.1.open", process(17), begin("A")), observe(started("A", 0), done("A", 1)), collect, appendTo("A.17.1.open", end("A")), rename("A.17.1.open"), collect, final,
		}, []string{"nothing", "A", "nothing"}},
		{"a hook: the end is told while nothing of the file can be read yet", []step{
			announce("A"), writeBytes("A.17.1.open", ""), observe(started("A", 0), done("A", 1)), collect, collect,
			write("A.17.1.open", process(17), begin("A"), end("A")), rename("A.17.1.open"), collect, final,
		}, []string{"nothing", "nothing", "A", "nothing"}},
		{"a hook that was too late", []step{
			announce("A"), observe(started("A", 0), done("A", 1)), collect, hook("A", 1), collect, final,
		}, []string{"A", "A late 17-1", "lost late-invocation 2/0"}},
		{"a hook that was too late, and another one that can tell", []step{
			announce("A"), observe(started("A", 0), done("A", 1)), collect, hook("A", 1), collect, announce("B"), hook("B", 2), collect, final,
		}, []string{"A", "A late 17-1", "B 17-2 lost:late-invocation:2", "nothing"}},
		{"a hook whose records are lost", []step{
			announce("A"), writeBytes("A.17.1.done", "hello"), observe(started("A", 0), done("A", 1)), collect, final,
		}, []string{"A lost:corrupt-file:1", "nothing"}},
		{"a child process, and a parent without a hook", []step{
			announce("A"), write("A.21.1.done", process(21), call("A", "21-1"), callEnd("A", "21-1")), collect, observe(started("A", 0), done("A", 1)), collect, final,
		}, []string{"nothing", "A 21-1", "nothing"}},
		{"a child process that lives on, and a parent without a hook", []step{
			announce("A"), write("A.21.1.open", process(21), call("A", "21-1"), callEnd("A", "21-1")), observe(started("A", 0), done("A", 1)), collect,
			announce("B"), observe(started("B", 3)), collect, final,
		}, []string{"nothing", "A 21-1", "B open timeout"}},
		{"everything is told twice", []step{
			announce("A"), observe(started("A", 0), started("A", 0), done("A", 1), done("A", 1)), collect, observe(started("A", 0), done("A", 1), report("A", 2), report("A", 2)), collect, final,
		}, []string{"A", "nothing", "nothing"}},
		{"invocations that nobody knows", []step{observe(done("A", 1), report("B", 2), ended("C", 1, "timeout", "")), collect, final}, []string{"nothing", "nothing"}},
		{"facts without an id", []step{observe(started("", 0), done("", 1), report("", 2)), collect, final}, []string{"nothing", "nothing"}},
		{"a second attempt, both told by hooks", []step{
			announce("A"), hook("A", 1), observe(started("A", 0), done("A", 1), report("A", 2)), collect,
			announce("A"), hook("A", 2), observe(started("A", 60), done("A", 61)), collect, final,
		}, []string{"A 17-1", "A 17-2", "nothing"}},
		{"a second attempt, both told by Lambda alone", []step{
			announce("A"), observe(started("A", 0), ended("A", 1, "error", "Runtime.ExitError")), collect,
			announce("A"), observe(started("A", 60), done("A", 61)), collect, final,
		}, []string{"A open killed", "A", "nothing"}},
		{"a second attempt between two looks", []step{
			announce("A"), announce("A"), observe(started("A", 0), ended("A", 1, "timeout", ""), report("A", 2), started("A", 60), done("A", 61), report("A", 62)), collect, final,
		}, []string{"A open timeout; A", "nothing"}},
		{"a second attempt that nobody announced", []step{observe(managed(), started("A", 0), report("A", 1), started("A", 60), report("A", 61)), collect, final}, []string{"A; A", "nothing"}},
		{"managed instances: side by side, without runtimeDone", []step{
			observe(managed(), started("A", 0), started("B", 0.5), report("B", 1)), collect, observe(report("A", 2)), collect, observe(started("C", 3)), ends("spindown"), final,
		}, []string{"B", "A", "C open"}},
		{"an invocation is given for a failure of the environment", []step{
			announce("A"), observe(started("A", 0)), ends("failure"), final,
		}, []string{"A open killed"}},
		{"a runtimeDone after another says that an extension failed it", []step{
			announce("A"), observe(started("A", 0), done("A", 1), ended("A", 2, "error", "Extension.Crash")), collect,
		}, []string{"A open killed"}},
		{"a runtimeDone after another that tells of no worse", []step{
			announce("A"), observe(started("A", 0), ended("A", 1, "timeout", ""), done("A", 2)), collect,
		}, []string{"A open timeout"}},
		{"what an earlier life was told", []step{
			write("A.17.1.open", process(17), begin("A"), call("A", "17-1")), old("A.17.1.open"), observe(before(ended("A", 1, "timeout", "")), before(report("A", 2))),
			announce("B"), observe(started("B", 3)), collect, final,
		}, []string{"A open timeout 17-1(open)", "B open timeout"}},
		{"facts of an earlier life whose invocation was given there", []step{
			observe(before(started("A", 0)), before(done("A", 1)), before(report("A", 2))), announce("B"), collect, final,
		}, []string{"nothing", "nothing"}},
		{"the invocation that a new life begins in has begun before", []step{
			announce("B"), observe(before(started("B", 0)), done("B", 1)), collect, final,
		}, []string{"B", "nothing"}},
		{"the same, and an orphan of another attempt at it", []step{
			write("A.17.1.open", process(17), begin("A"), call("A", "17-1")), old("A.17.1.open"),
			announce("A"), observe(before(outOfMemory(ended("A", 0, "error", "Runtime.ExitError"))), before(outOfMemory(report("A", 1))), before(started("A", 60)), done("A", 61)), collect, final,
		}, []string{"A open out-of-memory 17-1(open); A", "nothing"}},
		{"what Lambda dropped is counted", []step{
			observe(event.Fact{Kind: event.FactDropped, DroppedRecords: 5, DroppedBytes: 100}), announce("A"), hook("A", 1), collect,
		}, []string{"A 17-1 lost:telemetry-dropped:5"}},
		{"a kind of fact that is new", []step{observe(event.Fact{Kind: 99, ID: "A"}), collect, final}, append(none, "nothing")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { walk(t, test.steps, test.want) })
	}
}

package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// TestLocalInvocations: each end comes within its invocation, the report with the next one or the shutdown (TELSCH, reference 3.7).
func TestLocalInvocations(t *testing.T) {
	t.Parallel()
	f := run(t, nil)
	const init = "init-start-init init-done-init-success init-report-init-success"
	for _, id := range []string{"a", "b", "c"} {
		f.invoke(id, `{"do":"say=hello-`+id+`"}`)
		f.wait("that "+id+" has ended", func(s saying) bool { return s.Event == "ended" && s.ID == id })
	}
	if got, want := sequence(f.facts()), init+" start-a done-a-success report-a-success start-b done-b-success report-b-success start-c done-c-success"; got != want {
		t.Errorf("told of %s\nnot of  %s", got, want)
	}
	f.close()
	f.wait("the report of c", func(s saying) bool { return s.Fact != nil && s.Fact.Kind == event.FactReport && s.Fact.ID == "c" })
	for _, id := range []string{"a", "b", "c"} {
		line := f.wait("its line", func(s saying) bool { return s.Fact != nil && s.Fact.Line == "hello-"+id })
		if line.Fact.Kind != event.FactLine || line.Fact.Time.IsZero() {
			t.Errorf("line %+v", line)
		}
	}
	for _, fact := range f.facts() {
		switch fact.Kind {
		case event.FactInitStart:
			if fact.InitType != "on-demand" || fact.Instance == "" {
				t.Errorf("init %+v", fact)
			}
		case event.FactReport:
			if fact.Duration <= 0 || fact.Billed < fact.Duration || fact.MemorySize != 1769<<20 || fact.MemoryUsed <= 0 || fact.Overhead <= 0 || (fact.Init > 0) != (fact.ID == "a") {
				t.Errorf("report %+v", fact)
			}
		case event.FactDone:
			if fact.Duration <= 0 || fact.Produced == 0 || fact.Trace == "" {
				t.Errorf("done %+v", fact)
			}
		}
	}
}

// TestLocalRetry: a second attempt has the id of the first, and an end of its own.
func TestLocalRetry(t *testing.T) {
	t.Parallel()
	const long = 400 * time.Millisecond
	f := run(t, nil)
	f.invoke("a", `{}`)
	for range 2 {
		f.invoke("a", `{"do":"sleep=`+long.String()+`"}`)
		if took := f.LastReport().Duration; took < long {
			t.Errorf("the extension was done after %v, and the function took %v", took, long)
		}
	}
	f.invoke("b", `{}`)
	if got := sequence(f.facts()); strings.Count(got, "start-a done-a-success report-a-success") != 3 {
		t.Errorf("told of %s", got)
	}
}

// TestLocalReset: how it ended is told before SHUTDOWN, and the next life is told of its own init.
func TestLocalReset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, payload, status string }{
		{"timeout", `{"do":"sleep=1h"}`, "timeout"},
		{"crash", `{"do":"exit=1"}`, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := run(t, func(fn *lambdalocal.Function, _ *lambdalocal.Options) { fn.Timeout = 3 * time.Second })
			f.invoke("a", c.payload)
			f.wait("how it ended", func(s saying) bool {
				return s.Fact != nil && s.Fact.Kind == event.FactDone && s.Fact.ID == "a" && s.Fact.Status == c.status
			})
			f.invoke("a", `{}`) // again, in the next life
			f.invoke("b", `{}`)
			got := sequence(f.facts())
			if !strings.Contains(got, "init-start-invoke init-done-invoke-success init-report-invoke-success start-a done-a-success report-a-success start-b") {
				t.Errorf("told of %s", got)
			}
		})
	}
}

// TestLocalFreeze: a post that a freeze finds under way is neither lost nor taken in twice. Nobody waits for ends here, so that there is always one.
func TestLocalFreeze(t *testing.T) {
	t.Parallel()
	const n = 12
	f := run(t, func(fn *lambdalocal.Function, o *lambdalocal.Options) {
		fn.Env["SCRIPT_BOOTSTRAP"] = "loop"
		o.CutConnections = true
		o.FrozenFor = 30 * time.Millisecond
	})
	for i := range n {
		f.invoke(fmt.Sprintf("i%d", i), fmt.Sprintf(`{"do":"sleep=%dms"}`, 5*i))
	}
	f.close()
	got := sequence(f.facts())
	for i := range n {
		if whole := fmt.Sprintf("start-i%d done-i%d-success", i, i); strings.Count(got, whole) != 1 {
			t.Errorf("%d times told of %s in %s", strings.Count(got, whole), whole, got)
		}
		if report := fmt.Sprintf("report-i%d-success", i); i < n-1 && strings.Count(got, report) != 1 {
			t.Errorf("%d times told of %s in %s", strings.Count(got, report), report, got)
		}
	}
	if strings.Contains(got, "dropped") {
		t.Errorf("told of %s", got)
	}
}

// TestLocalWithoutTelemetry: 202, as AWS's own emulator and SAM answer (TELREF).
func TestLocalWithoutTelemetry(t *testing.T) {
	t.Parallel()
	f := run(t, func(_ *lambdalocal.Function, o *lambdalocal.Options) { o.NoTelemetry = true })
	f.invoke("a", `{}`)
	if s := f.wait("INVOKE", func(s saying) bool { return s.Event == "INVOKE" }); s.Told || len(f.facts()) > 0 {
		t.Errorf("told: %v %s", s.Told, sequence(f.facts()))
	}
}

// TestLocalSnapStart: the listener outlives the restore, and what the snapshot's init told again is marked by its phase (reference 2.6).
func TestLocalSnapStart(t *testing.T) {
	t.Parallel()
	f := run(t, func(fn *lambdalocal.Function, _ *lambdalocal.Options) { fn.InitType = lambdalocal.SnapStart })
	for _, id := range []string{"a", "b"} {
		f.invoke(id, `{"do":"sleep=50ms"}`)
		f.wait("that "+id+" has ended", func(s saying) bool { return s.Event == "ended" && s.ID == id })
	}
	got := sequence(f.facts())
	if strings.Count(got, "init-start-snap-start") != 2 || strings.Count(got, "init-start") != 2 || !strings.Contains(got, "restore-start") || !strings.Contains(got, "restore-done-success") {
		t.Errorf("told of %s", got)
	}
	for _, fact := range f.facts() {
		if fact.Kind == event.FactRestoreStart && fact.Instance == "" {
			t.Errorf("restore %+v", fact)
		}
	}
}

// TestLocalManagedInstance: the newest schema, no runtimeDone, reports of invocations side by side (reference 2.8).
func TestLocalManagedInstance(t *testing.T) {
	t.Parallel()
	f := run(t, func(fn *lambdalocal.Function, _ *lambdalocal.Options) {
		fn.InitType, fn.MaxConcurrency = lambdalocal.ManagedInstances, 1
	})
	f.invoke("a", `{}`)
	f.invoke("b", `{}`)
	f.close()
	got := sequence(f.facts())
	for _, want := range []string{"init-start-init", "start-a", "report-a-success", "start-b", "report-b-success"} {
		if !strings.Contains(got, want) {
			t.Errorf("told of %s", got)
		}
	}
	if strings.Contains(got, " done-") {
		t.Errorf("told of %s", got)
	}
}

// TestLocalJSONLogs: a line comes as the object that it is (TELSCH "function").
func TestLocalJSONLogs(t *testing.T) {
	t.Parallel()
	f := run(t, func(fn *lambdalocal.Function, _ *lambdalocal.Options) { fn.LogFormat = "JSON" })
	f.invoke("a", `{"do":"say={\"level\":\"INFO\",\"message\":\"hello\",\"requestId\":\"a\"} say=plain"}`)
	f.invoke("b", `{"do":"sleep=50ms"}`)
	if s := f.wait("the object", func(s saying) bool { return s.Fact != nil && s.Fact.Line == "hello" }); s.Fact.Level != "INFO" || s.Fact.ID != "a" {
		t.Errorf("got %+v", s.Fact)
	}
	f.wait("the line", func(s saying) bool { return s.Fact != nil && s.Fact.Line == "plain" })
}

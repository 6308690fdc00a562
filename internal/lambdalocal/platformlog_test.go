package lambdalocal

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// watched starts a function of these tests and keeps its events.
func (l lambda) watched(t *testing.T) (*Environment, *recorder, *events) {
	seen := &events{}
	change := l.change
	l.change = func(f *Function, o *Options) {
		if change != nil {
			change(f, o)
		}
		o.watch = seen.watch
	}
	e, log := l.start(t)
	return e, log, seen
}

// brief is an event in one word: its type, with the status and error type or the name that it has.
func brief(e telemetry.Event) string {
	name := strings.TrimPrefix(e.Type, "platform.")
	switch r := e.Record.(type) {
	case telemetry.InitStartRecord:
		return name + " " + r.Phase
	case telemetry.InitDoneRecord:
		return strings.TrimSpace(name + " " + r.Phase + " " + r.Status + " " + r.ErrorType)
	case telemetry.RuntimeDoneRecord:
		return strings.TrimSpace(name + " " + r.Status + " " + r.ErrorType)
	case telemetry.ReportRecord:
		return strings.TrimSpace(name + " " + r.Status + " " + r.ErrorType)
	case telemetry.ExtensionRecord:
		return strings.TrimSpace(name + " " + r.Name + " " + r.State + " " + r.ErrorType)
	}
	return name
}

func briefs(all []telemetry.Event) []string {
	var out []string
	for _, e := range all {
		out = append(out, brief(e))
	}
	return out
}

// find is the record of the first event of a type.
func find[R any](t *testing.T, all []telemetry.Event) R {
	t.Helper()
	for _, e := range all {
		if r, ok := e.Record.(R); ok {
			return r
		}
	}
	var none R
	t.Fatalf("no %T in %q", none, briefs(all))
	return none
}

// Sources: RIE rapid/handlers.go doRuntimeDomainInit, doInvoke and handleReset, RIE-LMI rapid/handlers.go;
// reference 2.1, 2.4, 3.7: which events there are, in which order, and how they tell of an end.
func TestEvents(t *testing.T) {
	coldStart := []string{"initStart init", "initRuntimeDone init success", "initReport init success", "start"}
	withExtension := []string{"initStart init", "initRuntimeDone init success", "extension ext Ready", "initReport init success", "start"}
	failedInit := func(phase, state, failure string) []string {
		return []string{"initStart " + phase, "extension ext " + state, "initReport " + phase + " error " + failure}
	}
	for _, c := range []struct {
		name    string
		l       lambda
		payload string
		want    []string
	}{
		{"a good invocation", lambda{extensions: map[string]string{"ext": ""}}, `{}`,
			append(withExtension, "runtimeDone success", "report success")},
		{"an error that the runtime reports", lambda{}, `{"do":"error=Function.Boom"}`,
			append(coldStart, "runtimeDone success", "report success")},
		{"a crash of the runtime", lambda{}, `{"do":"exit=3"}`,
			append(coldStart, "runtimeDone error Runtime.ExitError", "report error Runtime.ExitError")},
		{"a crash of an extension", lambda{extensions: map[string]string{"ext": "register=INVOKE next exit=2"}}, `{"do":"sleep=1h"}`,
			append(withExtension, "runtimeDone error Extension.Crash", "report error Extension.Crash")},
		{"a crash of an extension after the response", lambda{extensions: map[string]string{"ext": "register=INVOKE next until=/tmp/done sleep=50ms exit=2"}},
			`{"do":"touch=/tmp/done"}`,
			append(withExtension, "runtimeDone success", "runtimeDone error Extension.Crash", "report error Extension.Crash")},
		{"a timeout", lambda{timeout: time.Second}, `{"do":"sleep=1h"}`,
			append(coldStart, "runtimeDone timeout", "report timeout")},
		{"a timeout of the tail", lambda{timeout: time.Second, extensions: map[string]string{"ext": "register=INVOKE loop=1h"}}, `{}`,
			append(withExtension, "runtimeDone success", "runtimeDone timeout", "report timeout")},
		{"an init that fails twice, before the runtime", lambda{extensions: map[string]string{"ext": "exit=0"}}, `{}`,
			slices.Concat(failedInit("init", "Started", "Extension.Crash"), failedInit("invoke", "Started", "Extension.Crash"),
				[]string{"start", "runtimeDone error Extension.Crash", "report error Extension.Crash"})},
		{"a runtime that fails in init", lambda{bootstrap: "exit=7"}, `{}`,
			[]string{"initStart init", "initRuntimeDone init error Runtime.ExitError", "initReport init error Runtime.ExitError",
				"initStart invoke", "initRuntimeDone invoke error Runtime.ExitError", "initReport invoke error Runtime.ExitError",
				"start", "runtimeDone error Runtime.ExitError", "report error Runtime.ExitError"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, _, seen := c.l.watched(t)
			invoke(t, e, c.payload)
			if got := briefs(seen.since(0)); !slices.Equal(got, c.want) {
				t.Errorf("the events are\n%q, want\n%q", got, c.want)
			}
		})
	}
}

// Sources: LRE; reference 2.4: what a reset leaves to the next invocation is an init of phase "invoke" in its
// own time.
func TestEventsOfASuppressedInit(t *testing.T) {
	e, _, seen := lambda{}.watched(t)
	invoke(t, e, `{"do":"exit=1"}`)
	before := seen.count()
	_, report := invoke(t, e, `{"do":"sleep=20ms"}`)
	want := []string{"initStart invoke", "initRuntimeDone invoke success", "initReport invoke success", "start", "runtimeDone success", "report success"}
	all := seen.since(before)
	if got := briefs(all); !slices.Equal(got, want) {
		t.Errorf("the events are %q, want %q", got, want)
	}
	record := find[telemetry.ReportRecord](t, all)
	var init telemetry.Milliseconds
	for _, event := range all {
		if r, ok := event.Record.(telemetry.InitDoneRecord); ok && r.Metrics != nil {
			init = r.Metrics.DurationMs
		}
	}
	if record.Metrics.InitDurationMs != nil || init == 0 || record.Metrics.DurationMs < init+20 || report.Duration < 20*time.Millisecond {
		t.Errorf("a suppressed init of %v ms is not part of %+v", init, record.Metrics)
	}
}

// Sources: TELSCH; reference 3.6; RIE telemetry/events_api.go: what the records of an invocation hold.
func TestRecords(t *testing.T) {
	const work = 60 * time.Millisecond
	e, _, seen := lambda{extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN loop=60ms"}}.watched(t)
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	in := Invocation{RequestID: "r-1", Payload: []byte(`{"do":"sleep=20ms"}`), TraceHeader: trace, TenantID: "blue"}
	if _, err := e.Invoke(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := seen.since(0)

	init := find[telemetry.InitStartRecord](t, all)
	if init.FunctionName != "probe" || init.FunctionVersion != "$LATEST" || init.InstanceID != e.env.logStream ||
		init.InstanceMaxMemory != 128<<20 || init.InitializationType != "on-demand" {
		t.Errorf("initStart is %+v", init)
	}
	start, done, report := find[telemetry.StartRecord](t, all), find[telemetry.RuntimeDoneRecord](t, all), find[telemetry.ReportRecord](t, all)
	if start.RequestID != "r-1" || start.Version != "$LATEST" || start.TenantID != "blue" || done.TenantID != "blue" || report.TenantID != "blue" {
		t.Errorf("start is %+v", start)
	}
	for _, tracing := range []*telemetry.Tracing{start.Tracing, done.Tracing, report.Tracing} {
		if tracing.Type != "X-Amzn-Trace-Id" || tracing.Value != trace || len(tracing.SpanID) != 16 || tracing.SpanID != start.Tracing.SpanID {
			t.Errorf("tracing is %+v", tracing)
		}
	}
	if *done.Metrics.ProducedBytes != len(in.Payload) || done.Metrics.DurationMs < 20 {
		t.Errorf("runtimeDone is %+v, %d bytes", done.Metrics, *done.Metrics.ProducedBytes)
	}
	names := func(spans []telemetry.Span) (out []string) {
		for _, s := range spans {
			out = append(out, s.Name)
		}
		return out
	}
	if got := names(done.Spans); !slices.Equal(got, []string{"responseLatency", "responseDuration", "runtimeOverhead"}) || done.Spans[0].DurationMs < 20 {
		t.Errorf("spans of runtimeDone are %+v", done.Spans)
	}
	// The extension's work begins no earlier than the runtime's, which may take the longer on a busy machine.
	if got := names(report.Spans); !slices.Equal(got, []string{"extensionOverhead"}) || report.Spans[0].DurationMs <= 0 || report.Spans[0].DurationMs+done.Metrics.DurationMs < inMilliseconds(work) {
		t.Errorf("spans of report are %+v", report.Spans)
	}
	last := e.LastReport()
	if report.Metrics.DurationMs != inMilliseconds(last.Duration) || report.Metrics.BilledDurationMs != last.BilledMS ||
		*report.Metrics.InitDurationMs != inMilliseconds(last.Init) || report.Metrics.MemorySizeMB != 128 ||
		report.Metrics.MaxMemoryUsedMB != last.MaxMemoryMB || report.Metrics.DurationMs < done.Metrics.DurationMs || report.Metrics.DurationMs < inMilliseconds(work) {
		t.Errorf("report is %+v, want what %+v says", report.Metrics, last)
	}
}

// A subscriber may work until it hears that the runtime is done: the event must not wait for its next
// (reference 2.2, 3.7). The lines of the function come before it.
func TestRuntimeDoneComesBeforeTheTailsEnd(t *testing.T) {
	order := make(chan string, 100)
	e, _ := lambda{
		extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN next until=/tmp/done say=tail loop"},
		change: func(_ *Function, o *Options) {
			o.watch = func(e telemetry.Event) {
				switch {
				case e.Type == telemetry.RuntimeDone || e.Type == telemetry.Report:
					order <- e.Type
				case e.Record == "tail" || e.Record == "worked":
					order <- fmt.Sprint(e.Record)
				}
			}
		},
	}.start(t)
	if r := invokeOnly(t, e, `{"do":"say=worked"}`); r.FunctionError != "" {
		t.Fatalf("answer is %s", r.Payload)
	}
	for _, want := range []string{"worked", telemetry.RuntimeDone} {
		select {
		case got := <-order:
			if got != want {
				t.Errorf("%s came, want %s", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("%s did not come while the extension waits for it", want)
		}
	}
	writeFile(t, e.TempDir()+"/done", "x", 0o644)
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := []string{<-order, <-order}; !slices.Equal(got, []string{"tail", telemetry.Report}) {
		t.Errorf("then came %q", got)
	}
}

// Source: RIE rapid/handlers.go handleReset; reference 2.4: runtimeDone tells of the timeout before anybody
// is told to leave.
func TestResetTellsBeforeItActs(t *testing.T) {
	var order []string
	e, log := lambda{
		timeout: time.Second, bootstrap: "onterm=say loop", extensions: map[string]string{"ext": ""},
		change: func(_ *Function, o *Options) {
			o.watch = func(e telemetry.Event) { // one at a time
				if text, ok := e.Record.(string); ok {
					order = append(order, text)
				} else {
					order = append(order, brief(e))
				}
			}
		},
	}.start(t)
	invoke(t, e, `{"do":"sleep=1h"}`)
	log.wait(t, "exiting")
	last := -1
	for _, part := range []string{"runtimeDone timeout", "got SIGTERM", `"shutdownReason":"timeout"`} {
		at := index(order, part)
		if at <= last {
			t.Errorf("%q is not in its place in %q", part, order)
		}
		last = at
	}
}

// Source: RIE rapidcore/server.go: on a timeout Invoke waits for the reset before it answers; what crashed is
// told right away.
func TestWhenTheCallerIsToldOfAReset(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		after         bool
	}{
		{"a timeout, after the reset", `{"do":"sleep=1h"}`, true},
		{"a crash, before it", `{"do":"exit=1"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, log := lambda{timeout: time.Second, extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN next next sleep=300ms say=left exit=0"}}.start(t)
			invokeOnly(t, e, c.payload)
			if got := log.has("left"); got != c.after {
				t.Errorf("the answer came after the reset: %v, want %v", got, c.after)
			}
		})
	}
}

// Source: EXT prints SPINDOWN, RIE rapid/handlers.go sends spindown.
func TestReasonsInUpperCase(t *testing.T) {
	e, log := lambda{extensions: map[string]string{"ext": ""}, change: func(_ *Function, o *Options) { o.UpperCaseReasons = true }}.start(t)
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.wait(t, `"shutdownReason":"SPINDOWN"`)
}

// Sources: TELSCH, reference 10: with the log format JSON the platform's lines are its events.
func TestLogInJSON(t *testing.T) {
	e, log := lambda{
		extensions: map[string]string{"ext": ""}, bootstrap: "env loop",
		change: func(f *Function, _ *Options) { f.LogFormat = "JSON" },
	}.start(t)
	r, report := invoke(t, e, `{"do":"say=hello"}`)
	invoke(t, e, `{"do":"exit=1"}`)
	var types []string
	for _, line := range log.texts(SourcePlatform) {
		if strings.HasPrefix(line, "lambdalocal: ") { // what is left out here is no line of Lambda's
			continue
		}
		var event struct {
			Time   time.Time
			Type   string
			Record struct {
				RequestID string
				Status    string
				Metrics   struct{ BilledDurationMs int64 }
			}
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Time.IsZero() {
			t.Fatalf("%v in %q", err, line)
		}
		types = append(types, strings.TrimSpace(strings.TrimPrefix(event.Type, "platform.")+" "+event.Record.Status))
		if len(types) == 3 && (event.Record.RequestID != r.RequestID || event.Record.Metrics.BilledDurationMs != report.BilledMS) {
			t.Errorf("the report is %s", line)
		}
	}
	want := []string{"extension", "start", "report success", "start", "runtimeDone error", "report error"}
	if !slices.Equal(types, want) {
		t.Errorf("the log has %q, want %q", types, want)
	}
	log.wait(t, "hello")
	if !strings.Contains(log.wait(t, "env "), "AWS_LAMBDA_LOG_FORMAT=JSON") {
		t.Error("the runtime does not know the log format")
	}
}

package lambdalocal

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// What the platform says reaches two kinds of readers: telemetry has every event, the log has the lines
// that CloudWatch would have, as text or, with Function.LogFormat JSON, as the events themselves.
//
// Where Lambda has an older and a newer form of a line, the newer one is written: how an invocation ended
// is in its REPORT, and there are no lines "Task timed out after 3.00 seconds" and "RequestId: … Error: …"
// before it (reference 2.4).

// logFormatJSON is the one value of Function.LogFormat that changes anything.
const logFormatJSON = "JSON"

// logs in JSON, as in LoggingConfig.LogFormat.
func (fn Function) jsonLogs() bool { return strings.EqualFold(fn.LogFormat, logFormatJSON) }

// tell emits an event. In a log of text it becomes the given lines. In one of JSON it becomes itself, if it
// would become lines or tells of a failure: with the system log level INFO, the default, the log has start,
// report, extension and telemetrySubscription, and of the others those whose status is no success.
func (l *logStream) tell(eventType string, record any, failed bool, lines ...string) {
	event := telemetry.Event{Time: time.Now(), Type: eventType, Record: record}
	l.mu.Lock()
	l.emit(event)
	if l.keep && strings.HasPrefix(eventType, initEvents) {
		l.init = append(l.init, event)
	}
	l.mu.Unlock()
	if l.json {
		if !failed && len(lines) == 0 {
			return
		}
		lines = []string{eventLine(event)}
	}
	for _, line := range lines {
		l.platform(line)
	}
}

// initEvents begin the types of all events of an init.
const initEvents = "platform.init"

// keepInit forgets the events of an earlier init and, if there will be a restore, keeps those of the one that
// begins.
func (l *logStream) keepInit(keep bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep, l.init = keep, nil
}

// tellInitAgain delivers the events of the init once more, as they were: a restored extension gets the
// telemetry of a snapshot that is perhaps days old (reference 2.6).
func (l *logStream) tellInitAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, event := range l.init {
		l.emit(event)
	}
}

// eventLine is an event as a line of a JSON log: the envelope that subscribers get.
func eventLine(e telemetry.Event) string {
	b, err := json.Marshal(e)
	if err != nil { // only our own types come here
		panic(err)
	}
	return string(b)
}

func (e *Environment) tellInitStart(phase string) {
	e.logs.tell(telemetry.InitStart, telemetry.InitStartRecord{
		InitializationType: string(e.fn.InitType), Phase: phase,
		FunctionName: e.fn.Name, FunctionVersion: e.fn.Version,
		// The log stream is the instance's name, and the limit is in bytes (RIE rapid/handlers.go
		// sendInitStartLogEvent; RIE-LMI MemorySizeBytes).
		InstanceID: e.env.logStream, InstanceMaxMemory: e.fn.MemoryMB << 20,
	}, false)
}

// tellInitRuntimeDone tells how the runtime's own part of an init ended. It comes as soon as the runtime is
// ready and does not wait for the extensions (RIE-LMI rapid/handlers.go doInitRuntime).
func (e *Environment) tellInitRuntimeDone(phase string, f *failure, err error) {
	status, errorType := outcome(f, err)
	e.logs.tell(telemetry.InitRuntimeDone, telemetry.InitDoneRecord{
		InitializationType: string(e.fn.InitType), Phase: phase, Status: status, ErrorType: errorType,
	}, status != telemetry.StatusSuccess)
}

// tellInitReport ends an init. The log of an on-demand function has its line only if the init failed (LRE).
func (e *Environment) tellInitReport(phase string, took time.Duration, f *failure, err error) {
	status, errorType := outcome(f, err)
	failed := status != telemetry.StatusSuccess
	var lines []string
	if failed || e.fn.InitType != OnDemand {
		line := fmt.Sprintf("INIT_REPORT Init Duration: %s ms\tPhase: %s", milliseconds(took), phase)
		if failed {
			line += "\tStatus: " + status
		}
		if errorType != "" {
			line += "\tError Type: " + errorType
		}
		lines = append(lines, line)
	}
	e.logs.tell(telemetry.InitReport, telemetry.InitDoneRecord{
		InitializationType: string(e.fn.InitType), Phase: phase, Status: status, ErrorType: errorType,
		Metrics: &telemetry.PhaseMetrics{DurationMs: inMilliseconds(took)},
	}, failed, lines...)
}

// outcome is how a phase ended, by what went wrong in it: an error is its deadline's. What is not the
// function's fault is a "failure", the rest an "error" (RIE rapid/handlers.go handleReset).
func outcome(f *failure, err error) (status, errorType string) {
	switch {
	case err != nil:
		return telemetry.StatusTimeout, ""
	case f == nil:
		return telemetry.StatusSuccess, ""
	case strings.HasPrefix(f.errorType, "Sandbox."):
		return telemetry.StatusFailure, f.errorType
	}
	return telemetry.StatusError, f.errorType
}

// tellExtensions tells of every extension at the end of an init, however it ended.
func (e *Environment) tellExtensions(g *generation) {
	var records []telemetry.ExtensionRecord
	g.mu.Lock()
	for _, x := range g.extensions {
		records = append(records, telemetry.ExtensionRecord{
			Name: x.name, State: x.state, Events: append([]string{}, x.events...), ErrorType: x.errorType,
		})
	}
	g.mu.Unlock()
	for _, r := range records {
		line := fmt.Sprintf("EXTENSION\tName: %s\tState: %s\tEvents: [%s]", r.Name, r.State, strings.Join(r.Events, ", "))
		if r.ErrorType != "" {
			line += "\tError Type: " + r.ErrorType
		}
		e.logs.tell(telemetry.Extension, r, r.ErrorType != "", line)
	}
}

// tellSubscription tells of a new subscriber to telemetry.
func (e *Environment) tellSubscription(extension string, types []string) {
	shown := make([]string, len(types))
	for i, t := range types {
		if t != "" {
			shown[i] = strings.ToUpper(t[:1]) + t[1:]
		}
	}
	e.logs.tell(telemetry.TelemetrySubscription,
		telemetry.SubscriptionRecord{Name: extension, State: "Subscribed", Types: types}, false,
		fmt.Sprintf("TELEMETRY\tName: %s\tState: Subscribed\tTypes: [%s]", extension, strings.Join(shown, ", ")))
}

// newStream is the telemetry of a new generation: a subscription belongs to a process, and processes end
// with their generation.
func (e *Environment) newStream() *telemetry.Stream {
	return telemetry.NewStream(telemetry.Options{
		Managed: e.fn.onInstances(), JSONLogs: e.fn.jsonLogs(), Subscribed: e.tellSubscription,
	})
}

// flushLimit is how long a SHUTDOWN may be held up by telemetry that comes before it. A listener that
// answers at all answers within a few milliseconds, and what a slow one takes is the extensions' own time.
const flushLimit = 100 * time.Millisecond

// flushTelemetry delivers what is buffered, because its source has ended (TEL): subscribers learn how the
// runtime ended before they get SHUTDOWN. A shutdown has its own limits and ends with no caller's context.
//
//nolint:contextcheck // for this reason
func (g *generation) flushTelemetry() {
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	g.stream.Flush(ctx)
}

// inMilliseconds is a duration as records have it: microseconds precise (RIE telemetry.CalculateDuration).
func inMilliseconds(d time.Duration) telemetry.Milliseconds {
	return telemetry.Milliseconds(float64(d.Microseconds()) / 1000)
}

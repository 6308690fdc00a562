package lambdalocal

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// report measures what has happened in a phase that ends now.
func (p *phase) report(f *failure, err error) Report {
	e, g := p.e, p.e.gen
	now := time.Now()
	p.took = now.Sub(p.inv.started)
	status, errorType := outcome(f, err)
	r := Report{RequestID: p.inv.RequestID, Status: status, ErrorType: errorType, Init: p.init, Duration: p.took}
	e.maxMemory = max(e.maxMemory, e.memory(g))
	r.MaxMemoryMB = (e.maxMemory + 1<<20 - 1) >> 20
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.inv.response != nil {
		r.Latency = p.inv.response.at.Sub(p.inv.dispatched)
	}
	if !p.inv.readyAt.IsZero() {
		r.RuntimeDone = p.inv.readyAt.Sub(p.inv.dispatched)
		if len(g.extensions) > 0 {
			r.ExtensionOverhead = now.Sub(p.inv.readyAt)
		}
	}
	r.Restore, r.BilledRestoreMS = p.restored, int64(math.Ceil(float64(p.hooks)/float64(time.Millisecond)))
	// Since August 2025 the init phase is billed as well.
	r.BilledMS = int64(math.Ceil(float64(r.Init+r.Duration) / float64(time.Millisecond)))
	return r
}

func (p *phase) tellStart() {
	p.e.logs.tell(telemetry.Start, telemetry.StartRecord{
		RequestID: p.inv.RequestID, Version: p.e.fn.Version, TenantID: p.inv.TenantID, Tracing: p.tracing(),
	}, false, fmt.Sprintf("START RequestId: %s Version: %s", p.inv.RequestID, p.e.fn.Version))
}

// tracing is the trace that the invocation belongs to, and the function's own segment in it.
func (p *phase) tracing() *telemetry.Tracing {
	return &telemetry.Tracing{SpanID: p.span, Type: traceType, Value: p.inv.TraceHeader}
}

// tellRuntimeDone tells how the runtime's part of an invocation ended. An error that the runtime reported
// itself, as it has to, is a success of the runtime: RAPID says so (RIE rapid/handlers.go doInvoke), and
// AWS calls it intended (reference 2.4, aws-lambda-extensions#85).
func (p *phase) tellRuntimeDone(f *failure, err error) {
	p.e.logs.settle(answerSettleLimit) // the function's lines come before it
	p.e.logs.endLines()
	status, errorType := outcome(f, err)
	produced, spans, took := p.measure()
	p.e.logs.tell(telemetry.RuntimeDone, telemetry.RuntimeDoneRecord{
		RequestID: p.inv.RequestID, Status: status, ErrorType: errorType, TenantID: p.inv.TenantID,
		Metrics: &telemetry.PhaseMetrics{DurationMs: inMilliseconds(took), ProducedBytes: &produced},
		Spans:   spans, Tracing: p.tracing(),
	}, status != telemetry.StatusSuccess)
}

// measure takes the runtime's part of an invocation: from the event's delivery until it asked for the next
// one, or until now. An invocation that was never delivered took no time, and only a response, not a
// reported error, counts as produced and has spans (RIE telemetry/events_api.go).
func (p *phase) measure() (produced int, spans []telemetry.Span, took time.Duration) {
	g, in := p.e.gen, p.inv
	g.mu.Lock()
	defer g.mu.Unlock()
	if in.dispatched.IsZero() {
		return 0, nil, 0
	}
	end := in.readyAt
	if end.IsZero() {
		end = time.Now()
	}
	if in.response != nil && !in.responding.IsZero() {
		produced = int(in.response.size)
		spans = append(spans, span("responseLatency", in.dispatched, in.responding), span("responseDuration", in.responding, in.response.at))
		if !in.readyAt.IsZero() {
			spans = append(spans, span("runtimeOverhead", in.response.at, in.readyAt))
		}
	}
	return produced, spans, end.Sub(in.dispatched)
}

func span(name string, start, end time.Time) telemetry.Span {
	return telemetry.Span{Name: name, Start: start, DurationMs: inMilliseconds(end.Sub(start))}
}

// tellReport tells what an invocation took, by END and REPORT in the log.
func (p *phase) tellReport(r Report) {
	record := telemetry.ReportRecord{
		RequestID: r.RequestID, Status: r.Status, ErrorType: r.ErrorType, TenantID: p.inv.TenantID, Tracing: p.tracing(),
		Metrics: telemetry.ReportMetrics{
			DurationMs: inMilliseconds(r.Duration), BilledDurationMs: r.BilledMS,
			MemorySizeMB: p.e.fn.MemoryMB, MaxMemoryUsedMB: r.MaxMemoryMB,
		},
	}
	if r.Init > 0 {
		init := inMilliseconds(r.Init)
		record.Metrics.InitDurationMs = &init
	}
	if r.Restore > 0 {
		restore := inMilliseconds(r.Restore)
		record.Metrics.RestoreDurationMs = &restore
	}
	// An overhead that was cut short is none (RIE doInvoke: the span is sent once all agents are ready).
	if r.Status == telemetry.StatusSuccess && r.ExtensionOverhead > 0 {
		record.Spans = []telemetry.Span{span("extensionOverhead", p.inv.readyAt, p.inv.readyAt.Add(r.ExtensionOverhead))}
	}
	p.e.logs.tell(telemetry.Report, record, r.Status != telemetry.StatusSuccess, "END RequestId: "+r.RequestID, p.reportLine(r))
}

// reportLine is REPORT in its newer form, with status and error type (reference 2.4).
func (p *phase) reportLine(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		r.RequestID, milliseconds(r.Duration), r.BilledMS, p.e.fn.MemoryMB, r.MaxMemoryMB)
	if r.Init > 0 {
		fmt.Fprintf(&b, "Init Duration: %s ms\t", milliseconds(r.Init))
	}
	if r.Restore > 0 {
		fmt.Fprintf(&b, "Restore Duration: %s ms\tBilled Restore Duration: %d ms\t", milliseconds(r.Restore), r.BilledRestoreMS)
	}
	if r.Status != telemetry.StatusSuccess {
		fmt.Fprintf(&b, "Status: %s\t", r.Status)
	}
	if r.ErrorType != "" {
		fmt.Fprintf(&b, "Error Type: %s\t", r.ErrorType)
	}
	return b.String()
}

// fail answers the caller in the runtime's place, unless it has its answer already.
func (p *phase) fail(errorType, message string, payload []byte) {
	p.failed = true
	if len(payload) == 0 {
		payload = errorPayload(p.inv.RequestID, errorType, message)
	}
	p.answerWith(response{payload: payload, functionError: "Unhandled", errorType: errorType, at: time.Now()})
}

// functionError is what a caller gets for an error that the platform found; its type comes first, unlike
// in the APIs' refusals (RIE interop/model.go).
type functionError struct {
	ErrorType    string `json:"errorType"`
	ErrorMessage string `json:"errorMessage"`
}

// errorPayload is an answer that the platform makes (reference: Runtime API, error types).
func errorPayload(requestID, errorType, message string) []byte {
	return mustJSON(functionError{errorType, "RequestId: " + requestID + " Error: " + message})
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64)
}

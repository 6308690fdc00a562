package lifecycle

import (
	"crypto/rand"
	"slices"

	"github.com/afterglow-lambda/afterglow/extension/internal/correlate"
	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/enrich"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/limit"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

// Stages are the stages between intake and export, and what they were told.
type Stages struct {
	Masker   *mask.Masker
	Limits   limit.Limits
	Resource span.Resource
	NoTraces bool               // the settings leave them out
	Logs     bool               // the settings ask for them
	Dropped  func(mask.Dropped) // is told of each invocation what limits left out; nil if nobody counts

	environment correlate.Environment
	builder     span.Builder
	room        []byte // to encode in: what is left of roomBytes
}

// Render leads an invocation through them, in the order that the data takes, to the bytes of requests: at most one for each signal.
func (s *Stages) Render(inv event.Invocation) []deliver.Batch {
	if s.environment.Instance == "" {
		// Not before the first invocation: what was drawn before is the same in every environment made of one snapshot (SnapStart).
		s.environment.Instance = rand.Text()
	}
	if s.NoTraces && !s.Logs {
		return nil
	}
	enrich.Apply(&inv)
	correlate.Apply(&inv, s.environment)
	if s.NoTraces {
		inv = linesOf(inv)
	}
	masked := limit.Apply(s.Masker.Apply(inv), s.Limits)
	s.count(&masked)
	var batches []deliver.Batch
	if !s.NoTraces {
		if built := s.builder.Build(masked, s.Resource); len(built.Spans) > 0 {
			batches = append(batches, deliver.Batch{Signal: signalTraces, Payload: s.encode(built), Records: len(built.Spans)})
		}
	}
	if s.Logs && len(masked.Lines) > 0 {
		built := span.BuildLogs(masked, s.Resource, s.NoTraces)
		batches = append(batches, deliver.Batch{Signal: signalLogs, Payload: otlp.AppendLogs(nil, built), Records: len(built.Records)})
	}
	return batches
}

// roomBytes is memory for the requests of some ten invocations, which wait for the same flush and are garbage after it. To have it at once and encode into it took a tenth of the CPU
// time off ten small calls with 128 MB (docs/decisions/0012-answers-beside-work-after.md). What is larger than a quarter of it gets memory of its own.
const roomBytes = 256 << 10

// encode gives a request in memory that nobody else writes to.
func (s *Stages) encode(built otlp.ResourceSpans) []byte {
	payload := otlp.AppendRequest(s.room, built)
	switch {
	case cap(payload) == cap(s.room):
		s.room = payload[len(payload):]
	case len(payload) <= roomBytes/4:
		s.room = make([]byte, 0, roomBytes)
	}
	return slices.Clip(payload)
}

// linesOf gives an invocation's lines and what tells whose they are: all that is exported where there are no spans.
func linesOf(inv event.Invocation) event.Invocation {
	nothing := event.Body{Size: -1}
	return event.Invocation{
		ID: inv.ID, ARN: inv.ARN, Tenant: inv.Tenant, Start: inv.Start, Deadline: inv.Deadline, Late: inv.Late, Process: inv.Process,
		Event: nothing, Response: nothing, Lines: inv.Lines, Identity: inv.Identity,
	}
}

// count tells what was left out of an invocation.
func (s *Stages) count(inv *mask.Invocation) {
	if s.Dropped == nil {
		return
	}
	all := inv.Dropped
	for i := range inv.Calls {
		all.Add(inv.Calls[i].Dropped)
	}
	s.Dropped(all)
}

// Signals of a Batch.
const (
	signalTraces  = "traces"
	signalLogs    = "logs"
	signalMetrics = "metrics"
)

package lifecycle

import (
	"crypto/rand"

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
	NoTraces bool // the settings leave them out
	Logs     bool // the settings ask for them

	environment correlate.Environment
}

// Render leads an invocation through them, in the order that the data takes, to the bytes of requests: at most one for each signal.
func (s *Stages) Render(inv event.Invocation) []deliver.Batch {
	if s.environment.Instance == "" {
		// Not before the first invocation: what was drawn before is the same in every environment made of one snapshot (SnapStart).
		s.environment.Instance = rand.Text()
	}
	enrich.Apply(&inv)
	correlate.Apply(&inv, s.environment)
	masked := limit.Apply(s.Masker.Apply(inv), s.Limits)
	var batches []deliver.Batch
	if !s.NoTraces {
		if built := span.Build(masked, s.Resource); len(built.Spans) > 0 {
			batches = append(batches, deliver.Batch{Signal: signalTraces, Payload: otlp.AppendRequest(nil, built), Records: len(built.Spans)})
		}
	}
	if s.Logs && len(masked.Lines) > 0 {
		built := span.BuildLogs(masked, s.Resource)
		batches = append(batches, deliver.Batch{Signal: signalLogs, Payload: otlp.AppendLogs(nil, built), Records: len(built.Records)})
	}
	return batches
}

// Signals of a Batch.
const (
	signalTraces  = "traces"
	signalLogs    = "logs"
	signalMetrics = "metrics"
)

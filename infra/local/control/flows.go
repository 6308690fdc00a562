package control

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

const (
	// quiet is how long nothing may arrive until a flow is shown: what belongs together comes in several exports,
	// one a function.
	quiet = 2 * time.Second

	// settleWithin bounds waiting for that where something always arrives.
	settleWithin = 10 * time.Second

	// keptSpans bounds what a follower looks at each time.
	keptSpans = 20_000
)

// flowAsk is which flows are shown, and how.
type flowAsk struct {
	trace  string // the beginning of a trace id; "" means all
	last   int    // 0 means all
	json   bool
	format otlptest.FlowOptions
}

func serveFlows(w http.ResponseWriter, r *http.Request, receiver *otlptest.Receiver) {
	q := r.URL.Query()
	ask := flowAsk{trace: q.Get(askTrace), last: number(q, askLast), json: q.Get(askJSON) != "", format: otlptest.FlowOptions{
		Width: number(q, askWidth), Bodies: q.Get(askBodies) != "", Color: otlptest.ColorNever,
	}}
	if q.Get(askColor) != "" {
		ask.format.Color = otlptest.ColorAlways
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	spans := receiver.Spans()
	if ask.write(w, spans, 0) != nil || q.Get(askFollow) == "" {
		return
	}
	ask.last = 0 // of those that were there; what is new is shown
	for seen := len(spans); ; {
		flush(w)
		if receiver.Wait(r.Context(), func(all []otlptest.Span) bool { return len(all) > seen }) != nil {
			return
		}
		settle(r.Context(), receiver)
		spans = receiver.Spans()
		if ask.write(w, spans, spans[seen].Request) != nil {
			return
		}
		seen = len(spans)
	}
}

// settle waits until nothing more arrives.
func settle(ctx context.Context, receiver *otlptest.Receiver) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for {
		have := len(receiver.Spans())
		still, done := context.WithTimeout(ctx, quiet)
		err := receiver.Wait(still, func(all []otlptest.Span) bool { return len(all) > have })
		done()
		if err != nil {
			return
		}
	}
}

// write shows the flows that something of has arrived since a request, each of them whole.
func (a flowAsk) write(w io.Writer, spans []otlptest.Span, sinceRequest int) error {
	spans = spans[max(0, len(spans)-keptSpans):]
	var chosen [][]otlptest.Span
	for _, flow := range otlptest.Flows(spans) {
		if a.wants(flow, sinceRequest) {
			chosen = append(chosen, flow)
		}
	}
	if a.last > 0 {
		chosen = chosen[max(0, len(chosen)-a.last):]
	}
	var all []otlptest.Span
	for _, flow := range chosen {
		all = append(all, flow...)
	}
	if a.json {
		out := json.NewEncoder(w)
		for _, span := range all {
			if err := out.Encode(span); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		_, err := io.WriteString(w, "no such flow has arrived\n")
		return err
	}
	return otlptest.WriteFlow(w, all, a.format)
}

func (a flowAsk) wants(flow []otlptest.Span, sinceRequest int) bool {
	fresh, named := false, false
	for _, span := range flow {
		fresh = fresh || span.Request >= sinceRequest
		named = named || strings.HasPrefix(span.TraceID, a.trace)
	}
	return fresh && named
}

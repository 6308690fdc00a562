package lifecycle

import (
	"bytes"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

func newStages() *Stages {
	return &Stages{Masker: mask.New(mask.Options{}), Resource: span.Resource{Function: "orders"}}
}

func TestRenderLeadsThroughAllStages(t *testing.T) {
	const secret = "hunter2secret"
	start := time.Unix(1_750_000_000, 0)
	inv := event.Invocation{
		ID: "3da1f2dc-3222-475e-9205-e2e6c6318895", Start: start, Duration: time.Second,
		Trace: "Root=1-5759e988-bd862e3fe1be46a994272793", Event: event.Body{Data: event.BytesOf([]byte(`{"password":"` + secret + `"}`)), Size: 30},
		Calls: []event.Call{{
			ID: "17-1", Method: "GET", URL: event.TextOf("https://sqs.eu-central-1.amazonaws.com/?password=" + secret), Start: start, Duration: time.Millisecond,
			RequestHeaders: []event.Header{{Name: "Authorization", Value: event.TextOf(secret)}},
		}},
	}
	stages := newStages()
	batches := stages.Render(inv)
	if len(batches) != 1 || batches[0].Signal != "traces" {
		t.Fatalf("%d batches", len(batches))
	}
	payload, n := batches[0].Payload, batches[0].Records
	if bytes.Contains(payload, []byte(secret)) {
		t.Error("a secret came through")
	}
	var data tracepb.TracesData
	if err := proto.Unmarshal(payload, &data); err != nil {
		t.Fatal(err)
	}
	spans := data.ResourceSpans[0].ScopeSpans[0].Spans
	if len(spans) != n || n != 2 {
		t.Fatalf("%d spans, %d counted", len(spans), n)
	}
	call, function := spans[1], spans[0]
	if call.Name == "GET" {
		t.Errorf("the call was not recognised: %s", call.Name)
	}
	if !bytes.Equal(call.ParentSpanId, function.SpanId) || !bytes.Equal(call.TraceId, function.TraceId) || len(function.SpanId) != 8 {
		t.Errorf("the call is not the function's: %x below %x", call.ParentSpanId, function.SpanId)
	}

	inv.Late = true
	late := stages.Render(inv)[0]
	n = late.Records
	if err := proto.Unmarshal(late.Payload, &data); err != nil || n != 1 {
		t.Fatalf("%d spans of late calls, %v", n, err)
	}
	if again := data.ResourceSpans[0].ScopeSpans[0].Spans[0]; !bytes.Equal(again.ParentSpanId, function.SpanId) || !bytes.Equal(again.SpanId, call.SpanId) {
		t.Errorf("a late call is %x below %x, was %x below %x", again.SpanId, again.ParentSpanId, call.SpanId, function.SpanId)
	}
}

// TestInstanceIsDrawnLate: what is drawn before the first invocation is the same in every environment that comes from one snapshot.
func TestInstanceIsDrawnLate(t *testing.T) {
	s := newStages()
	if s.environment.Instance != "" {
		t.Error("drawn too early")
	}
	s.Render(event.Invocation{ID: "A"})
	first := s.environment.Instance
	s.Render(event.Invocation{ID: "B"})
	other := newStages()
	other.Render(event.Invocation{ID: "A"})
	if first == "" || s.environment.Instance != first || other.environment.Instance == first {
		t.Errorf("drawn %q, then %q, elsewhere %q", first, s.environment.Instance, other.environment.Instance)
	}
}

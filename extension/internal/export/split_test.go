package export

import (
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// TestShrunkSpansAreSpans: what is left decodes with the official types, and what was taken out is counted beside what had been.
func TestShrunkSpansAreSpans(t *testing.T) {
	big := &tracepb.Span_Event{Name: strings.Repeat("e", 500)}
	span := &tracepb.Span{Name: "a", SpanId: []byte("12345678"), DroppedEventsCount: 3, DroppedAttributesCount: 4, Events: []*tracepb.Span_Event{{Name: "small"}, big, big},
		Links: []*tracepb.Span_Link{{TraceState: strings.Repeat("l", 400)}}, Status: &tracepb.Status{Code: 2, Message: "m"}}
	b, err := proto.Marshal(span)
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int][3]int{2000: {0, 0, 0}, 1000: {0, 1, 0}, 600: {0, 2, 0}, 200: {0, 2, 1}} {
		smaller, ok := shrink(b, limit)
		var got tracepb.Span
		if err := proto.Unmarshal(smaller, &got); !ok || err != nil || len(smaller) > limit {
			t.Fatalf("limit %d: %d bytes, %v", limit, len(smaller), err)
		}
		if got.GetDroppedAttributesCount() != 4 || int(got.GetDroppedEventsCount()) != 3+want[1] || int(got.GetDroppedLinksCount()) != want[2] ||
			len(got.GetEvents()) != 3-want[1] || len(got.GetLinks()) != 1-want[2] || got.GetStatus().GetMessage() != "m" || got.GetName() != "a" {
			t.Errorf("limit %d: %v", limit, &got)
		}
	}
	if _, ok := shrink(b, 30); ok {
		t.Error("a name that is too long cannot be taken out")
	}
}

// TestSplitRequestsAreRequests: resource, scope and schema are in each part.
func TestSplitRequestsAreRequests(t *testing.T) {
	f := &fake{}
	var parts []*tracepb.TracesData
	f.answer = func(_ int, payload []byte) error {
		var d tracepb.TracesData // the same bytes as an ExportTraceServiceRequest
		if err := proto.Unmarshal(payload, &d); err != nil {
			t.Error(err)
		}
		parts = append(parts, &d)
		return nil
	}
	if _, err := NewGroup(Exporter{Name: "x", Sender: f, Limits: Limits{Spans: 1}}).Send(t.Context(), request(10, "a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	for _, d := range parts {
		r := d.GetResourceSpans()[0]
		s := r.GetScopeSpans()[0]
		if len(d.GetResourceSpans()) != 1 || r.GetResource().GetAttributes()[0].GetKey() != "service.name" || r.GetSchemaUrl() != "https://schema.example" ||
			len(r.GetScopeSpans()) != 1 || s.GetScope().GetName() != "afterglow" || s.GetSchemaUrl() != "https://schema.example" || len(s.GetSpans()) != 1 {
			t.Errorf("got %v", d)
		}
	}
	if len(parts) != 3 {
		t.Errorf("%d parts", len(parts))
	}
}

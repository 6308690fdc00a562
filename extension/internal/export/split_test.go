package export

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
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

// TestShrunkTextsAreShortened: the longest ones, no more than has to be; what is cut says so, and nothing else goes.
func TestShrunkTextsAreShortened(t *testing.T) {
	const body, limit = "afterglow.request.body", 20_000
	content := strings.Repeat("äö", 40_000/4)
	for name, test := range map[string]struct {
		attributes []otlp.KeyValue
		flags      int
	}{
		"one body":                {[]otlp.KeyValue{otlp.String(body+".content", content), otlp.Int(body+".size", 7)}, 1},
		"one that was cut before": {[]otlp.KeyValue{otlp.String(body+".content", content), otlp.Bool(body+".truncated", true)}, 1},
		"two":                     {[]otlp.KeyValue{otlp.String("afterglow.event.content", content), otlp.String("url.full", content), otlp.Int("x", 1)}, 1},
		"no content":              {[]otlp.KeyValue{otlp.String("url.full", content)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			payload := otlp.AppendRequest(nil, otlp.ResourceSpans{Spans: []otlp.Span{{Name: "a", ID: [8]byte{1}, Attributes: append([]otlp.KeyValue{otlp.String("small", "x")}, test.attributes...)}}})
			pieces := Limits{SpanBytes: limit}.Fit(payload)
			var d tracepb.TracesData
			if err := proto.Unmarshal(pieces[0].Bytes, &d); err != nil || len(pieces) != 1 {
				t.Fatal(len(pieces), err)
			}
			span := d.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
			flags := 0
			for _, a := range span.GetAttributes() {
				if a.GetValue().GetBoolValue() && strings.HasSuffix(a.GetKey(), ".truncated") {
					flags++
				}
				if text := a.GetValue().GetStringValue(); len(text) > len("x") && (!strings.HasPrefix(content, strings.TrimSuffix(text, "…")) || !strings.HasSuffix(text, "…") && text != content) {
					t.Errorf("%s: %.40s", a.GetKey(), text)
				}
			}
			added := test.flags
			if name == "one that was cut before" {
				added = 0
			}
			if n := proto.Size(span); n > limit || n < limit-200 || flags != test.flags || len(span.GetAttributes()) != 1+len(test.attributes)+added || span.GetDroppedAttributesCount() != 0 {
				t.Errorf("%d bytes, %d attributes, %d flags, %d dropped", n, len(span.GetAttributes()), flags, span.GetDroppedAttributesCount())
			}
		})
	}
}

// request makes one of one resource, with spans of those names, each of about that size.
func request(size int, names ...string) []byte {
	r := otlp.ResourceSpans{Resource: []otlp.KeyValue{otlp.String("service.name", "shop")}, Scope: otlp.Scope{Name: "afterglow"}, SchemaURL: "https://schema.example"}
	for _, name := range names {
		r.Spans = append(r.Spans, otlp.Span{Name: name, ID: [8]byte{1}, Kind: otlp.KindClient, DroppedAttributes: 2,
			Attributes: []otlp.KeyValue{otlp.String("small", "x"), otlp.String("large", strings.Repeat("y", size))}})
	}
	return otlp.AppendRequest(nil, r)
}

// names reads those of the spans in a request; whatever it holds must be whole.
func names(t *testing.T, payload []byte) (all []string) {
	t.Helper()
	var d tracepb.TracesData // the same bytes as an ExportTraceServiceRequest
	if err := proto.Unmarshal(payload, &d); err != nil {
		t.Fatal(err)
	}
	for _, r := range d.GetResourceSpans() {
		s := r.GetScopeSpans()[0]
		if r.GetResource().GetAttributes()[0].GetKey() != "service.name" || r.GetSchemaUrl() != "https://schema.example" ||
			len(r.GetScopeSpans()) != 1 || s.GetScope().GetName() != "afterglow" || s.GetSchemaUrl() != "https://schema.example" {
			t.Errorf("got %v", r)
		}
		for _, span := range s.GetSpans() {
			all = append(all, span.GetName())
		}
	}
	return all
}

// TestFit: pieces are requests, each with resource, scope and schema.
func TestFit(t *testing.T) {
	const size = 1000 // of a span, about
	many := make([]string, 10)
	for n := range many {
		many[n] = fmt.Sprintf("s%d", n)
	}
	all := strings.Join(many, " ")
	long := strings.Repeat("n", 300)
	tests := []struct {
		name    string
		limits  Limits
		payload []byte
		pieces  string // names of the spans of each; - for one that is too large
	}{
		{"within them", Limits{Bytes: 20_000, Records: 10, SpanBytes: 2000}, request(size, many...), all},
		{"no limits", Limits{}, slices.Concat(request(size, many...), request(size, "x")), all + ", x"},
		{"too many spans", Limits{Records: 4}, request(size, many...), "s0 s1 s2 s3, s4 s5 s6 s7, s8 s9"},
		{"too many bytes", Limits{Bytes: 3500}, request(size, many...), "s0 s1 s2, s3 s4 s5, s6 s7 s8, s9"},
		{"a span too large, shrunk", Limits{SpanBytes: 200}, request(size, "a", "b"), "a b"},
		{"a span too large", Limits{SpanBytes: 200}, request(1, "a", long, "b"), "-, a b"},
		{"too large for any request", Limits{Bytes: 300}, request(1, "a", long, "b"), "-, a b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range test.limits.Fit(test.payload) {
				if p.Bytes == nil {
					got = append(got, "-")
					continue
				}
				of := names(t, p.Bytes)
				if len(of) != p.Records || !within(len(p.Bytes), test.limits.Bytes) {
					t.Errorf("%d spans of %d in %d bytes", len(of), p.Records, len(p.Bytes))
				}
				got = append(got, strings.Join(of, " "))
			}
			if strings.Join(got, ", ") != test.pieces {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestHalves(t *testing.T) {
	payload := slices.Concat(request(1, "a", "b", "c"), request(1, "d"), request(1, "e"))
	first, second, ok := Halve(payload)
	if got := fmt.Sprint(names(t, first), names(t, second)); !ok || got != "[a b] [c d e]" {
		t.Errorf("got %v %v", got, ok)
	}
	for name, payload := range map[string][]byte{"one span": request(1, "a"), "none": nil, "nonsense": []byte("x")} {
		if _, _, ok := Halve(payload); ok {
			t.Errorf("%s was halved", name)
		}
	}
}

// TestRecords: data points are what an answer about metrics counts.
func TestRecords(t *testing.T) {
	point := &metricspb.NumberDataPoint{}
	metrics, err := proto.Marshal(&metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{
		{Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{DataPoints: []*metricspb.NumberDataPoint{point, point}}}},
		{Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: []*metricspb.NumberDataPoint{point}}}},
		{Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{DataPoints: []*metricspb.HistogramDataPoint{{}, {}, {}}}}},
	}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	logs, err := proto.Marshal(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{{}, {}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		signal  string
		payload []byte
		want    int
	}{{otlplog.Traces, request(1, "a", "b"), 2}, {otlplog.Metrics, metrics, 6}, {otlplog.Logs, logs, 2}, {otlplog.Traces, []byte("nonsense"), 1}} {
		if got := Records(test.signal, test.payload); got != test.want {
			t.Errorf("%s: got %d, want %d", test.signal, got, test.want)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add(request(300, "a", "b"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		Limits{Bytes: 400, Records: 1, SpanBytes: 100}.Fit(payload)
		if first, second, ok := Halve(payload); ok && Records(otlplog.Traces, first)+Records(otlplog.Traces, second) != Records(otlplog.Traces, payload) {
			t.Error("the halves are not the whole")
		}
	})
}

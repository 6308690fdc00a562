package otelcol_test

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/afterglow-lambda/afterglow/internal/otelcol"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// TestCollectorTakesEverything: each item of each signal is accepted by the real Collector, and what it sends on is what the extension meant.
func TestCollectorTakesEverything(t *testing.T) {
	for _, compression := range []string{"none", "gzip"} {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			r := receiver(t)
			c := start(t, otelcol.Options{Forward: r.URL()})
			p := newTap(t, c)
			f := run(t, p.URL, map[string]string{"OTEL_EXPORTER_OTLP_COMPRESSION": compression})
			f.invoke(map[string]any{})
			f.invoke(map[string]any{"calls": 3})
			f.invoke(map[string]any{"fail": true})
			f.end()

			if bad := p.with(refused); len(bad) > 0 {
				t.Errorf("%d requests were refused, the first with %d", len(bad), bad[0].status)
			}
			requests := p.with(accepted)
			for _, s := range requests {
				if s.encoding == "gzip" && compression != "gzip" || s.encoding == "" && compression == "gzip" && len(s.body) > onePacket {
					t.Errorf("a request of %d bytes came with content encoding %q", len(s.body), s.encoding)
				}
				if bytes.Contains(s.body, []byte(secret)) {
					t.Errorf("a secret was sent to %s", s.path)
				}
			}
			same(t, requests, r.Requests())
			sums := items(t, requests)
			for what, n := range sums {
				if n == 0 {
					t.Errorf("no %s were sent", what)
				}
			}
			counted(t, c, sums)
			described(t, r.Spans(), map[otlptest.Kind]int{otlptest.Server: 3, otlptest.Client: 5})
			logged(t, r, "took order A-1, password=****", 3)
		})
	}
}

// onePacket is what fits into one: it arrives no sooner when it is smaller.
const onePacket = 1400

// message decodes a request with the official types.
func message(t *testing.T, path string, body []byte) proto.Message {
	t.Helper()
	var m proto.Message
	switch path {
	case "/v1/traces":
		m = new(tracepb.TracesData)
	case "/v1/metrics":
		m = new(metricspb.MetricsData)
	case "/v1/logs":
		m = new(logspb.LogsData)
	default:
		t.Fatalf("a request came to %s", path)
	}
	if err := proto.Unmarshal(body, m); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if traces, ok := m.(*tracepb.TracesData); ok {
		for span := range spansOf(traces) {
			if span.Status == nil { // the Collector writes an empty one; the two mean the same
				span.Status = new(tracepb.Status)
			}
		}
	}
	return m
}

func spansOf(traces *tracepb.TracesData) iter.Seq[*tracepb.Span] {
	return func(yield func(*tracepb.Span) bool) {
		for _, rs := range traces.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, span := range ss.Spans {
					if !yield(span) {
						return
					}
				}
			}
		}
	}
}

// difference gives the lines that are in one message and not in the other.
func difference(a, b proto.Message) string {
	lines := func(m proto.Message) []string { return strings.Split(prototext.Format(m), "\n") }
	var out []string
	for sign, two := range map[string][2][]string{"-": {lines(a), lines(b)}, "+": {lines(b), lines(a)}} {
		for _, line := range two[0] {
			if !slices.Contains(two[1], line) {
				out = append(out, sign+line)
			}
		}
	}
	return strings.Join(out, "\n")
}

// same compares, signal by signal, what was accepted of the extension with what the Collector sent on.
func same(t *testing.T, from []sent, to []otlptest.Request) {
	t.Helper()
	for _, path := range []string{"/v1/traces", "/v1/metrics", "/v1/logs"} {
		var meant, came []proto.Message
		for _, s := range from {
			if s.path == path {
				meant = append(meant, message(t, path, s.body))
			}
		}
		for _, s := range to {
			if s.Path == path {
				came = append(came, message(t, path, s.Body))
			}
		}
		if len(meant) != len(came) {
			t.Errorf("%s: %d requests were accepted, %d sent on", path, len(meant), len(came))
			continue
		}
		for i := range meant {
			if !proto.Equal(meant[i], came[i]) {
				t.Errorf("%s, request %d: the Collector understood otherwise (-), what was meant (+)\n%s", path, i, difference(came[i], meant[i]))
			}
		}
	}
}

// items counts spans, data points and log records by the word that the Collector has for them.
func items(t *testing.T, requests []sent) map[string]float64 {
	t.Helper()
	n := map[string]float64{"spans": 0, "metric_points": 0, "log_records": 0}
	for _, s := range requests {
		switch m := message(t, s.path, s.body).(type) {
		case *tracepb.TracesData:
			for range spansOf(m) {
				n["spans"]++
			}
		case *logspb.LogsData:
			for _, rl := range m.ResourceLogs {
				for _, sl := range rl.ScopeLogs {
					n["log_records"] += float64(len(sl.LogRecords))
				}
			}
		case *metricspb.MetricsData:
			for _, rm := range m.ResourceMetrics {
				for _, sm := range rm.ScopeMetrics {
					for _, metric := range sm.Metrics {
						n["metric_points"] += float64(len(metric.GetSum().GetDataPoints()) + len(metric.GetGauge().GetDataPoints()) +
							len(metric.GetHistogram().GetDataPoints()) + len(metric.GetExponentialHistogram().GetDataPoints()))
					}
				}
			}
		}
	}
	return n
}

// counted compares with what the Collector itself has counted.
func counted(t *testing.T, c *otelcol.Collector, want map[string]float64) {
	t.Helper()
	counters, err := c.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, n := range want {
		if got := counters["otelcol_receiver_accepted_"+what]; got != n {
			t.Errorf("the Collector accepted %v %s of %v: %v", got, what, n, counters)
		}
		for _, fate := range []string{"refused", "failed"} {
			if got := counters["otelcol_receiver_"+fate+"_"+what]; got != 0 {
				t.Errorf("the Collector %s %v %s", fate, got, what)
			}
		}
	}
}

// described counts spans by their kind and holds what must be in each.
func described(t *testing.T, spans []otlptest.Span, want map[otlptest.Kind]int) {
	t.Helper()
	kinds, seen := map[otlptest.Kind]int{}, map[string]bool{}
	for _, s := range spans {
		if seen[s.SpanID] {
			t.Errorf("%s arrived twice", s.Name)
		}
		seen[s.SpanID] = true
		kinds[s.Kind]++
		if s.Service() != "orders" || s.Resource["deployment.environment.name"] != "test" || s.Resource["cloud.platform"] != "aws_lambda" {
			t.Errorf("%s is of %v", s.Name, s.Resource)
		}
		if s.Kind == otlptest.Client && (s.Name != "POST" || s.Attributes["http.response.status_code"] != int64(201) || s.ParentID == "") {
			t.Errorf("a call arrived as %+v", s)
		}
	}
	for kind, n := range want {
		if kinds[kind] != n {
			t.Errorf("%d spans of kind %s arrived, want %d", kinds[kind], kind, n)
		}
	}
}

// logged expects a line of the function's log so many times, each at the span of an invocation of its own.
func logged(t *testing.T, r *otlptest.Receiver, line string, want int) {
	t.Helper()
	invocations, found := map[string]string{}, map[string]bool{}
	for _, s := range r.Spans() {
		if s.Kind == otlptest.Server {
			invocations[s.SpanID] = s.TraceID
		}
	}
	for _, l := range r.LogRecords() {
		if l.Service() != "orders" || l.SpanID != "" && invocations[l.SpanID] != l.TraceID {
			t.Errorf("%v is of %s, span %s of trace %s", l.Body, l.Service(), l.SpanID, l.TraceID)
		}
		if l.Body == line {
			found[l.SpanID] = true
		}
	}
	if len(found) != want || found[""] {
		t.Errorf("%q is logged at the spans %v, want %d of invocations", line, found, want)
	}
}

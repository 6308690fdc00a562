package main

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func shop() *resourcepb.Resource {
	return &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "shop")}}
}

// written gives the lines of a batch of traces with a span of that name, of so many random bytes.
func written(t *testing.T, name string, size int) []string {
	t.Helper()
	noise := make([]byte, size/2)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	span := &tracepb.Span{TraceId: []byte("0123456789abcdef"), SpanId: []byte((name + "        ")[:8]), Name: name, Kind: tracepb.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: 1_700_000_000_000_000_000, EndTimeUnixNano: 1_700_000_001_000_000_000,
		Attributes: []*commonpb.KeyValue{{Key: "noise", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: noise}}}}}
	return encoded(t, otlplog.Traces, &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{Resource: shop(), ScopeSpans: []*tracepb.ScopeSpans{{
		Scope: &commonpb.InstrumentationScope{Name: "test"}, Spans: []*tracepb.Span{span}}}}}})
}

func encoded(t *testing.T, signal string, m proto.Message) []string {
	t.Helper()
	payload, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := otlplog.Encode(otlplog.Batch{Signal: signal, Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// A replayed is what a run of the command came to.
type replayed struct {
	code           int
	stdout, stderr string
	*otlptest.Receiver
}

// replays runs the command with a log on stdin, or without one if files are given.
func replays(t *testing.T, log string, prepare func(*otlptest.Receiver), args ...string) replayed {
	t.Helper()
	r, err := otlptest.Start(otlptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if prepare != nil {
		prepare(r)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), t.Context(), append([]string{"replay", "--endpoint", r.URL()}, args...), strings.NewReader(log), &stdout, &stderr)
	return replayed{code, stdout.String(), stderr.String(), r}
}

func (r replayed) want(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code || r.stdout != stdout || r.stderr != stderr {
		t.Errorf("exit %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
	if v := r.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

// TestReplayOfLogsInAnyShape: how a log was fetched does not matter.
func TestReplayOfLogsInAnyShape(t *testing.T) {
	one, two := written(t, "one", 10), written(t, "two", 700_000) // several lines
	if len(two) < 3 {
		t.Fatalf("%d lines", len(two))
	}
	all := append(append([]string{"START RequestId: x\n", `{"level":"warn"}` + "\n"}, one...), two...)
	each := func(shape func(line string) string) string {
		var b strings.Builder
		for _, line := range all {
			b.WriteString(shape(line))
		}
		return b.String()
	}
	events := func(indent bool) string {
		var list []map[string]any
		for _, line := range all {
			list = append(list, map[string]any{"logStreamName": "2026/01/01/[$LATEST]x", "timestamp": 1, "message": line})
		}
		b, err := json.Marshal(map[string]any{"events": list})
		if indent {
			b, err = json.MarshalIndent(map[string]any{"events": list}, "", "    ")
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(each(func(l string) string { return "2026-01-01T00:00:00.000Z " + l }))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	backwards := ""
	for _, line := range all {
		backwards = line + backwards
	}
	for name, log := range map[string]string{
		"plain": each(func(l string) string { return l }),
		"aws logs tail": each(func(l string) string {
			return "2026-01-01T00:00:00.000000+00:00 2026/01/01/[$LATEST]0123456789abcdef " + l
		}),
		"aws logs filter-log-events": events(true),
		"the same, not indented":     events(false),
		"aws logs get-log-events --output text": each(func(l string) string {
			return "EVENTS\t1700000000000\t" + strings.TrimSuffix(l, "\n") + "\t1700000000000\n"
		}),
		"an export to S3":                        zipped.String(),
		"twice":                                  each(func(l string) string { return l + l }),
		"backwards":                              backwards,
		"from Windows":                           each(func(l string) string { return strings.TrimSuffix(l, "\n") + "\r\n" }),
		"without a line feed at the end of file": strings.TrimSuffix(each(func(l string) string { return l }), "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			r := replays(t, log, nil)
			r.want(t, succeeded, "sent 2 batches: 2 of traces\n", "")
			if got := len(r.Spans()); got != 2 || len(r.Requests()) != 2 {
				t.Errorf("%d spans in %d requests", got, len(r.Requests()))
			}
		})
	}
}

// TestReplayOfAllSignals: each to its own path, with the headers that were given.
func TestReplayOfAllSignals(t *testing.T) {
	point := &metricspb.NumberDataPoint{StartTimeUnixNano: 1_700_000_000_000_000_000, TimeUnixNano: 1_700_000_001_000_000_000, Value: &metricspb.NumberDataPoint_AsInt{AsInt: 1}}
	lines := append(written(t, "one", 10), encoded(t, otlplog.Metrics, &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{Resource: shop(),
		ScopeMetrics: []*metricspb.ScopeMetrics{{Scope: &commonpb.InstrumentationScope{Name: "test"}, Metrics: []*metricspb.Metric{{Name: "invocations", Unit: "{invocation}",
			Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{AggregationTemporality: 1, IsMonotonic: true, DataPoints: []*metricspb.NumberDataPoint{point}}}}}}}}}})...)
	lines = append(lines, encoded(t, otlplog.Logs, &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{Resource: shop(), ScopeLogs: []*logspb.ScopeLogs{{
		Scope: &commonpb.InstrumentationScope{Name: "test"}, LogRecords: []*logspb.LogRecord{{TimeUnixNano: 1_700_000_000_000_000_000, ObservedTimeUnixNano: 1_700_000_000_000_000_000, Body: text("", "line").Value}}}}}}})...)
	dir := t.TempDir()
	var files []string
	for n, line := range lines { // the parts of a batch may be in several files
		files = append(files, filepath.Join(dir, string(rune('a'+n))))
		if err := os.WriteFile(files[n], []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := replays(t, "", nil, append([]string{"--header", "api-key=k=1", files[0], "--header=x=2"}, files[1:]...)...)
	r.want(t, succeeded, "sent 3 batches: 1 of logs, 1 of metrics, 1 of traces\n", "")
	if len(r.Spans()) != 1 || len(r.Metrics()) != 1 || len(r.Logs()) != 1 {
		t.Errorf("%d spans, %d, %d", len(r.Spans()), len(r.Metrics()), len(r.Logs()))
	}
	for _, q := range r.Requests() {
		if q.Header.Get("api-key") != "k=1" || q.Header.Get("x") != "2" {
			t.Errorf("request with %v", q.Header)
		}
	}
}

// TestReplayOfWhatIsNotWhole: the rest is sent, and the exit code tells.
func TestReplayOfWhatIsNotWhole(t *testing.T) {
	one, two := written(t, "one", 10)[0], written(t, "two", 700_000)
	for _, test := range []struct {
		name, log, stdout, stderr string
	}{
		{"a line is missing", one + two[0] + two[2], "sent 1 batch: 1 of traces\n", "afterglow: 1 batch lacks lines: look whether the log was cut, or asked for too short a time\n"},
		{"a line is cut", one + two[0][:1000] + "\n" + strings.Join(two[1:], ""), "sent 1 batch: 1 of traces\n", "afterglow: 1 line or batch is damaged\n"},
		{"a line is no line", one + otlplog.Mark + " nonsense\n", "sent 1 batch: 1 of traces\n", "afterglow: 1 line or batch is damaged\n"},
		{"nothing is there", "START\nEND\n", "", "afterglow: there is no line of Afterglow's in it: they begin with AFTERGLOW-OTLP/1\n"},
		{"a signal of a later version", one + encoded(t, "profiles", &tracepb.TracesData{})[0], "sent 1 batch: 1 of traces\n",
			"afterglow: a batch of \"profiles\" is none that this version knows\nafterglow: 1 batch was not accepted\n"},
	} {
		t.Run(test.name, func(t *testing.T) { replays(t, test.log, nil).want(t, failed, test.stdout, test.stderr) })
	}
}

func TestReplayToACollectorThatRefuses(t *testing.T) {
	log := written(t, "one", 10)[0] + written(t, "two", 10)[0]
	for _, test := range []struct {
		name           string
		answers        []otlptest.Answer
		code, requests int
		stdout, stderr string
	}{
		{"for good", []otlptest.Answer{{Status: 400, Message: "bad\nspan"}}, failed, 2, "sent 1 batch: 1 of traces\n",
			"afterglow: traces: post batch: the collector answered 400: bad span\nafterglow: 1 batch was not accepted\n"},
		{"for now", []otlptest.Answer{{Status: 503, RetryAfter: "0"}, {Status: 429, RetryAfter: "0"}}, succeeded, 4, "sent 2 batches: 2 of traces\n", ""},
		{"each time", []otlptest.Answer{{Status: 503, RetryAfter: "0"}, {Status: 503, RetryAfter: "0"}, {Status: 503, RetryAfter: "0"}, {Status: 503, RetryAfter: "0"}, {Status: 503, RetryAfter: "0"}}, failed, 6,
			"sent 1 batch: 1 of traces\n", "afterglow: traces: post batch: the collector answered 503\nafterglow: 1 batch was not accepted\n"},
		{"a part", []otlptest.Answer{{PartialRejected: 1, Message: "too old"}}, failed, 2, "sent 2 batches: 2 of traces\n",
			"afterglow: traces: the collector rejected 1 records: too old\nafterglow: 1 record was rejected\n"},
		{"with another address", []otlptest.Answer{{Status: 307}}, failed, 2, "sent 1 batch: 1 of traces\n",
			"afterglow: traces: post batch: the collector answered 307\nafterglow: 1 batch was not accepted\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := replays(t, log, func(r *otlptest.Receiver) { r.Script(test.answers...) })
			r.want(t, test.code, test.stdout, test.stderr)
			if got := len(r.Requests()); got != test.requests {
				t.Errorf("%d requests", got)
			}
		})
	}
}

// TestReplayWithoutACollector shows what is there.
func TestReplayWithoutACollector(t *testing.T) {
	var stdout, stderr bytes.Buffer
	log := strings.Join(append(written(t, "one", 10), written(t, "two", 10)...), "")
	code := run(t.Context(), t.Context(), []string{"replay"}, strings.NewReader(log), &stdout, &stderr)
	if code != succeeded || stderr.Len() > 0 || !strings.HasSuffix(stdout.String(), "found 2 batches: 2 of traces\n") || !strings.Contains(stdout.String(), "shop") || !strings.Contains(stdout.String(), "two") {
		t.Errorf("exit %d, stdout:\n%s\nstderr: %s", code, stdout.String(), stderr.String())
	}
}

func TestReplayMisused(t *testing.T) {
	for name, args := range map[string][]string{
		"no URL":                        {"--endpoint", "collector:4318"},
		"no header":                     {"--endpoint", "http://127.0.0.1:1", "--header", "hunter2"},
		"headers for nobody":            {"--header", "a=hunter2"},
		"a flag that is none":           {"--nonsense"},
		"credentials in what is no URL": {"--endpoint", "http://u:hunter2@[::1"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), t.Context(), append([]string{"replay"}, args...), strings.NewReader(""), &stdout, &stderr); code != misused || strings.Contains(stderr.String(), "hunter2") {
			t.Errorf("%s: exit %d, %s", name, code, stderr.String())
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), t.Context(), []string{"replay", filepath.Join(t.TempDir(), "none")}, strings.NewReader(""), &stdout, &stderr); code != failed || !strings.Contains(stderr.String(), "no such file") {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
}

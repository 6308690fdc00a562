package otlptest_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

// logs is a request with one faultless record, built anew so that a test can spoil it.
func logs() *logspb.LogsData {
	return &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "orders")}},
		ScopeLogs: []*logspb.ScopeLogs{{
			Scope: &commonpb.InstrumentationScope{Name: "afterglow", Version: "0.1"},
			LogRecords: []*logspb.LogRecord{{
				TimeUnixNano: noon, ObservedTimeUnixNano: noon + 1, SeverityNumber: logspb.SeverityNumber_SEVERITY_NUMBER_ERROR, SeverityText: "ERROR",
				Body:       &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "no"}},
				Attributes: []*commonpb.KeyValue{text("faas.invocation_id", "r-1")},
				TraceId:    bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{0xcd}, 8), Flags: 1,
			}},
		}},
	}}}
}

func logRecord(d *logspb.LogsData) *logspb.LogRecord {
	return d.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()[0]
}

func TestLogRecordsComeOutAsTheyWentIn(t *testing.T) {
	r := start(t, otlptest.Options{})
	r.Script(otlptest.Answer{}, otlptest.Answer{PartialRejected: 1})
	for range 2 {
		if response, _, err := post(t, r.URL()+"/v1/logs", encode(t, logs())); err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	if err := r.WaitLogRecords(ctx, func(records []otlptest.LogRecord) bool { return len(records) == 1 }); err != nil {
		t.Fatal(err)
	}
	if got := r.Violations(); len(got) > 0 || len(r.Spans()) > 0 || len(r.Points()) > 0 {
		t.Errorf("violations %q, spans %v, points %v", got, r.Spans(), r.Points())
	}
	if got := r.Logs(); len(got) != 2 || !proto.Equal(got[0], logs()) {
		t.Errorf("bodies: %v", got)
	}
	l := r.LogRecords()[0]
	for what, pair := range map[string][2]any{
		"service":   {l.Service(), "orders"},
		"scope":     {l.Scope + " " + l.ScopeVersion, "afterglow 0.1"},
		"body":      {l.Body, "no"},
		"severity":  {l.Severity, int32(17)},
		"text":      {l.SeverityText, "ERROR"},
		"attribute": {l.Text("faas.invocation_id"), "r-1"},
		"trace":     {l.TraceID, strings.Repeat("ab", 16)},
		"span":      {l.SpanID, strings.Repeat("cd", 8)},
		"observed":  {l.Observed.Sub(l.Time).Nanoseconds(), int64(1)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestViolationsOfLogs(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*logspb.LogsData)
		want  string
	}{
		"no resource":         {func(d *logspb.LogsData) { d.ResourceLogs = nil }, "no resource logs"},
		"no service":          {func(d *logspb.LogsData) { d.ResourceLogs[0].Resource = nil }, "no service.name"},
		"no scope":            {func(d *logspb.LogsData) { d.ResourceLogs[0].ScopeLogs = nil }, "no scope logs"},
		"no records":          {func(d *logspb.LogsData) { d.ResourceLogs[0].ScopeLogs[0].LogRecords = nil }, "has no log records"},
		"milliseconds":        {func(d *logspb.LogsData) { logRecord(d).TimeUnixNano /= 1e6 }, "is no time in nanoseconds"},
		"not observed":        {func(d *logspb.LogsData) { logRecord(d).ObservedTimeUnixNano = 0 }, "observed time 0 is no time"},
		"too severe":          {func(d *logspb.LogsData) { logRecord(d).SeverityNumber = 25 }, "severity 25"},
		"no body":             {func(d *logspb.LogsData) { logRecord(d).Body = nil }, "has neither body nor name"},
		"zero trace":          {func(d *logspb.LogsData) { logRecord(d).TraceId = make([]byte, 16) }, "trace id is zero"},
		"span without trace":  {func(d *logspb.LogsData) { logRecord(d).TraceId = nil }, "has a span id and no trace id"},
		"a short span id":     {func(d *logspb.LogsData) { logRecord(d).SpanId = []byte{1} }, "span id has 1 bytes"},
		"the same attributes": {func(d *logspb.LogsData) { l := logRecord(d); l.Attributes = append(l.Attributes, l.Attributes[0]) }, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, otlptest.Options{})
			data := logs()
			c.spoil(data)
			if _, _, err := post(t, r.URL()+"/v1/logs", encode(t, data)); err != nil {
				t.Fatal(err)
			}
			if got := r.Violations(); !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("violations %q lack %q", got, c.want)
			}
		})
	}
}

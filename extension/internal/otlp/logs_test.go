package otlp

import (
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

func TestLogsDecodeWithTheOfficialTypes(t *testing.T) {
	text := func(s string) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
	}
	give := ResourceLogs{
		Resource: []KeyValue{String("service.name", "orders")}, Scope: Scope{"afterglow", "0.1.0"}, SchemaURL: "https://example.com/schema",
		Records: []LogRecord{
			{
				Trace: [16]byte{1}, Span: [8]byte{2}, Flags: FlagSampled, Time: start, Observed: start.Add(time.Second), Severity: SeverityWarn, SeverityText: "WARNING",
				Body: String("", "line\xff").Value, Attributes: []KeyValue{String("k", "v")},
			},
			{Body: String("", "").Value},
			{Span: [8]byte{2}},
			{Trace: [16]byte{1}},
		},
	}
	want := &logspb.ResourceLogs{
		Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{stringAttribute("service.name", "orders")}},
		SchemaUrl: "https://example.com/schema",
		ScopeLogs: []*logspb.ScopeLogs{{
			Scope: &commonpb.InstrumentationScope{Name: "afterglow", Version: "0.1.0"}, SchemaUrl: "https://example.com/schema",
			LogRecords: []*logspb.LogRecord{
				{
					TraceId: id(16, 1), SpanId: id(8, 2), Flags: 1, TimeUnixNano: uint64(start.UnixNano()), ObservedTimeUnixNano: uint64(start.Add(time.Second).UnixNano()),
					SeverityNumber: logspb.SeverityNumber_SEVERITY_NUMBER_WARN, SeverityText: "WARNING", Body: text("line\uFFFD"),
					Attributes: []*commonpb.KeyValue{stringAttribute("k", "v")},
				},
				{Body: text("")},
				{}, // a span without a trace is none
				{TraceId: id(16, 1)},
			},
		}},
	}
	once := AppendLogs(nil, give)
	var got logspb.LogsData
	if err := proto.Unmarshal(once, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.ResourceLogs) != 1 || !proto.Equal(got.ResourceLogs[0], want) {
		t.Errorf("got  %s\nwant %s", prototext.Format(&got), prototext.Format(want))
	}
	var twice logspb.LogsData
	if err := proto.Unmarshal(AppendLogs(once, ResourceLogs{}), &twice); err != nil || len(twice.ResourceLogs) != 2 {
		t.Errorf("behind each other they make %d, %v", len(twice.ResourceLogs), err)
	}
}

// TestSeveritiesAreTheProtocols: the numbers are the official ones.
func TestSeveritiesAreTheProtocols(t *testing.T) {
	for give, want := range map[Severity]logspb.SeverityNumber{
		SeverityUnset: logspb.SeverityNumber_SEVERITY_NUMBER_UNSPECIFIED, SeverityTrace: logspb.SeverityNumber_SEVERITY_NUMBER_TRACE, SeverityDebug: logspb.SeverityNumber_SEVERITY_NUMBER_DEBUG,
		SeverityInfo: logspb.SeverityNumber_SEVERITY_NUMBER_INFO, SeverityWarn: logspb.SeverityNumber_SEVERITY_NUMBER_WARN, SeverityError: logspb.SeverityNumber_SEVERITY_NUMBER_ERROR,
		SeverityFatal: logspb.SeverityNumber_SEVERITY_NUMBER_FATAL,
	} {
		if int32(give) != int32(want) {
			t.Errorf("%d is not %v", give, want)
		}
	}
}

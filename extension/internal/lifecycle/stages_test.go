package lifecycle

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
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

	kept := bytes.Clone(payload)
	inv.Late = true
	late := stages.Render(inv)[0]
	if !bytes.Equal(payload, kept) {
		t.Error("what was rendered before has changed")
	}
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

// TestRenderGivesWhatSignalsAsk: spans and lines in a batch each, in one trace, without secrets; of what is late no span.
func TestRenderGivesWhatSignalsAsk(t *testing.T) {
	inv := event.Invocation{
		ID: "3da1f2dc-3222-475e-9205-e2e6c6318895", Start: time.Unix(1_750_000_000, 0), Duration: time.Second, Tenant: "token=hunter2",
		Platform: event.Platform{Status: "error", ErrorType: "Runtime.password=hunter2"},
		Lines:    []event.Line{{Body: event.TextOf("password=hunter2")}, {Body: event.TextOf(`{"password":"hunter2"}`), Level: "secret=hunter2"}},
	}
	late := inv
	late.Late = true
	for _, c := range []struct {
		name   string
		inv    event.Invocation
		change func(*Stages)
		want   string
	}{
		{"traces", inv, func(*Stages) {}, "traces:1"},
		{"traces and logs", inv, func(s *Stages) { s.Logs = true }, "traces:1 logs:2"},
		{"logs", inv, func(s *Stages) { s.Logs, s.NoTraces = true, true }, "logs:2"},
		{"neither", inv, func(s *Stages) { s.NoTraces = true }, ""},
		{"lines that are late", late, func(s *Stages) { s.Logs = true }, "logs:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stages := newStages()
			c.change(stages)
			var got []string
			var trace, function []byte
			for _, b := range stages.Render(c.inv) {
				got = append(got, fmt.Sprintf("%s:%d", b.Signal, b.Records))
				if bytes.Contains(b.Payload, []byte("hunter2")) {
					t.Errorf("a secret is in %s", b.Signal)
				}
				var spans tracepb.TracesData
				var lines logspb.LogsData
				switch b.Signal {
				case "traces":
					if err := proto.Unmarshal(b.Payload, &spans); err != nil {
						t.Fatal(err)
					}
					s := spans.ResourceSpans[0].ScopeSpans[0].Spans[0]
					trace, function = s.TraceId, s.SpanId
				case "logs":
					if err := proto.Unmarshal(b.Payload, &lines); err != nil {
						t.Fatal(err)
					}
					if l := lines.ResourceLogs[0].ScopeLogs[0].LogRecords[1]; trace != nil && (!bytes.Equal(l.TraceId, trace) || !bytes.Equal(l.SpanId, function)) {
						t.Errorf("a line is of %x %x, want %x %x", l.TraceId, l.SpanId, trace, function)
					}
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestWhatIsLeftOutIsTold: to the meter, and with the first line where there is no span that could tell.
func TestWhatIsLeftOutIsTold(t *testing.T) {
	inv := event.Invocation{
		ID: "A", Start: time.Unix(1_750_000_000, 0), Duration: time.Second, Event: event.Body{Data: event.BytesOf(bytes.Repeat([]byte("x "), 3000))},
		Calls: []event.Call{{Request: event.Body{Data: event.BytesOf(bytes.Repeat([]byte("x "), 3000))}}},
	}
	for range 1003 {
		inv.Lines = append(inv.Lines, event.Line{Body: event.TextOf("line")})
	}
	for _, test := range []struct {
		name     string
		noTraces bool
		told     mask.Dropped
		onLine   bool
	}{
		{"with spans", false, mask.Dropped{Bodies: 1, Lines: 3, Bytes: 6012}, false},
		{"without spans", true, mask.Dropped{Lines: 3, Bytes: 12}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var told mask.Dropped
			stages := newStages()
			stages.Logs, stages.NoTraces, stages.Dropped = true, test.noTraces, func(d mask.Dropped) { told.Add(d) }
			stages.Limits.CallBytes = 4096
			batches := stages.Render(inv)
			last := batches[len(batches)-1]
			var lines logspb.LogsData
			if err := proto.Unmarshal(last.Payload, &lines); err != nil {
				t.Fatal(err)
			}
			tells := false
			for _, kv := range lines.ResourceLogs[0].ScopeLogs[0].LogRecords[0].Attributes {
				tells = tells || kv.Key == "afterglow.dropped.lines" && kv.Value.GetIntValue() == 3
			}
			if tells != test.onLine {
				t.Errorf("the first line tells: %v", tells)
			}
			if told != test.told {
				t.Errorf("the meter is told of %+v, want %+v", told, test.told)
			}
		})
	}
}

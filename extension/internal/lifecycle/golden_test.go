package lifecycle_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/lifecycle"
	"github.com/afterglow-lambda/afterglow/extension/internal/limit"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

var update = flag.Bool("update", false, "write the golden files of spans")

// fixtures are the events and calls that enrich is tested with. Here they go through all stages, to spans as a collector reads them.
const fixtures = "../enrich/testdata"

// secret is planted in the stories; no golden file may show a part of it.
const secret = "hunter2"

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newStages() *lifecycle.Stages {
	return &lifecycle.Stages{
		Masker: mask.New(mask.Options{}),
		Logs:   true,
		Limits: limit.Limits{FieldBytes: 2048, InvocationBytes: 500 << 10},
		Resource: span.Resource{Function: "orders", Version: "7", Region: "eu-central-1", Memory: 512, Release: "0.0.0",
			Attributes: map[string]string{"deployment.environment.name": "prod", "service.namespace": "shop"}},
	}
}

// base is an invocation of which only the interesting parts are left to fill in.
func base() event.Invocation {
	return event.Invocation{
		ID: "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa", ARN: "arn:aws:lambda:eu-central-1:123456789012:function:orders:live",
		Trace: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
		Start: began, Deadline: began.Add(3 * time.Second), Duration: 120 * time.Millisecond,
		Process: event.Process{PID: 17, Runtime: "python", Version: "3.13.1", Hook: "0.0.0", Env: map[string]string{
			"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/02/[7]0123456789abcdef", "_HANDLER": "app.handler",
		}},
	}
}

func body(s string) event.Body {
	return event.Body{Data: event.BytesOf([]byte(s)), Size: int64(len(s))}
}

func headers(pairs ...[2]string) (to []event.Header) {
	for _, h := range pairs {
		to = append(to, event.Header{Name: h[0], Value: event.TextOf(h[1])})
	}
	return to
}

func TestGoldenTriggers(t *testing.T) {
	for _, path := range fixturesOf(t, "triggers") {
		t.Run(nameOf(path), func(t *testing.T) {
			inv := base()
			inv.Event, inv.Response = body(string(read(t, path))), body(`{"statusCode":200,"body":"{\"ok\":true}"}`)
			inv.ResponseStatus = 200
			golden(t, filepath.Join("triggers", nameOf(path)), render(t, inv), nil)
		})
	}
}

func TestGoldenCalls(t *testing.T) {
	for _, path := range fixturesOf(t, "calls") {
		t.Run(nameOf(path), func(t *testing.T) {
			inv := base()
			inv.Calls = []event.Call{call(t, path)}
			// The invocation's own span is the same for all of them.
			golden(t, filepath.Join("calls", nameOf(path)), render(t, inv)[1:], nil)
		})
	}
}

func fixturesOf(t *testing.T, kind string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(fixtures, kind, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures of %s: %v", kind, err)
	}
	return paths
}

func nameOf(path string) string { return strings.TrimSuffix(filepath.Base(path), ".json") }

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func call(t *testing.T, path string) event.Call {
	t.Helper()
	var f struct {
		Method, URL                     string
		Status                          int
		RequestHeaders, ResponseHeaders [][2]string
		Request, Response               string
	}
	if err := json.Unmarshal(read(t, path), &f); err != nil {
		t.Fatal(err)
	}
	return event.Call{
		ID: "17-1", Library: "urllib3", Method: f.Method, URL: event.TextOf(f.URL), Protocol: "HTTP/1.1", Peer: "192.0.2.7:443", Status: f.Status,
		Start: began.Add(20 * time.Millisecond), FirstByte: 9 * time.Millisecond, Duration: 10 * time.Millisecond,
		RequestHeaders: headers(f.RequestHeaders...), ResponseHeaders: headers(f.ResponseHeaders...), Request: body(f.Request), Response: body(f.Response),
	}
}

// render leads an invocation through all stages and reads the bytes as a collector does. Every invocation of one function has the same resource.
func render(t *testing.T, inv event.Invocation) []*tracepb.Span {
	t.Helper()
	data := new(tracepb.TracesData)
	batch := rendered(t, inv, "traces", data)
	if len(data.ResourceSpans) != 1 || len(data.ResourceSpans[0].ScopeSpans) != 1 {
		t.Fatalf("%d resources", len(data.ResourceSpans))
	}
	rs := data.ResourceSpans[0]
	if got := rs.ScopeSpans[0].Spans; len(got) != batch.Records {
		t.Errorf("%d spans are told, %d there are", batch.Records, len(got))
	}
	compare(t, resourceOf(inv), showResource(rs.Resource, rs.ScopeSpans[0].Scope, rs.SchemaUrl))
	return rs.ScopeSpans[0].Spans
}

// renderLogs gives the log records of an invocation, none if there are none.
func renderLogs(t *testing.T, inv event.Invocation) []*logspb.LogRecord {
	t.Helper()
	if len(inv.Lines) == 0 {
		return nil
	}
	data := new(logspb.LogsData)
	batch := rendered(t, inv, "logs", data)
	if len(data.ResourceLogs) != 1 || len(data.ResourceLogs[0].ScopeLogs) != 1 {
		t.Fatalf("%d resources", len(data.ResourceLogs))
	}
	rl := data.ResourceLogs[0]
	if got := rl.ScopeLogs[0].LogRecords; len(got) != batch.Records {
		t.Errorf("%d records are told, %d there are", batch.Records, len(got))
	}
	compare(t, resourceOf(inv), showResource(rl.Resource, rl.ScopeLogs[0].Scope, rl.SchemaUrl))
	return rl.ScopeLogs[0].LogRecords
}

// resourceOf names the golden file of an invocation's resource: only a hook tells what the function runs on.
func resourceOf(inv event.Invocation) string {
	if inv.Process.Runtime == "" {
		return "resource-without-hook"
	}
	return "resource"
}

func rendered(t *testing.T, inv event.Invocation, signal string, into proto.Message) deliver.Batch {
	t.Helper()
	batches := newStages().Render(inv)
	n := slices.IndexFunc(batches, func(b deliver.Batch) bool { return b.Signal == signal })
	if n < 0 {
		t.Fatalf("no %s in %+v", signal, batches)
	}
	if err := proto.Unmarshal(batches[n].Payload, into); err != nil {
		t.Fatal(err)
	}
	if unknown := into.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		t.Errorf("fields that OTLP does not have: %x", unknown)
	}
	return batches[n]
}

// golden compares spans with what somebody has looked at.
func golden(t *testing.T, name string, spans []*tracepb.Span, records []*logspb.LogRecord) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range spans {
		if seen[string(s.SpanId)] || len(s.SpanId) != 8 || len(s.TraceId) != 16 || s.Name == "" || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("span %q: %x of %x, from %d to %d", s.Name, s.SpanId, s.TraceId, s.StartTimeUnixNano, s.EndTimeUnixNano)
		}
		seen[string(s.SpanId)] = true
		names := map[string]bool{}
		for _, kv := range s.Attributes {
			if names[kv.Key] {
				t.Errorf("span %q has %s twice", s.Name, kv.Key)
			}
			names[kv.Key] = true
		}
	}
	compare(t, name, showSpans(spans)+showRecords(records))
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	if strings.Contains(got, secret) {
		t.Errorf("a secret survives in\n%s", got)
	}
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./extension/internal/lifecycle -run Golden -update writes it; look at it before you commit it)", err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// TestGoldenFilesAreUsed: what is left of a fixture or a story that is gone proves nothing.
func TestGoldenFilesAreUsed(t *testing.T) {
	used := map[string]bool{"resource.txt": true, "resource-without-hook.txt": true}
	for _, kind := range []string{"triggers", "calls"} {
		for _, path := range fixturesOf(t, kind) {
			used[filepath.Join(kind, nameOf(path)+".txt")] = true
		}
	}
	for _, s := range stories() {
		used[filepath.Join("stories", s.name+".txt")] = true
	}
	all, _ := filepath.Glob("testdata/golden/*.txt")
	below, _ := filepath.Glob("testdata/golden/*/*.txt")
	for _, path := range append(all, below...) {
		if name, err := filepath.Rel("testdata/golden", path); err != nil || !used[name] {
			t.Errorf("%s belongs to nothing", path)
		}
	}
}

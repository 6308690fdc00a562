package span_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/correlate"
	"github.com/afterglow-lambda/afterglow/extension/internal/enrich"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/limit"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

var update = flag.Bool("update", false, "write the golden files")

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const (
	arn  = "arn:aws:lambda:eu-central-1:123456789012:function:orders:live"
	root = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
)

var resource = span.Resource{
	Function: "orders", Version: "7", Region: "eu-central-1", Memory: 512, Release: "0.1.0",
	Attributes: map[string]string{"deployment.environment.name": "prod", "cloud.platform": "test", "service.namespace": "shop"},
}

// base is an invocation of which only the interesting parts are left to fill in.
func base() event.Invocation {
	return event.Invocation{
		ID: "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa", ARN: arn, Trace: root, Start: began, Deadline: began.Add(3 * time.Second), Duration: 120 * time.Millisecond,
		Process: event.Process{PID: 17, Runtime: "python", Version: "3.13.1", Hook: "0.1.0", Env: map[string]string{
			"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/02/[7]0123456789abcdef", "_HANDLER": "app.handler",
		}},
	}
}

func body(s string) event.Body {
	return event.Body{Data: event.BytesOf([]byte(s)), Size: int64(len(s))}
}

func headers(nameValue ...string) (hs []event.Header) {
	for i := 0; i < len(nameValue); i += 2 {
		hs = append(hs, event.Header{Name: nameValue[i], Value: event.TextOf(nameValue[i+1])})
	}
	return hs
}

func fixture(t *testing.T, name string) event.Body {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "enrich", "testdata", "triggers", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return body(string(data))
}

func sqsCall(operation, request, response string) event.Call {
	return event.Call{
		ID: "17-2", Library: "http.client", Method: "POST", URL: event.TextOf("https://sqs.eu-central-1.amazonaws.com/"), Protocol: "HTTP/1.1", Peer: "10.0.0.7:443",
		Status: 200, Start: began.Add(20 * time.Millisecond), FirstByte: 9 * time.Millisecond, Duration: 10 * time.Millisecond,
		RequestHeaders: headers("X-Amz-Target", "AmazonSQS."+operation, "Content-Type", "application/x-amz-json-1.0",
			"Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20260102/eu-central-1/sqs/aws4_request, Signature=abc"),
		ResponseHeaders: headers("x-amzn-RequestId", "f1d2d2f9-24e9-86ac-886f-dfd50b3b0d57"),
		Request:         body(request), Response: body(response),
	}
}

func TestBuild(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T) event.Invocation
	}{
		{"http-ok", func(t *testing.T) event.Invocation {
			inv := base()
			inv.Event, inv.Response, inv.ResponseStatus, inv.Cold = fixture(t, "restapi"), body(`{"statusCode":200,"body":"{\"ok\":true}"}`), 200, true
			inv.Calls = []event.Call{{
				ID: "17-1", Library: "http.client", Method: "POST", URL: event.TextOf("https://me:hunter2@pay.example.com:8443/charge?token=hunter2&x=1"), Protocol: "HTTP/1.1", Peer: "[2001:db8::1]:8443",
				Status: 201, Resend: 1, Start: began.Add(5 * time.Millisecond), FirstByte: 8 * time.Millisecond, Duration: 12500 * time.Microsecond,
				RequestHeaders:  headers("Content-Type", "application/json", "Authorization", "Bearer hunter2hunter2", "Accept", "a", "accept", "b"),
				ResponseHeaders: headers("Set-Cookie", "session=hunter2"),
				Request:         body(`{"card":{"number":"4111 1111 1111 1111","cvv":123},"amount":10}`),
				Response:        event.Body{Data: event.BytesOf([]byte("\x1f\x8b")), Size: 2000, Truncated: true},
			}}
			return inv
		}},
		{"http-error", func(t *testing.T) event.Invocation {
			inv := base()
			inv.Event, inv.Streaming = fixture(t, "functionurl"), true
			inv.Error = &event.Error{Type: "PaymentError", Message: event.TextOf("card 4111111111111111 refused"), Stack: event.TextOf("Traceback:\n  File \"app.py\", line 7, in handler\nPaymentError: password=hunter2")}
			inv.Calls = []event.Call{
				{ID: "17-1", Method: "GET", URL: event.TextOf("http://127.0.0.1/status"), Status: 503, Partial: true, Start: began.Add(time.Millisecond), Duration: time.Millisecond},
				{ID: "17-2", Method: "brew", URL: event.TextOf("https://pot.example.com"), Start: began.Add(3 * time.Millisecond), Duration: time.Millisecond, Peer: "pot",
					Error: &event.Error{Type: "ConnectionRefusedError", Message: event.TextOf("[Errno 111] Connection refused")}},
			}
			return inv
		}},
		{"http-answers-500", func(t *testing.T) event.Invocation {
			inv := base()
			inv.Event, inv.ResponseStatus = fixture(t, "httpapi"), 502
			return inv
		}},
		{"sqs-send", func(*testing.T) event.Invocation {
			inv := base()
			inv.Calls = []event.Call{sqsCall("SendMessage", `{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/123456789012/orders","MessageBody":"{\"password\":\"hunter2\"}"}`,
				`{"MessageId":"059f36b4-87a3-44ab-83d2-661975830a7d"}`)}
			return inv
		}},
		{"sqs-send-batch", func(*testing.T) event.Invocation {
			inv := base()
			inv.Calls = []event.Call{sqsCall("SendMessageBatch", `{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/123456789012/orders","Entries":[{"Id":"1"},{"Id":"2"}]}`,
				`{"Successful":[{"Id":"1","MessageId":"059f36b4-87a3-44ab-83d2-661975830a7d"},{"Id":"2","MessageId":"2e1424d4-f796-459a-8184-9c92662be6da"}]}`)}
			return inv
		}},
		{"sqs-consume", func(t *testing.T) event.Invocation {
			inv := base()
			inv.ID, inv.Trace = "0f6e4a3c-2f25-4d1e-9d0c-5b8f4e1c7a11", "Root=1-66666666-bd862e3fe1be46a994272793"
			inv.Event = fixture(t, "sqs")
			return inv
		}},
		{"calls-of-the-set-up", func(*testing.T) event.Invocation {
			inv := base()
			inv.Cold = true
			inv.Calls = []event.Call{{ID: "17-1", Method: "GET", URL: event.TextOf("https://config.example.com/"), Status: 200, Init: true, Start: began.Add(-time.Second), Duration: time.Millisecond}}
			return inv
		}},
		{"set-up-that-failed", func(*testing.T) event.Invocation {
			inv := base()
			inv.ID, inv.Trace, inv.ARN, inv.Start, inv.Duration, inv.Deadline = "init", "", "", time.Time{}, 0, time.Time{}
			inv.Error = &event.Error{Type: "ImportError", Message: event.TextOf("No module named 'x'")}
			inv.Calls = []event.Call{{ID: "17-1", Method: "GET", URL: event.TextOf("https://config.example.com/"), Status: 200, Init: true, Start: began, Duration: time.Millisecond}}
			return inv
		}},
		{"timed-out", func(*testing.T) event.Invocation {
			inv := base()
			inv.Open, inv.Duration = true, 0
			inv.Calls = []event.Call{
				{ID: "17-1", Method: "GET", URL: event.TextOf("https://fast.example.com/"), Status: 200, Start: began.Add(time.Millisecond), Duration: 40 * time.Millisecond},
				{ID: "17-2", Method: "GET", URL: event.TextOf("https://slow.example.com/"), Open: true, Start: began.Add(10 * time.Millisecond)},
			}
			return inv
		}},
		{"timed-out-as-lambda-told", func(*testing.T) event.Invocation {
			inv := base()
			inv.Open, inv.Outcome, inv.Duration, inv.Cold = true, event.OutcomeTimeout, 3*time.Second, true
			inv.Platform = event.Platform{
				Start: began, Done: began.Add(3 * time.Second), Status: "timeout", Duration: 3 * time.Second,
				Init: &event.Init{Type: "on-demand", Phase: "init", Duration: 412 * time.Millisecond},
			}
			inv.Calls = []event.Call{
				{ID: "17-1", Method: "GET", URL: event.TextOf("https://me:hunter2@slow.example.com/x?token=hunter2"), Open: true, Start: began.Add(10 * time.Millisecond)},
			}
			return inv
		}},
		{"out-of-memory", func(*testing.T) event.Invocation {
			inv := base()
			inv.Open, inv.Outcome, inv.Duration = true, event.OutcomeOutOfMemory, 900*time.Millisecond
			inv.Platform = event.Platform{
				Start: began, Done: began.Add(time.Second), Status: "error", ErrorType: "Runtime.ExitError", Duration: 900 * time.Millisecond,
				Report: &event.Report{Status: "error", ErrorType: "Runtime.ExitError", Duration: time.Second, Billed: 1001 * time.Millisecond, Overhead: 50 * time.Millisecond, MemorySize: 128 << 20, MemoryUsed: 128 << 20},
			}
			return inv
		}},
		{"killed", func(*testing.T) event.Invocation {
			inv := base()
			inv.Open, inv.Outcome, inv.Duration = true, event.OutcomeKilled, 0
			inv.Calls = []event.Call{sqsCall("SendMessage", `{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/123456789012/orders"}`, "")}
			inv.Calls[0].Open, inv.Calls[0].Status, inv.Calls[0].Duration = true, 0, 0
			return inv
		}},
		{"killed-as-lambda-told", func(*testing.T) event.Invocation {
			inv := base()
			inv.Open, inv.Outcome = true, event.OutcomeKilled
			inv.Platform = event.Platform{Status: "error", ErrorType: "Extension.Crash", Report: &event.Report{Status: "error"}}
			return inv
		}},
		{"failed-after-its-end", func(*testing.T) event.Invocation {
			inv := base()
			inv.Platform = event.Platform{Status: "error", ErrorType: "Function.ResponseSizeTooLarge", Produced: 7 << 20}
			return inv
		}},
		{"failed-says-the-report", func(*testing.T) event.Invocation {
			inv := base()
			inv.Platform = event.Platform{Status: "success", Report: &event.Report{Status: "failure"}}
			return inv
		}},
		{"told-by-lambda-alone", func(*testing.T) event.Invocation {
			inv := base()
			inv.Unhooked, inv.Cold, inv.Response.Size = true, true, 16
			inv.Process = event.Process{Env: map[string]string{"AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/02/[7]0123456789abcdef"}}
			inv.Platform = event.Platform{
				Start: began, Done: began.Add(120 * time.Millisecond), Status: "success", Duration: 120 * time.Millisecond, Produced: 16,
				Init: &event.Init{Type: "snap-start", Phase: "snap-start", Restore: 210 * time.Millisecond},
				Report: &event.Report{Status: "success", Duration: 150 * time.Millisecond, Billed: 360 * time.Millisecond, Init: 300 * time.Millisecond, Restore: 210 * time.Millisecond,
					Overhead: 30 * time.Millisecond, MemorySize: 512 << 20, MemoryUsed: 70 << 20},
			}
			return inv
		}},
		{"secrets-in-lambdas-words", func(*testing.T) event.Invocation {
			inv := base()
			inv.Tenant = "password=hunter2"
			inv.Platform = event.Platform{Status: "error", ErrorType: "Runtime.password=hunter2", Report: &event.Report{Status: "token=hunter2"}, Init: &event.Init{Type: "secret=hunter2", Phase: "secret=hunter2"}}
			return inv
		}},
		{"call-that-nobody-waited-for", func(*testing.T) event.Invocation {
			inv := base()
			inv.Calls = []event.Call{{ID: "17-1", Method: "GET", URL: event.TextOf("https://slow.example.com/"), Open: true, Start: began.Add(10 * time.Millisecond)}}
			return inv
		}},
		{"s3-and-dynamodb", func(*testing.T) event.Invocation {
			inv := base()
			inv.Calls = []event.Call{
				{ID: "17-1", Method: "PUT", URL: event.TextOf("https://receipts.s3.eu-central-1.amazonaws.com/2026/A-1.json?x-id=PutObject"), Status: 200, Start: began, Duration: time.Millisecond,
					ResponseHeaders: headers("x-amz-request-id", "656c76696e67", "x-amz-id-2", "eftixk72")},
				{ID: "17-2", Method: "POST", URL: event.TextOf("https://dynamodb.eu-central-1.amazonaws.com/"), Status: 200, Start: began.Add(time.Millisecond), Duration: time.Millisecond,
					RequestHeaders: headers("x-amz-target", "DynamoDB_20120810.BatchWriteItem"), Request: body(`{"RequestItems":{"orders":[],"audit":[]}}`)},
				{ID: "17-3", Method: "POST", URL: event.TextOf("https://ssm.eu-central-1.amazonaws.com/"), Status: 200, Start: began.Add(2 * time.Millisecond), Duration: time.Millisecond,
					RequestHeaders: headers("x-amz-target", "AmazonSSM.GetParameter"), Response: body(`{"Parameter":{"Value":"hunter2"}}`)},
			}
			return inv
		}},
		{"losses", func(*testing.T) event.Invocation {
			inv := base()
			inv.Event = event.Body{Data: event.BytesOf([]byte(`{"a":[` + strings.Repeat(`"0123456789",`, 400) + `1]}`)), Size: 90_000, Truncated: true, Shortened: true}
			inv.Lost = []event.Loss{{Reason: "torn", Records: 1, Bytes: 70}, {Reason: "spool-full", Records: 3}, {Reason: "torn", Records: 2, Bytes: 30}}
			for n := range 40 {
				inv.Calls = append(inv.Calls, event.Call{ID: fmt.Sprint("17-", n), Method: "GET", URL: event.TextOf("https://h/"), Status: 200, Start: began, Duration: time.Millisecond,
					RequestHeaders: headers("a", strings.Repeat("b", 90)), Response: body(strings.Repeat("x", 900))})
			}
			inv.Calls[7].Status = 500
			return inv
		}},
		{"late-calls", func(*testing.T) event.Invocation {
			inv := base()
			inv.Late = true
			inv.Calls = []event.Call{{ID: "21-1", Method: "GET", URL: event.TextOf("https://h/"), Status: 200, Start: began.Add(time.Second), Duration: time.Millisecond}}
			return inv
		}},
	}
	var reused span.Builder
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := test.make(t)
			enrich.Apply(&inv)
			correlate.Apply(&inv, correlate.Environment{Instance: "test"})
			masked := limit.Apply(mask.New(mask.Options{}).Apply(inv), limit.Limits{FieldBytes: 1024, InvocationBytes: 5120})
			built := new(span.Builder).Build(masked, resource)
			got := show(built)
			if strings.Contains(got, "hunter2") || strings.Contains(got, "4111") {
				t.Error("a secret survives")
			}
			seen := map[[8]byte]string{}
			for _, s := range built.Spans {
				if s.End.Before(s.Start) || seen[s.ID] != "" || s.ID == [8]byte{} || s.Trace == [16]byte{} || s.Name == "" {
					t.Errorf("span %q: %x, from %v to %v, like %q", s.Name, s.ID, s.Start, s.End, seen[s.ID])
				}
				seen[s.ID] = s.Name
			}
			golden(t, filepath.Join("testdata", test.name+".golden"), got)
			if again := show(reused.Build(masked, resource)); again != got {
				t.Errorf("a builder that had built others gives\n%s\nwant\n%s", again, got)
			}
		})
	}
}

// TestMoreAttributesThanUsual: calls with all that a call can have keep their own, beside each other in one builder.
func TestMoreAttributesThanUsual(t *testing.T) {
	full := func(n int) event.Call {
		return event.Call{ID: fmt.Sprint("17-", n), Method: fmt.Sprint("BREW", n), URL: event.TextOf(fmt.Sprint("https://h", n, ":8443/")), Status: 500, Protocol: "HTTP/1.1", Peer: "192.0.2.7:8443", Resend: n,
			Library: fmt.Sprint("l", n), Start: began, FirstByte: time.Duration(n), Duration: time.Millisecond, Open: true, Partial: true, Init: true,
			Request: event.Body{Data: event.BytesOf([]byte("text")), Size: 9, Truncated: true}, Response: event.Body{Data: event.BytesOf([]byte{0, byte(n)}), Size: 9, Truncated: true},
			Error: &event.Error{Type: "E"}}
	}
	build := func(calls ...event.Call) []otlp.Span {
		inv := base()
		inv.Calls = calls
		enrich.Apply(&inv)
		correlate.Apply(&inv, correlate.Environment{Instance: "test"})
		masked := mask.New(mask.Options{}).Apply(inv)
		for i := range masked.Calls {
			masked.Calls[i].Dropped = mask.Dropped{Unknown: 1, Bodies: 2, Headers: 3, Attributes: 4, Links: 5, Messages: 6, Lines: 7, Bytes: 8}
		}
		return new(span.Builder).Build(masked, resource).Spans
	}
	together := build(full(1), full(2), full(3))
	for n := 1; n <= 3; n++ {
		alone := build(full(n))[1].Attributes
		if len(alone) <= 24 || !reflect.DeepEqual(together[n].Attributes, alone) {
			t.Errorf("call %d has %d attributes: %v, alone it has %d: %v", n, len(together[n].Attributes), together[n].Attributes, len(alone), alone)
		}
	}
}

// TestAnythingBuilds: nothing that intake could not find out keeps a span from being one.
func TestAnythingBuilds(t *testing.T) {
	for _, inv := range []event.Invocation{{}, {ID: "init"}, {ID: "none", Calls: []event.Call{{}}}, {ID: "x", ARN: "arn", Open: true, Duration: -1, Error: &event.Error{}}} {
		enrich.Apply(&inv)
		correlate.Apply(&inv, correlate.Environment{})
		built := new(span.Builder).Build(mask.New(mask.Options{}).Apply(inv), span.Resource{})
		for _, s := range built.Spans {
			if s.Name == "" || s.ID == [8]byte{} || s.End.Before(s.Start) {
				t.Errorf("%+v: %+v", inv.ID, s)
			}
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
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
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// show writes spans for people to read.
func show(r otlp.ResourceSpans) string {
	var b strings.Builder
	fmt.Fprintf(&b, "resource\n")
	showAttributes(&b, r.Resource)
	fmt.Fprintf(&b, "scope %s %s, schema %s\n", r.Scope.Name, r.Scope.Version, r.SchemaURL)
	kinds := map[otlp.Kind]string{otlp.KindInternal: "INTERNAL", otlp.KindServer: "SERVER", otlp.KindClient: "CLIENT", otlp.KindProducer: "PRODUCER", otlp.KindConsumer: "CONSUMER"}
	for _, s := range r.Spans {
		fmt.Fprintf(&b, "\n%s %q\n  trace %x span %x", kinds[s.Kind], s.Name, s.Trace, s.ID)
		if s.Parent != [8]byte{} {
			fmt.Fprintf(&b, " parent %x", s.Parent)
		}
		fmt.Fprintf(&b, "\n  at %v for %v\n", s.Start.Sub(began), s.End.Sub(s.Start))
		if s.Status.Code != otlp.CodeUnset {
			fmt.Fprintf(&b, "  status %d %q\n", s.Status.Code, s.Status.Message)
		}
		showAttributes(&b, s.Attributes)
		for _, e := range s.Events {
			fmt.Fprintf(&b, "  event %s at %v\n", e.Name, e.Time.Sub(began))
			showAttributes(&b, e.Attributes)
		}
		for _, l := range s.Links {
			fmt.Fprintf(&b, "  link to %x %x\n", l.Trace, l.Span)
			showAttributes(&b, l.Attributes)
		}
	}
	return b.String()
}

func showAttributes(b *strings.Builder, attributes []otlp.KeyValue) {
	for _, kv := range attributes {
		fmt.Fprintf(b, "    %s = %#v\n", kv.Key, kv.Value.Any())
	}
}

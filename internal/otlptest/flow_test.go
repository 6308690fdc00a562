package otlptest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// epoch is when the constructed flows begin.
var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

const (
	traceA = "5759e988bd862e3fe1be46a994272793"
	traceB = "6859e988bd862e3fe1be46a994272794"
)

func at(ms float64) time.Time { return epoch.Add(time.Duration(ms * float64(time.Millisecond))) }

func id(n int) string { return fmt.Sprintf("%016x", n) }

// a builds a span: of a service, with ids, from start to end in milliseconds, and attributes in pairs.
func a(service, trace string, kind Kind, span, parent int, name string, from, to float64, attributes ...any) Span {
	s := Span{
		Resource:   map[string]any{"service.name": service},
		TraceID:    trace,
		SpanID:     id(span),
		Name:       name,
		Kind:       kind,
		Start:      at(from),
		End:        at(to),
		Attributes: map[string]any{},
	}
	if parent != 0 {
		s.ParentID = id(parent)
	}
	for i := 0; i < len(attributes); i += 2 {
		s.Attributes[attributes[i].(string)] = attributes[i+1]
	}
	return s
}

// aws builds a call named Service.Operation; one that carries a message id is the message's own span, as the extension makes it.
func aws(service, trace string, span, parent int, name string, from, to float64, attributes ...any) Span {
	of, operation, _ := strings.Cut(name, ".")
	s := a(service, trace, Client, span, parent, name, from, to, append(attributes,
		"rpc.system.name", "aws-api", "rpc.service", of, "rpc.method", operation, "http.request.method", "POST")...)
	if messageID(s) != "" {
		s.Kind, s.Name = Producer, "send "+s.Text("messaging.destination.name")
	}
	return s
}

func failed(s Span, kind, message, stack string) Span {
	s.StatusCode, s.StatusMessage = StatusError, message
	if kind != "" {
		s.Events = append(s.Events, Event{Name: "exception", Time: s.End, Attributes: map[string]any{
			"exception.type": kind, "exception.message": message, "exception.stacktrace": stack,
		}})
	}
	return s
}

func linked(s Span, trace string, span int, message string) Span {
	link := Link{TraceID: trace, SpanID: id(span), Attributes: map[string]any{}}
	if message != "" {
		link.Attributes["messaging.message.id"] = message
	}
	s.Links = append(s.Links, link)
	return s
}

func uuid(n int) string {
	return fmt.Sprintf("%08x-0ea4-451a-a703-b558b933e274", uint32(0x5fea7756+n*0x01010101))
}

const nodeStack = `ShippingError: shipping answered 500
    at ship (/var/task/index.js:31:9)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at async handler (/var/task/index.js:12:3)
    at async Runtime.handleOnce (file:///var/runtime/index.mjs:1173:29)`

const pythonStack = `Traceback (most recent call last):
  File "/var/task/app.py", line 12, in handler
    return charge(order)
  File "/var/task/payment.py", line 40, in charge
    return session.post(url, json=order)
  File "/opt/python/lib/python3.13/site-packages/requests/sessions.py", line 637, in post
    return self.request("POST", url, data=data, json=json, **kwargs)
requests.exceptions.ConnectionError: refused`

// orders is the flow of the example application: a function that calls, sends one message and a batch of two.
func orders() []Span {
	return []Span{
		linked(a("orders", traceA, Server, 1, 0, "orders", 0, 143.2, "faas.invocation_id", uuid(1), "faas.coldstart", true,
			"http.request.method", "POST", "url.path", "/orders", "http.response.status_code", int64(201),
			"afterglow.event.content", `{"version":"2.0","headers":{"authorization":"****"},"body":"{\"item\":\"book\",\"customer\":{\"name\":\"Ada\",\"password\":\"****\"},\"card\":\"****\"}"}`,
			"afterglow.response.content", `{"statusCode":201,"body":"{\"order\":\"o-1\"}"}`), traceA, 999, ""),
		a("orders", traceA, Client, 2, 1, "POST", 20, 32.1, "http.request.method", "POST",
			"url.full", "http://payments.example/charge?token=****", "http.response.status_code", int64(200),
			"afterglow.request.body.content", `{"order":"o-1","card":"****"}`),
		aws("orders", traceA, 3, 1, "SQS.SendMessage", 40, 48.3, "messaging.destination.name", "orders-queue",
			"messaging.message.id", uuid(103), "aws.request_id", uuid(31), "http.response.status_code", int64(200),
			"afterglow.request.body.content", `{"QueueUrl":"http://localhost:4566/000000000000/orders-queue","MessageBody":"{\"order\":\"o-1\",\"card\":\"****\"}"}`),
		aws("orders", traceA, 4, 1, "SQS.SendMessageBatch", 60, 69.9, "messaging.destination.name", "orders-queue",
			"messaging.batch.message_count", int64(2), "aws.request_id", uuid(41)),
		a("orders", traceA, Producer, 5, 4, "create orders-queue", 60, 69.9, "messaging.message.id", uuid(105)),
		a("orders", traceA, Producer, 6, 4, "create orders-queue", 60, 69.9, "messaging.message.id", uuid(106)),
	}
}

// fulfilment is one run of the consumer; its spans are first, first+1, …
func fulfilment(trace string, first int, from float64) []Span {
	const service = "fulfilment"
	return []Span{
		a(service, trace, Server, first, 0, service, from, from+210, "faas.invocation_id", uuid(first),
			"afterglow.event.content", `{"Records":[{"messageId":"m","body":"{\"order\":\"o-1\",\"card\":\"****\"}"}]}`),
		aws(service, trace, first+1, first, "DynamoDB.PutItem", from+10, from+13, "aws.dynamodb.table_names", []any{"orders"},
			"aws.request_id", "VBFHNJ3KAOP2PMJRSNF5E7PU9BVV4KQNSO5AEMVJF66Q9ASUAAJG"),
		aws(service, trace, first+2, first, "S3.PutObject", from+20, from+24.5, "aws.s3.bucket", "receipts", "aws.s3.key", "2026/o-1.json",
			"aws.request_id", "79104EXAMPLEB723"),
		a(service, trace, Client, first+3, first, "POST", from+30, from+180, "http.request.method", "POST",
			"url.full", "http://shipping.example/ship", "http.response.status_code", int64(200)),
	}
}

// badFulfilment is a run in which shipping answers 500 and the function throws.
func badFulfilment(trace string, first int, from float64) []Span {
	spans := fulfilment(trace, first, from)
	spans[0] = failed(spans[0], "ShippingError", "shipping answered 500 for card ****", nodeStack)
	spans[3] = failed(spans[3], "", "", "")
	spans[3].Attributes["http.response.status_code"] = int64(500)
	spans[3].Attributes["error.type"] = "500"
	return spans
}

// consumed hangs a run of the consumer under messages.
func consumed(spans []Span, trace string, producers ...int) []Span {
	for _, p := range producers {
		spans[0] = linked(spans[0], trace, p, uuid(p+100)) // the ids that orders gives them
	}
	return spans
}

func flowCases() map[string][]Span {
	batch := []Span{
		a("importer", traceA, Server, 1, 0, "importer", 0, 50, "faas.invocation_id", uuid(1)),
		aws("importer", traceA, 2, 1, "SQS.SendMessageBatch", 5, 25, "aws.sqs.queue.url", "http://localhost:4566/000000000000/jobs",
			"messaging.batch.message_count", int64(10)),
	}
	for i := range 10 {
		batch = append(batch, a("importer", traceA, Producer, 10+i, 2, "create jobs", 5, 25, "messaging.message.id", uuid(10+i)))
		batch = append(batch, linked(a("worker", traceB, Consumer, 50+i, 0, "worker", 30+float64(i), 40+float64(i),
			"faas.invocation_id", uuid(50+i), "faas.coldstart", i < 2), traceA, 10+i, uuid(10+i)))
	}
	batch[2] = failed(batch[2], "", "InternalError", "")

	twice := append(orders(), orders()[0], orders()[2])
	return map[string][]Span{
		"good order": slices.Concat(orders(), consumed(fulfilment(traceA, 20, 83.4), traceA, 3),
			consumed(fulfilment(traceA, 30, 90), traceA, 5), consumed(fulfilment(traceA, 40, 91), traceA, 6)),
		"bad order":         slices.Concat(orders(), consumed(badFulfilment(traceB, 20, 83.4), traceA, 3)),
		"delivered again":   slices.Concat(orders(), consumed(badFulfilment(traceB, 20, 83.4), traceA, 3), consumed(fulfilment(traceB, 30, 30083.4), traceA, 3)),
		"one for several":   slices.Concat(orders(), consumed(fulfilment(traceB, 20, 83.4), traceA, 5, 3, 6)),
		"batch of ten":      batch,
		"unknown link":      consumed(fulfilment(traceB, 20, 83.4), traceA, 3),
		"link partly known": slices.Concat(orders(), consumed(fulfilment(traceB, 20, 83.4), traceA, 3, 900)),
		"missing parent": {
			a("fulfilment", traceA, Server, 2, 77, "fulfilment", 0, 20, "faas.invocation_id", uuid(2)),
		},
		"missing invocation": orders()[1:],
		"parent cycle": {
			a("a", traceA, Server, 1, 2, "a", 0, 10), a("a", traceA, Internal, 2, 1, "inner", 1, 9), a("a", traceA, Client, 3, 3, "self", 2, 3),
		},
		"link cycle": {
			linked(a("a", traceA, Consumer, 1, 0, "a", 0, 10), traceB, 4, "m-2"),
			aws("a", traceA, 2, 1, "SQS.SendMessage", 1, 2, "messaging.destination.name", "q", "messaging.message.id", "m-1"),
			linked(a("b", traceB, Consumer, 3, 0, "b", 5, 20), traceA, 2, "m-1"),
			aws("b", traceB, 4, 3, "SQS.SendMessage", 6, 7, "messaging.destination.name", "p", "messaging.message.id", "m-2"),
		},
		"link to itself": {linked(a("a", traceA, Consumer, 1, 0, "a", 0, 10), traceA, 1, "m-1")},
		"other trace":    slices.Concat(orders()[:3], consumed(fulfilment(traceB, 20, 83.4), traceB, 3)),
		"clock skew":     slices.Concat(orders(), consumed(fulfilment(traceB, 20, 27.5), traceA, 3)),
		"exported twice": twice,
		"separate flows": slices.Concat(fulfilment(traceB, 20, 400), orders()),
		"function to function": {
			a("front", traceA, Server, 1, 0, "GET /", 0, 90, "http.response.status_code", int64(502)),
			a("front", traceA, Client, 2, 1, "GET", 10, 80, "http.request.method", "GET", "url.full", "https://abc.lambda-url.eu-west-1.on.aws/x", "http.response.status_code", int64(502)),
			failed(a("back", traceA, Server, 3, 2, "GET /x", 20, 70, "http.response.status_code", int64(502)), "", "Runtime.ExitError", ""),
			failed(aws("front", traceA, 4, 1, "Lambda.Invoke", 82, 88, "faas.invoked_name", "audit", "error.type", "ConnectTimeout"), "ConnectTimeout", "no answer from ****", pythonStack),
			a("audit", traceA, Server, 5, 4, "audit", 75, 87),
		},
		"hostile text": {
			failed(a("évil\x1b[2J", traceA, Server, 1, 0, "λ\u202eabc\ndef", 0, 90, "afterglow.request.body.content", "{\n  \"a\": 1,\n\t\"b\": \"\x1b]0;title\x07\"\n}"),
				"E\x1b[31m", strings.Repeat("long ", 60), "at x (/var/task/\x1b[0my.js:1:1)"),
			a("évil", traceA, Client, 2, 1, "GET", 1, 2, "http.request.method", "GET", "url.full", "https://example.com/"+strings.Repeat("日本語", 60)),
			a("évil", traceA, Client, 3, 1, "", 1, 2),
			a("", traceB, Unspecified, 4, 0, "", 1, 2),
		},
		"consumer inside its invocation": append(orders(),
			a("fulfilment", traceB, Server, 20, 0, "fulfilment", 90, 200, "faas.invocation_id", uuid(20)),
			linked(a("fulfilment", traceB, Consumer, 21, 20, "orders-queue process", 91, 199,
				"messaging.message.id", uuid(103)), traceA, 3, uuid(103)),
			aws("fulfilment", traceB, 22, 21, "DynamoDB.PutItem", 92, 93, "aws.dynamodb.table_names", []any{"orders"})),
		"parent instead of link": append(orders(),
			linked(a("fulfilment", traceA, Server, 20, 5, "fulfilment", 90, 200, "faas.invocation_id", uuid(20),
				"afterglow.request.body.content", map[string]any{"<a>": []any{int64(1), true, nil}}), traceA, 6, uuid(106))),
		"mask beyond the cut": {
			a("orders", traceA, Server, 1, 0, "orders", 0, 12345,
				"afterglow.request.body.content", `{"lines":[`+strings.Repeat(`{"sku":"book"},`, 20)+`{}],"customer":{"password":"****"},"`+strings.Repeat("x", 90)+`":1}`),
		},
		"cut short": {
			failed(a("slow", traceA, Server, 1, 0, "slow", 0, 3000, "faas.invocation_id", uuid(1), "afterglow.open", true, "error.type", "afterglow.open",
				"afterglow.lost.torn.records", int64(3), "afterglow.dropped.calls", int64(7), "afterglow.dropped.bytes", int64(700)), "", "its end was not seen", ""),
			a("slow", traceA, Client, 2, 1, "GET", -120, -100, "http.request.method", "GET", "url.full", "https://config.example/", "http.response.status_code", int64(200), "afterglow.init", true),
			a("slow", traceA, Client, 3, 1, "GET", 5, 3000, "http.request.method", "GET", "url.full", "https://background.example/", "afterglow.open", true),
			failed(a("slow", traceA, Client, 4, 1, "GET", 10, 3000, "http.request.method", "GET", "url.full", "https://slow.example/", "afterglow.open", true, "error.type", "afterglow.open"), "", "no response was seen", ""),
			failed(a("broken", traceB, Internal, 5, 0, "broken init", 0, 1, "error.type", "ImportError"), "ImportError", "No module named 'x'", ""),
			a("broken", traceB, Client, 6, 5, "GET", 0, 1, "http.request.method", "GET", "url.full", "https://config.example/", "http.response.status_code", int64(200), "afterglow.init", true),
		},
		"nothing": nil,
	}
}

func print(t *testing.T, spans []Span, opt FlowOptions) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteFlow(&out, spans, opt); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (go test -update writes it anew):\n%s", path, got)
	}
}

func TestFlows(t *testing.T) {
	for name, spans := range flowCases() {
		t.Run(name, func(t *testing.T) {
			got := print(t, spans, FlowOptions{Bodies: true})
			golden(t, name, got)
			for text := range strings.Lines(got) {
				if text = strings.TrimSuffix(text, "\n"); width(text) > defaultWidth || strings.TrimRight(text, " ") != text || clean(text) != text {
					t.Errorf("line of %d columns: %q", width(text), text)
				}
			}
		})
	}
}

func TestFlowInColour(t *testing.T) {
	spans := slices.Concat(orders(), consumed(badFulfilment(traceB, 20, 83.4), traceA, 3))
	golden(t, "in colour", print(t, spans, FlowOptions{Color: ColorAlways, Width: 120}))
	if got := print(t, spans, FlowOptions{Color: ColorAuto}); strings.Contains(got, "\x1b") {
		t.Error("coloured although the writer is no terminal")
	}
}

// TestFlowOrderOfArrival: what is printed depends on the spans, not on which extension was the first to export.
func TestFlowOrderOfArrival(t *testing.T) {
	for name, spans := range flowCases() {
		back := slices.Clone(spans)
		slices.Reverse(back)
		count := func(s string) int { return strings.Count(s, "\n") }
		if a, b := print(t, spans, FlowOptions{}), print(t, back, FlowOptions{}); count(a) != count(b) {
			t.Errorf("%s: backwards it reads\n%s", name, b)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteFlowTellsOfAFailedWrite(t *testing.T) {
	if err := WriteFlow(brokenWriter{}, orders(), FlowOptions{}); err == nil {
		t.Error("no error")
	}
}

// FuzzFlows: whatever the ids say, every span is placed exactly once and nothing runs in circles.
func FuzzFlows(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Add([]byte("222111333777"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var spans []Span
		kinds := []Kind{Server, Consumer, Client, Producer, Internal}
		for i := 0; i+3 < len(data) && len(spans) < 64; i += 4 {
			trace := []string{traceA, traceB}[data[i]&1]
			s := a([]string{"x", "y", "z"}[data[i]%3], trace, kinds[data[i]>>1%5], len(spans)+1, int(data[i+1]%20), fmt.Sprintf("n%d;", i), float64(data[i+2]), float64(data[i+2])+1)
			if data[i]&64 != 0 {
				s.Attributes["messaging.message.id"] = fmt.Sprintf("m%d;", i)
			}
			if data[i+3] < 128 {
				s = linked(s, []string{traceA, traceB}[data[i+3]&1], int(data[i+3]%20), "m")
				s = linked(s, traceA, int(data[i+3]%7), "m")
			}
			spans = append(spans, s)
		}
		placed := map[*node]int{}
		var walk func(*node)
		walk = func(n *node) {
			placed[n]++
			for _, c := range n.below {
				walk(c)
			}
		}
		all := 0
		for _, fl := range buildFlows(spans) {
			all += len(fl.nodes)
			for _, root := range fl.roots {
				walk(root)
			}
		}
		if len(placed) != all || all < len(spans) {
			t.Errorf("%d nodes of %d spans, %d reached", all, len(spans), len(placed))
		}
		out := print(t, spans, FlowOptions{Bodies: true})
		for _, span := range spans {
			if !strings.Contains(out, span.Name) && !strings.Contains(out, "message "+messageID(span)) {
				t.Errorf("span %s is not printed:\n%s", span.Name, out)
			}
		}
	})
}

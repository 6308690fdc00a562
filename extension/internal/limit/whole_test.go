package limit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/limit"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

// TestThousandsOfCallsFit: an invocation of calls that are small each is no larger than asked for, and not much smaller either.
func TestThousandsOfCallsFit(t *testing.T) {
	const budget = 512 << 10
	headers := func(n int) (all []event.Header) {
		for i := range n {
			all = append(all, event.Header{Name: fmt.Sprintf("X-Header-%d", i), Value: event.TextOf("value of it")})
		}
		return all
	}
	tests := map[string]func(c *event.Call){
		"nothing else": func(*event.Call) {},
		"headers":      func(c *event.Call) { c.RequestHeaders, c.ResponseHeaders = headers(7), headers(6) },
		"few headers":  func(c *event.Call) { c.RequestHeaders = headers(1) },
		"small bodies": func(c *event.Call) {
			c.Request = event.Body{Data: event.BytesOf([]byte(`{"a":1}`)), Size: 7}
			c.Response = c.Request
		},
		"bodies": func(c *event.Call) {
			c.Request = event.Body{Data: event.BytesOf([]byte(strings.Repeat("a b ", 200))), Size: 800}
			c.Response = c.Request
		},
		"all that hooks see": func(c *event.Call) {
			c.Protocol, c.Peer, c.Library, c.FirstByte, c.Resend = "HTTP/1.1", "10.0.0.1:44321", "http.client", time.Millisecond, 2
			c.RequestHeaders, c.ResponseHeaders = headers(7), headers(6)
			c.Request = event.Body{Data: event.BytesOf([]byte(strings.Repeat("a b ", 200))), Size: 800}
			c.Response = c.Request
		},
		"of AWS": func(c *event.Call) {
			c.Target = event.Target{System: "aws", Service: "DynamoDB", Operation: "PutItem", Resource: "orders", Region: "eu-central-1", RequestID: "6d68ca91-49c9-448d-89b8-000000000000"}
			c.Status = 200
		},
		"of batches": func(c *event.Call) {
			c.Target = event.Target{System: "aws", Service: "SQS", Operation: "SendMessageBatch", Resource: "orders", Batch: true, Attributes: []event.Attribute{{Name: "messaging.system", Value: "aws_sqs"}}}
			for n := range 10 {
				c.Target.Messages = append(c.Target.Messages, event.Message{Destination: "orders", Span: event.SpanID{3, byte(n)}, Attributes: []event.Attribute{{Name: "messaging.message.id", Value: "6d68ca91-49c9-448d-89b8-000000000000"}}})
			}
		},
		"without an answer": func(c *event.Call) { c.Status, c.Open = 0, true },
		"failed": func(c *event.Call) {
			c.Status, c.Error = 0, &event.Error{Type: "ConnectionRefusedError", Message: event.TextOf("refused")}
		},
		"refused": func(c *event.Call) { c.Status = 503 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			inv := event.Invocation{ID: "6d68ca91-49c9-448d-89b8-000000000000", ARN: "arn:aws:lambda:eu-central-1:123456789012:function:orders"}
			for n := range 4000 {
				c := event.Call{ID: fmt.Sprintf("17-%d", n), Method: "GET", URL: event.TextOf("https://shop.example.com/orders"), Status: 200, Identity: event.Identity{Span: event.SpanID{2, byte(n)}, Parent: event.SpanID{1}, Trace: event.TraceID{1}}, Start: time.Unix(1_750_000_000, 0)}
				change(&c)
				inv.Calls = append(inv.Calls, c)
			}
			got := limit.Apply(mask.New(mask.Options{}).Apply(inv), limit.Limits{FieldBytes: 2048, CallBytes: 65536, InvocationBytes: budget})
			n := len(otlp.AppendRequest(nil, new(span.Builder).Build(got, span.Resource{})))
			if n > budget || n < budget*7/10 {
				t.Errorf("%d bytes of %d with %d calls", n, budget, len(got.Calls))
			}
			t.Logf("%d bytes of %d with %d calls", n, budget, len(got.Calls))
		})
	}
}

// TestWhatIsExportedFits: whatever is large, an invocation's request is no larger than asked for, and neither is that of a call, which a failed one may be twice;
// what had to go is counted; the invocation's own span and that of the call that failed stay.
func TestWhatIsExportedFits(t *testing.T) {
	long := strings.Repeat("long word ", 6000)
	text := event.TextOf(long)
	failure := func() *event.Error { return &event.Error{Type: long, Message: text, Stack: text} }
	call := func(change func(c *event.Call)) event.Invocation {
		c := event.Call{ID: "17-1", Method: "POST", URL: event.TextOf("https://h.example.com/"), Status: 500, Identity: event.Identity{Span: event.SpanID{2}}}
		change(&c)
		return event.Invocation{ID: "A", Calls: []event.Call{c}}
	}
	var messages []event.Message
	var attributes []event.Attribute
	var links []event.Link
	for n := range 500 {
		id := event.TextOf(fmt.Sprintf("shardId-%012d:4959033827149025660855969253836157109592157598%08d", n, n))
		messages = append(messages, event.Message{Key: event.Key{ID: "x"}, Destination: "stream", Span: event.SpanID{1, byte(n), byte(n >> 8)}, Attributes: []event.Attribute{{Name: "messaging.message.id", Value: id}}})
		if n >= 100 {
			continue
		}
		attributes = append(attributes, event.Attribute{Name: fmt.Sprint("a", n), Value: text})
		links = append(links, event.Link{Attributes: []event.Attribute{{Name: "a", Value: text}}})
	}
	usual := limit.Limits{FieldBytes: 2048, CallBytes: 16384, InvocationBytes: 65536}
	small := limit.Limits{FieldBytes: 1 << 20, CallBytes: 1024, InvocationBytes: 16384}
	tests := []struct {
		name string
		inv  event.Invocation
	}{
		{"error", event.Invocation{Error: failure()}},
		{"id", event.Invocation{ID: long, ARN: long}},
		{"tenant", event.Invocation{Tenant: long}},
		{"trigger", event.Invocation{Trigger: event.Trigger{Source: long, Kind: long, Name: long}}},
		{"trigger of HTTP", event.Invocation{Trigger: event.Trigger{HTTP: true, Name: long}}},
		{"attributes", event.Invocation{Trigger: event.Trigger{Attributes: attributes}}},
		{"links", event.Invocation{Identity: event.Identity{Links: links}}},
		{"what Lambda told", event.Invocation{Platform: event.Platform{Status: long, ErrorType: long, Report: &event.Report{Status: long, ErrorType: long}, Init: &event.Init{Type: long, Phase: long}}}},
		{"call's method", call(func(c *event.Call) { c.Method = long })},
		{"call's host", call(func(c *event.Call) { c.URL = event.TextOf("https://" + strings.ReplaceAll(long, " ", ".") + "/") })},
		{"call's path", call(func(c *event.Call) { c.URL = event.TextOf("https://h/" + strings.ReplaceAll(long, " ", "/")) })},
		{"call's error", call(func(c *event.Call) { c.Error = failure() })},
		{"call's protocol", call(func(c *event.Call) { c.Protocol, c.Peer, c.Library = long+"/"+long, long, long })},
		{"call's target", call(func(c *event.Call) {
			c.Target = event.Target{System: "aws", Service: long, Operation: long, Resource: long, Region: long, RequestID: long, Fault: long}
		})},
		{"call's attributes", call(func(c *event.Call) { c.Target.Attributes = attributes })},
		{"call's headers", call(func(c *event.Call) { c.RequestHeaders = []event.Header{{Name: long, Value: text}} })},
		{"call's links", call(func(c *event.Call) { c.Identity.Links = links })},
		{"call of a batch", call(func(c *event.Call) { c.Target.Batch, c.Target.Messages = true, messages })},
		{"call of a batch to a long name", call(func(c *event.Call) {
			c.Target.Batch, c.Target.Messages = true, []event.Message{{Destination: long, Span: event.SpanID{1}, Attributes: attributes}}
		})},
		{"everything", event.Invocation{ID: long, Error: failure(), Trigger: event.Trigger{Attributes: attributes}, Calls: call(func(c *event.Call) {
			c.Error, c.Target.Attributes, c.Target.Batch, c.Target.Messages = failure(), attributes, true, messages
		}).Calls}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, l := range map[string]limit.Limits{"usual": usual, "small": small} {
				got := limit.Apply(mask.New(mask.Options{}).Apply(test.inv), l)
				if n := len(otlp.AppendRequest(nil, new(span.Builder).Build(got, span.Resource{}))); n > l.InvocationBytes {
					t.Errorf("%s: %d bytes", name, n)
				}
				if len(got.Calls) != len(test.inv.Calls) {
					t.Fatalf("%s: %d calls are left", name, len(got.Calls))
				}
				for _, c := range got.Calls {
					alone := got
					alone.Late = true // without its own span
					// What leastField keeps of each field of the smallest call, and its names, take some 3 KiB.
					if n := len(otlp.AppendRequest(nil, new(span.Builder).Build(alone, span.Resource{}))); n > max(2*l.CallBytes, 3<<10) {
						t.Errorf("%s: the call has %d bytes", name, n)
					}
					if gone := len(test.inv.Calls[0].Target.Messages) - len(c.Target.Messages); c.Dropped.Messages != gone || len(test.inv.Calls[0].Target.Attributes)-len(c.Target.Attributes) != c.Dropped.Attributes {
						t.Errorf("%s: %d messages are gone, dropped %+v", name, gone, c.Dropped)
					}
				}
			}
		})
	}
}

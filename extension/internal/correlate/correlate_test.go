package correlate

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const (
	request = "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa"
	root    = "Root=1-5759e988-bd862e3fe1be46a994272793"
	trace   = "5759e988bd862e3fe1be46a994272793"
)

func hexOf[T event.SpanID | event.TraceID](id T) string { return fmt.Sprintf("%x", id) }

// TestDerivation pins the bytes: two versions of the extension that derive differently do not find each other.
func TestDerivation(t *testing.T) {
	if got := hexOf(spanID(event.Key{Space: "aws_sqs", ID: "219f8380-5770-4cc2-8c3e-5c715e145f5e"})); got != "bd90d62e399fbb6b" {
		t.Errorf("span %s", got)
	}
	if got := hexOf(traceID(request)); got != "3c52e47040a8a6eb6274da76f6990dde" {
		t.Errorf("trace %s", got)
	}
	if spanID(event.Key{Space: "a", ID: "bc"}) == spanID(event.Key{Space: "ab", ID: "c"}) {
		t.Error("space and id run into each other")
	}
}

func TestTrace(t *testing.T) {
	tests := []struct {
		name, lambda, event string
		want                string // "" : derived
	}{
		{"root alone", root, "", trace},
		{"unsampled", root + ";Parent=53995c3f42cd8ad8;Sampled=0", "", trace},
		{"unknown keys, other order", "Self=1-67891234-12456789abcdef012345678;Lineage=a:0|b:1;Sampled=?;" + root, "", trace},
		{"white space and case", " root=1-5759e988-bd862e3fe1be46a994272793 ; Sampled=1", "", trace},
		{"of the event", "", root, trace},
		{"Lambda's goes first", root, "Root=1-00000000-000000000000000000000001", trace},
		{"Lambda's is damaged", "Root=1-5759e988", root, trace},
		{"none", "", "", ""},
		{"no root", "Parent=53995c3f42cd8ad8;Sampled=1", "", ""},
		{"root too short", "Root=1-5759e988-bd862e3fe1be46a99427279", "", ""},
		{"root not hex", "Root=1-5759e988-bd862e3fe1be46a99427279x", "", ""},
		{"root of another version", "Root=2-5759e988-bd862e3fe1be46a994272793", "", ""},
		{"zero root", "Root=1-00000000-000000000000000000000000", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := event.Invocation{ID: request, Trace: test.lambda, Trigger: event.Trigger{Trace: test.event}}
			Apply(&inv, Environment{Instance: "i"})
			want := test.want
			if want == "" {
				want = hexOf(traceID(request))
			}
			if got := hexOf(inv.Identity.Trace); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if !inv.Identity.Parent.IsZero() {
				t.Errorf("has a parent: %x", inv.Identity.Parent)
			}
		})
	}
}

func TestEverySecondExportHasTheSameIDs(t *testing.T) {
	make := func(instance string) event.Invocation {
		inv := event.Invocation{
			ID:      request,
			Process: event.Process{Env: map[string]string{logStream: "2026/01/01/[$LATEST]abc"}},
			Calls:   []event.Call{{ID: "17-1"}, {ID: "17-2", Target: event.Target{Key: &event.Key{Space: "aws_sqs", ID: "m"}}}},
		}
		Apply(&inv, Environment{Instance: instance})
		return inv
	}
	if a, b := make("one process"), make("the next process"); !reflect.DeepEqual(a, b) {
		t.Errorf("%v\n%v", a.Identity, b.Identity)
	}
}

func TestWhatHasNoRequestIDDiffersByEnvironment(t *testing.T) {
	seen := map[event.TraceID]string{}
	for _, inv := range []event.Invocation{
		{ID: "init", Process: event.Process{PID: 1}}, {ID: "init", Process: event.Process{PID: 2}}, {ID: "none", Process: event.Process{PID: 1}},
		{ID: "init", Process: event.Process{PID: 1, Env: map[string]string{logStream: "s"}}}, {},
	} {
		Apply(&inv, Environment{Instance: "i"})
		if who := fmt.Sprintf("%s/%d/%v", inv.ID, inv.Process.PID, inv.Process.Env); seen[inv.Identity.Trace] != "" {
			t.Errorf("%s and %s share a trace", who, seen[inv.Identity.Trace])
		} else {
			seen[inv.Identity.Trace] = who
		}
	}
}

// TestProducerAndConsumerAgree is the point of the whole: what the sending side calls the message's span is what the receiving side links to.
func TestProducerAndConsumerAgree(t *testing.T) {
	key := func(id string) event.Key { return event.Key{Space: "aws_sqs", ID: id} }
	single := key("m1")
	producer := event.Invocation{ID: request, Trace: root, Calls: []event.Call{
		{ID: "17-1", Target: event.Target{Key: &single, Messages: []event.Message{{Key: single}}}},
		{ID: "17-2", Target: event.Target{Batch: true, Messages: []event.Message{{Key: key("m2")}, {Key: key("m3")}}}},
	}}
	Apply(&producer, Environment{Instance: "a"})
	consumer := event.Invocation{ID: "0f6e4a3c-2f25-4d1e-9d0c-5b8f4e1c7a11", Trigger: event.Trigger{Messages: []event.Message{
		{Key: key("m1"), Trace: root + ";Sampled=0"}, {Key: key("m2"), Trace: root}, {Key: key("m3")},
	}}}
	Apply(&consumer, Environment{Instance: "b"})

	batch := producer.Calls[1]
	want := []event.SpanID{producer.Calls[0].Identity.Span, batch.Target.Messages[0].Span, batch.Target.Messages[1].Span}
	links := consumer.Identity.Links
	if len(links) != len(want) {
		t.Fatalf("%d links, want %d", len(links), len(want))
	}
	for i, l := range links {
		if l.Span != want[i] || l.Span.IsZero() {
			t.Errorf("link %d leads to %x, want %x", i, l.Span, want[i])
		}
	}
	if links[0].Trace != producer.Identity.Trace || links[1].Trace != producer.Identity.Trace {
		t.Errorf("links lead into %x and %x, want %x", links[0].Trace, links[1].Trace, producer.Identity.Trace)
	}
	if links[2].Trace != consumer.Identity.Trace {
		t.Errorf("without a trace header the link leads into %x, want the consumer's own %x", links[2].Trace, consumer.Identity.Trace)
	}
	for _, c := range producer.Calls {
		if c.Identity.Parent != producer.Identity.Span || c.Identity.Trace != producer.Identity.Trace {
			t.Errorf("call %s is not below its invocation", c.ID)
		}
	}
	if s := batch.Identity.Span; s == want[1] || s == want[2] {
		t.Error("the batch's call has the span of one of its messages")
	}
}

func TestHTTPCallerIsLinked(t *testing.T) {
	key := event.Key{Space: "request", ID: "e1506fd5-9e7b-434f-bd42-4f8fa224b599"}
	caller := event.Invocation{ID: request, Calls: []event.Call{{ID: "17-1", Target: event.Target{Key: &key}}}}
	Apply(&caller, Environment{})
	// A function URL's request id is the invocation's own.
	callee := event.Invocation{ID: key.ID, Trigger: event.Trigger{HTTP: true, Upstream: &key}}
	Apply(&callee, Environment{})
	if len(callee.Identity.Links) != 1 || callee.Identity.Links[0].Span != caller.Calls[0].Identity.Span {
		t.Errorf("links %v, want one to %x", callee.Identity.Links, caller.Calls[0].Identity.Span)
	}
	if callee.Identity.Span == caller.Calls[0].Identity.Span {
		t.Error("the invocation has its caller's span")
	}
}

func TestNoSpanTwice(t *testing.T) {
	key := event.Key{Space: "aws_sqs", ID: "the same"}
	message := []event.Message{{Key: key}}
	inv := event.Invocation{ID: request, Calls: []event.Call{
		{ID: "17-1", Target: event.Target{Key: &key, Messages: message}},
		{ID: "17-2", Target: event.Target{Key: &key, Messages: []event.Message{{Key: key}}}},
		{ID: "17-3", Target: event.Target{Batch: true, Messages: []event.Message{{Key: key}, {Key: event.Key{Space: "aws_sqs", ID: "x"}}, {Key: event.Key{Space: "aws_sqs", ID: "x"}}}}},
		{ID: "17-4"}, {ID: "17-5"},
	}}
	Apply(&inv, Environment{})
	seen := map[event.SpanID]bool{inv.Identity.Span: true}
	for _, c := range inv.Calls {
		if seen[c.Identity.Span] || c.Identity.Span.IsZero() {
			t.Errorf("call %s: span %x is taken", c.ID, c.Identity.Span)
		}
		seen[c.Identity.Span] = true
	}
	if b := inv.Calls[2].Target.Messages; !b[0].Span.IsZero() || b[1].Span.IsZero() || !b[2].Span.IsZero() {
		t.Errorf("messages of the batch have the spans %v", b)
	}
}

func FuzzParseRoot(f *testing.F) {
	f.Add(root + ";Parent=53995c3f42cd8ad8;Sampled=1")
	f.Add("Root=;=;;")
	f.Fuzz(func(t *testing.T, header string) {
		if id, ok := parseRoot(header); ok == id.IsZero() {
			t.Errorf("%q: %s, %v", header, hex.EncodeToString(id[:]), ok)
		}
	})
}

// TestAttemptsAreApart: a second attempt at an asynchronous invocation has the same request id, and may run in the same environment after a reset, where ids of
// processes, and so of calls, come again.
func TestAttemptsAreApart(t *testing.T) {
	attempt := func(deadline int64) event.Invocation {
		inv := event.Invocation{ID: request, Deadline: time.UnixMilli(deadline), Calls: []event.Call{{ID: "17-1"}}}
		Apply(&inv, Environment{Instance: "i"})
		return inv
	}
	first, again, second := attempt(1_000), attempt(1_000), attempt(61_000)
	if first.Identity.Span != again.Identity.Span || first.Calls[0].Identity.Span != again.Calls[0].Identity.Span {
		t.Error("the same attempt has other ids when it is exported again")
	}
	if first.Identity.Span == second.Identity.Span || first.Calls[0].Identity.Span == second.Calls[0].Identity.Span {
		t.Error("the second attempt has the ids of the first")
	}
	if first.Identity.Trace != second.Identity.Trace {
		t.Error("attempts are in different traces")
	}
}

// TestSetUpsAreApart: one that fails is tried again at once, in a process that may have the same id.
func TestSetUpsAreApart(t *testing.T) {
	setUp := func(at int64) event.SpanID {
		inv := event.Invocation{ID: "init", Start: time.UnixMicro(at), Process: event.Process{PID: 17}}
		Apply(&inv, Environment{Instance: "i"})
		return inv.Identity.Span
	}
	first, again, second := setUp(1), setUp(1), setUp(2)
	if first != again || first == second {
		t.Error("ids of set-ups are not told by their time")
	}
}

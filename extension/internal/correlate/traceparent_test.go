package correlate

import (
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// TestTraceparent: a caller and a callee that no id of AWS joins find each other by the header that passed between them.
func TestTraceparent(t *testing.T) {
	parent := event.Parent{Trace: event.TraceID{1}, Span: event.SpanID{2}}
	id := &event.Key{Space: "request", ID: "e1506fd5-9e7b-434f-bd42-4f8fa224b599"}
	for _, test := range []struct {
		name     string
		call     event.Call
		upstream *event.Key
	}{
		{"of a tracer of the function's", event.Call{Target: event.Target{Parent: parent}}, nil},
		{"of the hook", event.Call{Target: event.Target{Parent: parent}, Sent: parent.Span}, nil},
		{"of a tracer, and a request id", event.Call{Target: event.Target{Parent: parent, Key: id}}, id},
		{"of the hook, and a request id", event.Call{Target: event.Target{Parent: parent, Key: id}, Sent: parent.Span}, id},
	} {
		t.Run(test.name, func(t *testing.T) {
			caller := event.Invocation{ID: request, Calls: []event.Call{test.call}}
			Apply(&caller, Environment{})
			callee := event.Invocation{ID: "0f6e4a3c-2f25-4d1e-9d0c-5b8f4e1c7a11", Trigger: event.Trigger{HTTP: true, Parent: parent, Upstream: test.upstream}}
			Apply(&callee, Environment{})
			span := caller.Calls[0].Identity.Span
			if ours := span == parent.Span; ours != !test.call.Sent.IsZero() {
				t.Errorf("the call's span is the one of the header: %v", ours)
			}
			toCall, toParent := false, false
			for _, l := range callee.Identity.Links {
				toCall = toCall || l.Span == span
				toParent = toParent || l.Span == parent.Span && l.Trace == parent.Trace
			}
			if len(callee.Identity.Links) != 2 || !toCall || !toParent {
				t.Errorf("links %x, want one to the call %x and one to the header's %x", callee.Identity.Links, span, parent.Span)
			}
		})
	}
}

// TestSentSpanTwice: two calls cannot have one span, whatever a hook says.
func TestSentSpanTwice(t *testing.T) {
	sent := event.SpanID{2}
	inv := event.Invocation{ID: request, Calls: []event.Call{{ID: "17-1", Sent: sent}, {ID: "17-2", Sent: sent}}}
	Apply(&inv, Environment{})
	if a, b := inv.Calls[0].Identity.Span, inv.Calls[1].Identity.Span; a != sent || b == sent || b.IsZero() {
		t.Errorf("spans %x and %x", a, b)
	}
}

// Package correlate places an invocation and its calls in a flow: it gives each a trace, a span, a parent and links.
//
// It takes an event.Invocation that enrich has been over, because identities are derived from the ids that enrich recognised: the
// sender's extension and the receiver's find the same id, in a response and in an event, and so derive the same span without a header having
// been added to any request. It fills Identity of the invocation and of its calls, and Span of messages.
//
// It promises: the same records give the same ids, however often and by whichever process they are exported; no id is zero; no two
// spans of an invocation have the same one; nothing here depends on whether X-Ray samples.
//
// # Trace
//
// The trace is X-Ray's Root, which AWS already carries from service to service. Without one it is derived from the request id: as good as drawn
// at random, since AWS drew the request id, and the same when an invocation is exported a second time.
//
// # Parent or link
//
// An invocation has no parent. Its cause is at the end of a link:
//
//   - A batch has many causes, and a span has one parent.
//   - Whoever called an HTTP API may well not be traced at all. A parent that never arrives makes backends show a broken trace, or hold it
//     back; a link that leads nowhere is a line nobody clicks.
//   - The Parent in X-Ray's header is a segment that goes to X-Ray and to no collector.
//   - The caller's trace is known only if its request carried one. A parent in another trace is not a parent.
//
// Where both sides saw the same Root, a link and what it leads to are in one trace and backends show them together.
package correlate

import (
	"fmt"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// Environment is what tells this execution environment from every other.
type Environment struct {
	Instance string // drawn once per extension process; used where the hook did not report the log stream
}

// logStream is unique for each execution environment, and known to every process in it, after a reset too.
const logStream = "AWS_LAMBDA_LOG_STREAM_NAME"

// Spaces of ids that only this package derives spans from.
const (
	spaceTrace      = "trace"
	spaceInvocation = "invocation" // not "request": the span of a call that was answered with this request id is another one
	spaceCall       = "call"

	spaceTraceparent = "traceparent" // trace-span
)

// Apply fills Identity of the invocation and of its calls, and Span of messages.
func Apply(inv *event.Invocation, env Environment) {
	instance := env.Instance
	if stream := inv.Process.Env[logStream]; stream != "" {
		instance = stream
	}
	name := invocationName(inv, instance)
	inv.Identity = event.Identity{Trace: traceOf(inv, instance), Span: spanID(event.Key{Space: spaceInvocation, ID: name})}
	link(inv)
	taken := map[event.SpanID]bool{inv.Identity.Span: true}
	for i := range inv.Calls {
		c := &inv.Calls[i]
		identify(c, inv.Identity, event.Key{Space: spaceCall, ID: instance + "/" + name + "/" + c.ID}, taken)
	}
}

// invocationName gives what no other invocation is called. A second attempt at an asynchronous one has the same request id, here or in another environment, and
// another deadline, which Lambda tells hook and extension alike. Where a hook's first record is lost and the next process exports the rest, the deadline is not
// known and the name is another one. Where nobody knows it, as on Managed Instances without a hook, which are not announced, the attempt's beginning takes its place.
func invocationName(inv *event.Invocation, instance string) string {
	name := requestName(inv, instance)
	switch {
	case !inv.Deadline.IsZero():
		name += fmt.Sprintf("/%d", inv.Deadline.UnixMilli())
	case !inv.Attempt.IsZero():
		name += fmt.Sprintf("/from/%d", inv.Attempt.UnixMicro())
	}
	return name
}

// requestName gives what all attempts at an invocation are called. What runs outside of one (while the environment is set up, or in a process that cannot
// know) has no request id and is named by its environment, process and time: after a reset a process may have the id of an earlier one.
func requestName(inv *event.Invocation, instance string) string {
	switch inv.ID {
	default:
		return inv.ID
	case "", "init", "none":
	}
	first := ""
	if len(inv.Calls) > 0 {
		first = inv.Calls[0].ID
	}
	name := fmt.Sprintf("%s/%s/%d/%s", instance, inv.ID, inv.Process.PID, first)
	if !inv.Start.IsZero() {
		name += fmt.Sprintf("/%d", inv.Start.UnixMicro())
	}
	return name
}

// traceOf gives the trace of the header that Lambda gave, else of the one that the event carries, else one of its own, which all attempts share.
func traceOf(inv *event.Invocation, instance string) event.TraceID {
	for _, header := range [...]string{inv.Trace, inv.Trigger.Trace} {
		if id, ok := parseRoot(header); ok {
			return id
		}
	}
	return traceID(requestName(inv, instance))
}

// link leads from the invocation to what caused it: the sender's span of every message, and the caller's request.
func link(inv *event.Invocation) {
	add := func(key event.Key, trace string, attributes []event.Attribute) event.SpanID {
		l := event.Link{Trace: inv.Identity.Trace, Span: spanID(key), Attributes: attributes}
		if id, ok := parseRoot(trace); ok {
			l.Trace = id
		}
		inv.Identity.Links = append(inv.Identity.Links, l)
		return l.Span
	}
	for i := range inv.Trigger.Messages {
		m := &inv.Trigger.Messages[i]
		m.Span = add(m.Key, m.Trace, m.Attributes)
	}
	if key := inv.Trigger.Upstream; key != nil {
		add(*key, inv.Trigger.Trace, nil)
	}
	if parent := inv.Trigger.Parent; !parent.Span.IsZero() {
		inv.Identity.Links = append(inv.Identity.Links, event.Link{Trace: parent.Trace, Span: parent.Span})
		if inv.Trigger.Upstream == nil { // which both sides would see
			add(keyOf(parent), inv.Trigger.Trace, nil)
		}
	}
}

// keyOf makes a key of a traceparent that both sides saw: of a tracer in the sender's function. Its span is of that tracer's making, the call's span is another.
func keyOf(p event.Parent) event.Key {
	return event.Key{Space: spaceTraceparent, ID: fmt.Sprintf("%x-%x", p.Trace, p.Span)}
}

// identify gives a call its span: the one that its request names as its parent, the one that the receiving side will derive, if the call has such an id, else its own. taken holds the
// spans that exist already: a FIFO queue answers a repeated message with the id of the first.
func identify(c *event.Call, parent event.Identity, own event.Key, taken map[event.SpanID]bool) {
	c.Identity = event.Identity{Trace: parent.Trace, Parent: parent.Span, Span: spanID(own)}
	shared := c.Sent
	switch {
	case !shared.IsZero():
	case c.Target.Key != nil:
		shared = spanID(*c.Target.Key)
	case !c.Target.Parent.Span.IsZero() && !c.Target.Batch:
		shared = spanID(keyOf(c.Target.Parent))
	}
	if !shared.IsZero() && !taken[shared] {
		c.Identity.Span = shared
	}
	taken[c.Identity.Span] = true
	for i := range c.Target.Messages {
		m := &c.Target.Messages[i]
		m.Span = spanID(m.Key)
		if c.Target.Batch && taken[m.Span] {
			m.Span = event.SpanID{} // has a span already
		}
		taken[m.Span] = true
	}
}

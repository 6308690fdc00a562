package limit

import (
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
)

// What a span, an attribute and a link cost beside their texts: ids, times, tags and names as they are encoded, rounded up.
const (
	spanBytes      = 80
	invocationSpan = 256 // with the attributes that every one of them has
	attributeBytes = 16
	eventBytes     = 104 // of an exception
	noteBytes      = 42  // an attribute that counts what is missing
	linkBytes      = 48
	lossBytes      = 160 // two attributes that tell its reason in their names
	messageBytes   = 224 // a span with fewer attributes than others
)

// sacrifice leaves out parts of an invocation until no more than budget bytes are left: bodies of calls, then their headers, then calls. Those that went well
// go before those that failed, and those without messages, which nobody links to, before those with. What is left to go then is the failing call's, and the
// function's own content, and links at last; the function's span and its error stay.
func sacrifice(inv *mask.Invocation, budget int) {
	total := size(inv)
	if total <= budget {
		return
	}
	total += 5 * noteBytes // for what has to be said of calls that go, and of their parts that went before
	failing := failingCall(inv.Calls)
	dropped := make([]bool, len(inv.Calls))
	each := func(failed bool, drop func(i int) int) {
		for i := range inv.Calls {
			if total <= budget {
				return
			}
			if i != failing && !dropped[i] && inv.Calls[i].Failed() == failed {
				total -= drop(i)
			}
		}
	}
	bodies := func(i int) int { return dropBodies(&inv.Calls[i]) }
	headers := func(i int) int { return dropHeaders(&inv.Calls[i]) }
	calls := func(linked bool) func(int) int {
		return func(i int) int {
			c := &inv.Calls[i]
			if len(c.Target.Messages) > 0 != linked {
				return 0
			}
			dropped[i] = true
			n := callSize(c)
			inv.Dropped.Calls++
			inv.Dropped.Add(c.Dropped)
			inv.Dropped.Bytes += int64(n)
			return n
		}
	}
	each(false, bodies)
	each(false, headers)
	each(false, calls(false))
	each(true, bodies)
	each(true, headers)
	each(false, calls(true))
	each(true, calls(false))
	each(true, calls(true))
	total -= sacrificeRest(inv, failing, total-budget)
	var left []mask.Call
	for i, c := range inv.Calls {
		if !dropped[i] {
			left = append(left, c)
		}
	}
	inv.Calls = left
	if total > budget {
		squeeze(inv, budget)
	}
}

// sacrificeRest leaves out what goes last, until so many bytes are gone: the failing call's, the function's own content, links.
func sacrificeRest(inv *mask.Invocation, failing, surplus int) (gone int) {
	if surplus > 0 && failing >= 0 {
		c := &inv.Calls[failing]
		for _, drop := range [...]func() int{
			func() int { return dropBodies(c) }, func() int { return dropHeaders(c) }, func() int { return dropMessages(c, surplus-gone) },
		} {
			if gone < surplus {
				gone += drop()
			}
		}
	}
	for _, b := range [...]*mask.Body{&inv.Response, &inv.Event} {
		if gone < surplus {
			gone += dropBody(b, &inv.Dropped)
		}
	}
	return gone + dropLinks(&inv.Links, surplus-gone, &inv.Dropped) // thousands of messages in one event
}

// shrinkCall leaves out parts of a call until no more than budget bytes are left: first the response's body, most of which is told by its size and status,
// then the request's, then headers, then messages of a batch. What it was and how it ended stays, however short.
func shrinkCall(c *mask.Call, budget int) {
	if c.Failed() {
		budget *= failureFactor
	}
	total := callSize(c)
	for _, b := range [...]*mask.Body{&c.Response, &c.Request} {
		if total > budget {
			dropBody(b, &c.Dropped)
			total = callSize(c)
		}
	}
	if total > budget {
		total -= dropHeaders(c)
	}
	if total > budget {
		total -= dropMessages(c, total-budget)
	}
	if total > budget {
		squeezeCall(c, budget)
	}
}

// failingCall is the last call that went wrong, which is most likely why the function did; -1 if there is none.
func failingCall(calls []mask.Call) int {
	for i, c := range slices.Backward(calls) {
		if c.Failed() {
			return i
		}
	}
	return -1
}

// dropBodies leaves out both bodies, and tells what that saves.
func dropBodies(c *mask.Call) (gone int) {
	before := callSize(c)
	dropBody(&c.Request, &c.Dropped)
	dropBody(&c.Response, &c.Dropped)
	return before - callSize(c)
}

// bodyNotes is what has to be said of a body that is left out: that it is not the whole, how many there are, and their bytes.
const bodyNotes = 3 * noteBytes

// dropBody leaves out a body, unless it takes less than what has to be said of it then.
func dropBody(b *mask.Body, d *mask.Dropped) (gone int) {
	n := b.Text.Len()
	if n <= bodyNotes {
		return 0
	}
	*b = mask.Body{Size: b.Size, Truncated: true, Hidden: b.Hidden}
	d.Bodies++
	d.Bytes += int64(n)
	return n - bodyNotes
}

// dropHeaders leaves out headers, unless they take less than what has to be said of them then.
func dropHeaders(c *mask.Call) (gone int) {
	before := callSize(c)
	n := headersSize(c.RequestHeaders) + headersSize(c.ResponseHeaders)
	if n <= 2*noteBytes {
		return 0
	}
	c.Dropped.Headers += len(c.RequestHeaders) + len(c.ResponseHeaders)
	c.Dropped.Bytes += int64(n)
	c.RequestHeaders, c.ResponseHeaders = nil, nil
	return before - callSize(c)
}

// size estimates what an invocation takes in an export, before compression.
func size(inv *mask.Invocation) int {
	n := invocationSpan + notesSize(inv.Dropped) + lossBytes*len(inv.Lost) + namesSize(inv) + inv.Event.Text.Len() + inv.Response.Text.Len() + errorSize(inv.Error) + attributesSize(inv.Trigger.Attributes) + linksSize(inv.Links)
	for i := range inv.Calls {
		n += callSize(&inv.Calls[i])
	}
	return n
}

func callSize(c *mask.Call) int {
	n := spanBytes + fieldsSize(c) + namesSizeOfCall(c) + c.URL.Len() + c.Request.Text.Len() + c.Response.Text.Len() + errorSize(c.Error) + attributesSize(c.Target.Attributes) +
		headersSize(c.RequestHeaders) + headersSize(c.ResponseHeaders) + linksSize(c.Links)
	if c.Target.Batch {
		for i := range c.Target.Messages {
			n += messageSize(&c.Target.Messages[i])
		}
	}
	return n
}

func messageSize(m *mask.Message) int {
	return messageBytes + 2*m.Destination.Len() + attributesSize(m.Attributes) // its name tells the destination once more
}

// fieldsSize is what the attributes take that package span makes of a call's own fields, beside their texts: in a thousand calls there may be nothing else.
func fieldsSize(c *mask.Call) (n int) {
	t := &c.Target
	for _, field := range [...]struct {
		is    bool
		bytes int // its name, and what is around it
	}{
		{true, 27}, {c.Library.Len() > 0, 25}, {c.URL.Len() > 0, 16}, {c.URL.Len() > 0, 22 + 24}, // the server's address and port are attributes as well
		{c.Protocol.Len() > 0, 29 + 32}, {c.Peer.Len() > 0, 28 + 29},
		{t.System.Len() > 0, 25 + 30}, {t.Service.Len() > 0, 19}, {t.Operation.Len() > 0, 18}, {t.Region.Len() > 0, 20}, {t.RequestID.Len() > 0, 22},
		{c.Request.Text.Len() > 0, 40}, {c.Request.Size > 0, 36}, {c.Request.Truncated, 43}, {c.Request.Hidden.Len() > 0, 37 + c.Request.Hidden.Len()},
		{c.Response.Text.Len() > 0, 40}, {c.Response.Size > 0, 37}, {c.Response.Truncated, 44}, {c.Response.Hidden.Len() > 0, 38 + c.Response.Hidden.Len()},
		{c.Status > 0, 37}, {c.Resend > 0, 38}, {c.FirstByte > 0, 46}, {c.Open, 25}, {c.EndMissing, 31}, {c.Partial, 27}, {c.Init, 24},
		{c.Failed(), 18 + 16}, {c.Open, 24}, // error.type, and the span's status with what it says of a call without an end
	} {
		if field.is {
			n += field.bytes
		}
	}
	return n + notesSize(c.Dropped)
}

// notesSize is what it takes to say what is missing.
func notesSize(d mask.Dropped) (n int) {
	for _, count := range [...]int{d.Unknown, d.Bodies, d.Headers, d.Attributes, d.Links, d.Messages, d.Calls, d.Lines, int(d.Bytes)} {
		if count > 0 {
			n += noteBytes
		}
	}
	return n
}

// usualNames is what names take of an invocation in nearly all cases, which is in invocationSpan.
const usualNames = 96

// namesSize is what the names of an invocation take beyond the usual.
func namesSize(inv *mask.Invocation) int {
	n := inv.ID.Len() + 2*inv.ARN.Len() + inv.Tenant.Len() + inv.Trigger.Source.Len() + inv.Trigger.Kind.Len() + inv.Trigger.Name.Len() +
		inv.Platform.Status.Len() + inv.Platform.ErrorType.Len()
	if i := inv.Platform.Init; i != nil {
		n += i.Type.Len() + i.Phase.Len()
	}
	return max(0, n-usualNames)
}

// namesSizeOfCall counts twice what stands in the span's name as well.
func namesSizeOfCall(c *mask.Call) int {
	t := &c.Target
	return c.Library.Len() + 2*c.Method.Len() + c.Protocol.Len() + c.Peer.Len() + 2*(t.Service.Len()+t.Operation.Len()) + t.Resource.Len() + t.Region.Len() + t.RequestID.Len() +
		t.Fault.Len() + hostSize(c.URL.String())
}

// hostSize is the length of a URL's host, which is an attribute of its own.
func hostSize(url string) int {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return 0
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return end
	}
	return len(rest)
}

func errorSize(e *mask.Error) int {
	if e == nil {
		return 0
	}
	return eventBytes + 2*e.Message.Len() + e.Stack.Len() + 2*e.Type.Len() // the message is the span's status too, the type its error.type
}

func headersSize(headers []mask.Header) int {
	n := 0
	for _, h := range headers {
		n += attributeBytes + len("http.response.header.") + h.Name.Len() + h.Value.Len()
	}
	return n
}

func attributesSize(attributes []mask.Attribute) int {
	n := 0
	for _, a := range attributes {
		n += attributeBytes + len(a.Name()) + a.Len()
	}
	return n
}

func linksSize(links []mask.Link) int {
	n := 0
	for _, l := range links {
		n += linkBytes + attributesSize(l.Attributes)
	}
	return n
}

package limit

import (
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
)

// What a span, an attribute and a link cost beside their texts: ids, times, tags and names as they are encoded, rounded up.
const (
	spanBytes      = 256
	attributeBytes = 16
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
			total -= dropBody(b, &c.Dropped)
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

func dropBodies(c *mask.Call) int {
	return dropBody(&c.Request, &c.Dropped) + dropBody(&c.Response, &c.Dropped)
}

func dropBody(b *mask.Body, d *mask.Dropped) int {
	n := b.Text.Len()
	if n > 0 {
		*b = mask.Body{Size: b.Size, Truncated: true, Hidden: b.Hidden}
		d.Bodies++
		d.Bytes += int64(n)
	}
	return n
}

func dropHeaders(c *mask.Call) int {
	n := headersSize(c.RequestHeaders) + headersSize(c.ResponseHeaders)
	c.Dropped.Headers += len(c.RequestHeaders) + len(c.ResponseHeaders)
	c.Dropped.Bytes += int64(n)
	c.RequestHeaders, c.ResponseHeaders = nil, nil
	return n
}

// size estimates what an invocation takes in an export, before compression.
func size(inv *mask.Invocation) int {
	n := spanBytes + lossBytes*len(inv.Lost) + namesSize(inv) + inv.Event.Text.Len() + inv.Response.Text.Len() + errorSize(inv.Error) + attributesSize(inv.Trigger.Attributes) + linksSize(inv.Links)
	for i := range inv.Calls {
		n += callSize(&inv.Calls[i])
	}
	return n
}

func callSize(c *mask.Call) int {
	n := spanBytes + namesSizeOfCall(c) + c.URL.Len() + c.Request.Text.Len() + c.Response.Text.Len() + errorSize(c.Error) + attributesSize(c.Target.Attributes) +
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

// usualNames is what names take in nearly all cases, which is in spanBytes.
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
	n := c.Library.Len() + 2*c.Method.Len() + c.Protocol.Len() + c.Peer.Len() + 2*(t.Service.Len()+t.Operation.Len()) + t.Resource.Len() + t.Region.Len() + t.RequestID.Len() +
		t.Fault.Len() + hostSize(c.URL.String())
	return max(0, n-usualNames)
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
	return 2*e.Message.Len() + e.Stack.Len() + 2*e.Type.Len() // the message is the span's status too, the type its error.type
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

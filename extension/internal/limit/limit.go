// Package limit makes a masked invocation small enough to export.
//
// It takes a mask.Invocation and gives one in which no field, no call and not the whole is larger than asked for; of a field 64 bytes stay in any case. It promises: it only shortens and leaves out;
// everything that is missing afterwards is counted in Dropped or marked as truncated; the invocation itself, its error, what links
// it to others, and the call that failed last are the last to go.
//
// Masking comes first: a secret that is cut in half is no longer recognised.
package limit

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
)

// Limits are the most that may be exported. Zero means no limit.
type Limits struct {
	FieldBytes      int // of one body, header, message, stack or attribute; twice that where there is an error
	CallBytes       int // of one call; twice that if it failed
	InvocationBytes int // of one invocation, all its calls included; and once more of the lines of its log, which are a request of their own
	LineBytes       int // of one line of the log
}

// maxLines of the log are exported of one invocation. Who prints more of them in one looks for them in the log.
const maxLines = 1000

// failureFactor is by how much more of a field is kept where something failed: that is what somebody will read.
const failureFactor = 2

// Apply limits an invocation that nobody else will read: its parts are changed.
func Apply(inv mask.Invocation, l Limits) mask.Invocation {
	if l.FieldBytes > 0 {
		shortenFields(&inv, l.FieldBytes)
	}
	if l.CallBytes > 0 {
		for i := range inv.Calls {
			shrinkCall(&inv.Calls[i], l.CallBytes)
		}
	}
	if l.InvocationBytes > 0 {
		sacrifice(&inv, l.InvocationBytes)
	}
	limitLines(&inv, l)
	return inv
}

func shortenFields(inv *mask.Invocation, n int) {
	most := n
	if inv.Error != nil || inv.Open || inv.Outcome.Len() > 0 {
		most *= failureFactor
	}
	shortenTexts(inv, most)
	shortenNames(inv, n)
	for i := range inv.Calls {
		c := &inv.Calls[i]
		most := n
		if c.Failed() {
			most *= failureFactor
		}
		shortenTextsOfCall(c, most)
	}
}

func shortenTexts(inv *mask.Invocation, n int) {
	shortenBody(&inv.Event, n)
	shortenBody(&inv.Response, n)
	shortenError(inv.Error, n)
	shortenAttributes(inv.Trigger.Attributes, n, &inv.Dropped)
}

func shortenTextsOfCall(c *mask.Call, n int) {
	shortenBody(&c.Request, n)
	shortenBody(&c.Response, n)
	shortenError(c.Error, n)
	shortenHeaders(c.RequestHeaders, n, &c.Dropped)
	shortenHeaders(c.ResponseHeaders, n, &c.Dropped)
	shortenAttributes(c.Target.Attributes, n, &c.Dropped)
	shorten(&c.URL, n, &c.Dropped)
}

// shortenBody says in the body itself that it is not the whole.
func shortenBody(b *mask.Body, n int) {
	if b.Text.Len() > n {
		b.Text = b.Text.Shorten(n)
		b.Truncated = true
	}
}

func shortenError(e *mask.Error, n int) {
	if e != nil { // the ellipsis tells
		e.Message, e.Stack = e.Message.Shorten(n), e.Stack.Shorten(n)
	}
}

func shortenHeaders(headers []mask.Header, n int, d *mask.Dropped) {
	for i := range headers {
		shorten(&headers[i].Value, n, d)
	}
}

func shortenAttributes(attributes []mask.Attribute, n int, d *mask.Dropped) {
	for i, a := range attributes {
		if size := a.Len(); size > n {
			attributes[i] = a.Shorten(n)
			d.Bytes += int64(size - attributes[i].Len())
		}
	}
}

func shorten(t *mask.Text, n int, d *mask.Dropped) {
	before := t.Len()
	*t = t.Shorten(n)
	d.Bytes += int64(before - t.Len())
}

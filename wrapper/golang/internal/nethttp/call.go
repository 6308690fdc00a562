// Package nethttp sees what net/http's client sends, and everything that rides on it.
//
// It takes requests on their way into a round tripper and what comes out of it, and gives the hook two records for each. It promises that the round tripper
// gets the same request, of which at most the body is read through a copy that keeps its first bytes, and the caller the same answer, whose body has the
// methods that it had; that it reads nothing by itself; and that whatever fails in here, the request goes on its way.
package nethttp

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"reflect"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
)

const library = "net/http"

// A Call is one request, from before it is sent until nothing more of its answer comes. It is also the context of what is sent, which is the function's with
// a mark on it.
type Call struct {
	context.Context
	hook       *hook.Hook
	made, sent *http.Request // by the function, and what was sent in its place
	invocation *hook.Invocation
	id         string
	begun      time.Time
	first      time.Duration
	atHand     bool   // the request's body was written down when it started
	lost       string // why its start was not written; "" if it was
	request    body
	response   body
	answered   seen // the response's body, in most cases
	status     int
	answer     http.Header
	proto      string
	peer       net.Addr
	trace      httptrace.ClientTrace
	told       bool // what became of it
}

// mark is the key under which a request's context says that it is seen already, by somebody further up.
type mark struct{}

// Value implements context.Context.
func (c *Call) Value(key any) any {
	if key == (mark{}) {
		return c
	}
	return c.Context.Value(key)
}

// Begin sees a request on its way. It gives the one to send in its place, and the call that is to be told of what became of it; nil if it is not to be seen.
// Its way is through t, if that is known.
func Begin(h *hook.Hook, req *http.Request, t http.RoundTripper) (*http.Request, *Call) {
	if h.Off() || req == nil || req.URL == nil || req.URL.Host == h.API || !isHTTP(req.URL.Scheme) || req.Context().Value(mark{}) != nil {
		return req, nil
	}
	if c := begin(h, req, t); c != nil {
		return c.sent, c
	}
	return req, nil
}

// isHTTP tells whether a scheme is one that is sent. Behind others there is what the function has registered: files, or a round tripper of its own, whose requests
// are seen as they are.
func isHTTP(scheme string) bool { return scheme == "http" || scheme == "https" }

func begin(h *hook.Hook, req *http.Request, t http.RoundTripper) (began *Call) {
	defer h.Catch("call")
	ctx := req.Context()
	c := &Call{Context: ctx, hook: h, made: req, id: h.Calls.Next(), begun: time.Now(), invocation: h.Handler.Invocation(ctx)}
	// A trace of the function's own is left alone: putting two together takes longer than all the rest of this.
	if httptrace.ContextClientTrace(ctx) == nil {
		c.trace.GotConn = c.connected
		c.Context = httptrace.WithClientTrace(ctx, &c.trace)
	}
	c.sent = req.WithContext(c) //nolint:contextcheck // it is the request's, with a mark on it
	span := ""
	if t != nil { // a client repeats the headers where it is sent to another host
		span = c.propagate()
	}
	c.start(asks(t), span)
	return c
}

// propagate has the request that is sent name a span as its parent, which it gives, if it is one of those that are to.
func (c *Call) propagate() (span string) {
	span, value := c.hook.Settings.Propagation.Span(c.invocation, c.made.URL, c.made.Header)
	if span != "" {
		c.sent.Header = c.made.Header.Clone()
		if c.sent.Header == nil {
			c.sent.Header = http.Header{}
		}
		c.sent.Header[hook.HeaderTraceparent] = []string{value}
	}
	return span
}

func (c *Call) connected(info httptrace.GotConnInfo) {
	defer c.hook.Catch("call")
	c.peer = info.Conn.RemoteAddr()
}

// start records the request. If its body is in memory or a file, it is at hand; else it is looked at when the round tripper reads it.
func (c *Call) start(asks bool, span string) {
	s := scratches.Get().(*scratch)
	defer s.done()
	req, budget := c.sent, c.hook.Settings.BodyBytes
	h := spool.Header{Kind: spool.KindCallStart, Call: c.id, Span: span, Library: library, Method: req.Method, URL: address(req), Headers: c.bounded(s.keep(requestHeaders(s.headers[:0], req, asks)))}
	if h.Method == "" {
		h.Method = http.MethodGet
	}
	if req.Body == nil || req.Body == http.NoBody {
		c.lost = c.hook.Handler.Record(c.invocation, &h)
		return
	}
	if source, ok := atHand(req); ok {
		c.atHand = true
		if within, ok := tracked(req.Body); ok { // in dispatch: the transport looks through one that it has put around a body, not through two, and would read a file itself
			c.sent.Body = within
		}
		h.Parts = s.part(spool.PartRequest, source.peek(&s.bytes, budget), int64(source.length()), true)
		c.lost = c.hook.Handler.Record(c.invocation, &h, s.data...)
		return
	}
	c.request.copy.Reset(budget, req.ContentLength)
	c.sent.Body = sees(&seen{original: req.Body, call: c, body: &c.request})
	if again := req.GetBody; again != nil {
		c.sent.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil || body == nil || body == http.NoBody {
				return body, err
			}
			c.request.restart(budget)
			return sees(&seen{original: body, call: c, body: &c.request}), nil
		}
	}
	c.lost = c.hook.Handler.Record(c.invocation, &h)
}

// Answer tells what became of a request; with neither answer nor error, that the round trip did not come back. It gives what the caller is to get.
func (c *Call) Answer(resp *http.Response, err error) (same *http.Response, failed error) {
	same, failed = resp, err // whatever fails in here
	defer c.hook.Catch("call")
	c.told = true
	if err != nil || resp == nil {
		c.end(err == nil, err)
		return resp, err
	}
	if of := c.asked(resp.Request); of != resp.Request { // else it is not touched: a round tripper of the function's may give it to several at a time
		resp.Request = of
	}
	c.first = time.Since(c.begun)
	c.status, c.answer, c.proto = resp.StatusCode, resp.Header, resp.Proto
	if resp.Body == nil || resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols {
		c.end(false, nil) // with the last of them the connection is the function's from here on
		return resp, err
	}
	c.response.copy.Reset(c.hook.Settings.BodyBytes, resp.ContentLength)
	c.response.size = resp.ContentLength
	c.answered = seen{original: c.unseen(resp.Body), call: c, body: &c.response}
	resp.Body = sees(&c.answered)
	c.hook.Answered(c, c.made.Context())
	return resp, err
}

// asked gives the request that an answer is of, in the place of the one that was sent or of a copy of it: the transport sends a copy of one with a body where
// HTTP/2 is spoken. Behind redirects it is another one. Where the transport has handed its copy to us, in dispatch, the function's own is out of reach, and the
// copy gets the body that it has.
func (c *Call) asked(of *http.Request) *http.Request {
	switch {
	case of == nil:
	case of == c.sent:
		if body, ok := tracked(c.made.Body); ok {
			made := c.made.WithContext(c.made.Context()) //nolint:contextcheck // it is the request's own
			made.Body = body
			return made
		}
		return c.made
	case of.URL == c.sent.URL && of.Context() == context.Context(c):
		return c.made
	}
	return of
}

// unseen gives the body of an answer without what an earlier call has put around it: a round tripper of the function's may give the same answer out again.
// One of a call within this one stays, for it is seen too.
func (c *Call) unseen(body io.ReadCloser) io.ReadCloser {
	ours, ok := body.(interface{ self() *seen })
	if !ok {
		return body
	}
	s := ours.self()
	if s.body != &s.call.response || !s.call.begun.Before(c.begun) {
		return body
	}
	s.call.end(true, nil)
	return s.original
}

// Left is deferred before the round trip: if that panics, or its goroutine ends, nothing more comes. The panic goes on.
func (c *Call) Left() {
	if !c.told {
		c.Abandon()
	}
}

// Abandon is called when the context of the request is done, and its answer was neither read to the end nor closed.
func (c *Call) Abandon() {
	defer c.hook.Catch("call")
	c.end(true, nil)
}

// end records that nothing more comes. Only the first one counts.
func (c *Call) end(partial bool, err error) {
	if c.response.close() {
		return
	}
	c.request.close() // the round tripper may still be reading it
	c.hook.Ended(c)
	s := scratches.Get().(*scratch)
	defer s.done()
	h := spool.Header{Kind: spool.KindCallEnd, Call: c.id, Status: c.status, Protocol: c.proto, Partial: partial,
		FirstByte: c.first.Microseconds(), Duration: time.Since(c.begun).Microseconds(), Headers: c.bounded(s.keep(responseHeaders(s.headers[:0], c.answer)))}
	if c.peer != nil {
		h.Peer = place(c.peer)
	}
	if err != nil {
		h.Error = failure(err)
	}
	if c.request.copy.Size() > 0 {
		h.Parts = s.part(spool.PartRequest, c.request.copy.Bytes(), c.request.copy.Size(), true)
	}
	if c.response.copy.Size() > 0 {
		h.Parts = s.part(spool.PartResponse, c.response.copy.Bytes(), c.response.copy.Size(), !partial)
	}
	if c.lost == "" {
		c.hook.Handler.Record(c.invocation, &h, s.data...)
	} else { // an end alone is of no call that anybody knows
		c.hook.Handler.Lost(c.lost, 1, c.request.copy.Size()+c.response.copy.Size())
	}
	c.request.copy.Free()
	c.response.copy.Free()
}

// place gives an address as its String does, in one piece of memory where that takes four: 2 % of what a call costs.
func place(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok {
		if ip, known := netip.AddrFromSlice(tcp.IP); known && tcp.Zone == "" {
			return netip.AddrPortFrom(ip.Unmap(), uint16(tcp.Port)).String() //nolint:gosec // a port
		}
	}
	return a.String()
}

// failure describes what a request failed with; its type is named as aws-lambda-go names types of errors.
func failure(err error) *spool.Error {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return &spool.Error{Type: t.Name(), Message: hook.Cut(err.Error())}
}

// Package nethttp sees what net/http's client sends, and everything that rides on it.
//
// It takes requests on their way into a round tripper and what comes out of it, and gives the hook two records for each. It promises that the round tripper
// gets the same request, of which at most the body is read through a copy that keeps its first bytes, and the caller the same answer, whose body has the
// methods that it had; that it reads nothing by itself; and that whatever fails in here, the request goes on its way.
package nethttp

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
)

const library = "net/http"

// A Call is one request, from before it is sent until nothing more of its answer comes.
type Call struct {
	hook       *hook.Hook
	made, sent *http.Request // by the function, and what was sent in its place
	invocation *hook.Invocation
	id         string
	begun      time.Time
	first      time.Duration
	atHand     bool // the request's body was written down when it started
	request    body
	response   body
	status     int
	answer     http.Header
	proto      string
	peer       string
	trace      httptrace.ClientTrace
}

// mark is the key under which a request's context says that it is seen already, by somebody further up.
type mark struct{}

// A marked context says so.
type marked struct{ context.Context }

func (m *marked) Value(key any) any {
	if key == (mark{}) {
		return true
	}
	return m.Context.Value(key)
}

// Begin sees a request on its way. It gives the one to send in its place, and the call that is to be told of what became of it; nil if it is not to be seen.
func Begin(h *hook.Hook, req *http.Request) (*http.Request, *Call) {
	if h.Off() || req == nil || req.URL == nil || req.URL.Host == h.API || req.Context().Value(mark{}) != nil {
		return req, nil
	}
	if copied, c := begin(h, req); c != nil {
		return copied, c
	}
	return req, nil
}

func begin(h *hook.Hook, req *http.Request) (copied *http.Request, c *Call) {
	ok := false
	defer func() {
		if !ok {
			c = nil
		}
	}()
	defer h.Catch("call")
	ctx := req.Context()
	c = &Call{hook: h, made: req, begun: time.Now(), invocation: h.Handler.Invocation(ctx)}
	c.id = strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(h.Calls.Next(), 10)
	// A trace of the function's own is left alone: putting two together takes longer than all the rest of this.
	if httptrace.ContextClientTrace(ctx) == nil {
		c.trace.GotConn = c.connected
		ctx = httptrace.WithClientTrace(ctx, &c.trace)
	}
	copied = req.WithContext(&marked{ctx})
	c.sent = copied
	c.start(req, copied)
	ok = true
	return copied, c
}

func (c *Call) connected(info httptrace.GotConnInfo) {
	defer c.hook.Catch("call")
	c.peer = info.Conn.RemoteAddr().String()
}

// start records the request. If its body is in memory, it is at hand; else it is looked at when the round tripper reads it.
func (c *Call) start(req, copied *http.Request) {
	h := spool.Header{Kind: spool.KindCallStart, Call: c.id, Library: library, Method: req.Method, URL: address(req)}
	if h.Method == "" {
		h.Method = http.MethodGet
	}
	var room [24][2]string
	h.Headers = c.bounded(requestHeaders(room[:0], req))
	budget := c.hook.Settings.BodyBytes
	if req.Body == nil || req.Body == http.NoBody {
		c.hook.Handler.Record(c.invocation, &h)
		return
	}
	if size, ok := atHand(req.Body); ok {
		c.atHand = true
		data := make([]byte, min(size.length(), budget))
		size.peek(data)
		part := [...]spool.Part{describe(spool.PartRequest, len(data), int64(size.length()), true)}
		h.Parts = part[:]
		c.hook.Handler.Record(c.invocation, &h, data)
		return
	}
	c.request.copy = *hook.NewCopy(budget, req.ContentLength)
	copied.Body = c.sees(&c.request, req.Body)
	if again := req.GetBody; again != nil {
		copied.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil || body == nil || body == http.NoBody {
				return body, err
			}
			c.request.restart(budget)
			return c.sees(&c.request, body), nil
		}
	}
	c.hook.Handler.Record(c.invocation, &h)
}

// Done tells what became of a request. It gives what the caller is to get.
func (c *Call) Done(resp *http.Response, err error) (*http.Response, error) {
	defer c.hook.Catch("call")
	if err != nil || resp == nil {
		c.end(false, err)
		return resp, err
	}
	if resp.Request == c.sent { // it is another one behind redirects
		resp.Request = c.made
	}
	c.first = time.Since(c.begun)
	c.status, c.answer, c.proto = resp.StatusCode, resp.Header, resp.Proto
	if resp.Body == nil || resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols {
		c.end(false, nil) // with the last of them the connection is the function's from here on
		return resp, err
	}
	c.response.copy = *hook.NewCopy(c.hook.Settings.BodyBytes, resp.ContentLength)
	c.response.size = resp.ContentLength
	resp.Body = c.sees(&c.response, resp.Body)
	c.hook.Answered(c, c.made.Context())
	return resp, err
}

// end records that nothing more comes. Only the first one counts.
func (c *Call) end(partial bool, err error) {
	c.response.mu.Lock()
	over := c.response.over
	c.response.over = true
	c.response.mu.Unlock()
	if over {
		return
	}
	c.hook.Ended(c)
	h := spool.Header{Kind: spool.KindCallEnd, Call: c.id, Status: c.status, Protocol: c.proto, Peer: c.peer, Partial: partial,
		FirstByte: c.first.Microseconds(), Duration: time.Since(c.begun).Microseconds()}
	var room [24][2]string
	h.Headers = c.bounded(responseHeaders(room[:0], c.answer))
	if err != nil {
		h.Error = failure(err)
	}
	var described [2]spool.Part
	var data [2][]byte
	n := 0
	if !c.atHand {
		c.request.mu.Lock() // the round tripper may still be reading it
		defer c.request.mu.Unlock()
		c.request.over = true
		if c.request.copy.Size() > 0 {
			described[n], data[n] = c.request.copy.Part(spool.PartRequest), c.request.copy.Bytes()
			n++
		}
	}
	if c.response.copy.Size() > 0 {
		data[n] = c.response.copy.Bytes()
		described[n] = describe(spool.PartResponse, len(data[n]), c.response.copy.Size(), !partial)
		n++
	}
	h.Parts = described[:n]
	c.hook.Handler.Record(c.invocation, &h, data[:n]...)
}

// Abandon is called when the context of the request is done, and its answer was neither read to the end nor closed.
func (c *Call) Abandon() {
	defer c.hook.Catch("call")
	c.end(true, nil)
}

// describe describes a piece of a body of which so much has passed, and that was all of it or not.
func describe(of string, length int, passed int64, whole bool) spool.Part {
	p := spool.Part{Of: of, Truncated: !whole || int64(length) < passed}
	if whole {
		p.Size = &passed
	}
	return p
}

// failure describes what a request failed with; its type is named as aws-lambda-go names types of errors.
func failure(err error) *spool.Error {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return &spool.Error{Type: t.Name(), Message: hook.Cut(err.Error())}
}

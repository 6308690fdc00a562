package nethttp

import (
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
)

// A See is what net/http calls for every request of every transport, in a program that was built with the overlay: it gives the request to send in its
// place, and who is to be told of what became of it, or nil. With neither answer nor error he is told that the round trip did not come back.
type See = func(t *http.Transport, req *http.Request) (*http.Request, func(*http.Response, error) (*http.Response, error))

// Overlay gives what is to be called, in a program that was built with the overlay. There the Runtime API is seen as any other peer is, and nothing of
// http.DefaultTransport is touched.
func Overlay(h *hook.Hook) See {
	h.Overlaid.Store(true)
	return func(t *http.Transport, req *http.Request) (*http.Request, func(*http.Response, error) (*http.Response, error)) {
		if req != nil && req.URL != nil && req.URL.Host == h.API {
			return exchange(h, req) //nolint:bodyclose // the runtime client closes it
		}
		if dumps(t) {
			return req, nil
		}
		copied, c := Begin(h, req, t)
		if c == nil {
			return req, nil
		}
		return copied, c.Answer
	}
}

// dumper makes a transport whose dialer is its own, and has it write a request down: nothing is sent.
const dumper = "net/http/httputil.DumpRequestOut."

// dumps tells whether a transport is httputil.DumpRequestOut's. Hardly any other has such a dialer.
func dumps(t *http.Transport) bool {
	return t.Dial != nil && strings.HasPrefix(runtime.FuncForPC(reflect.ValueOf(t.Dial).Pointer()).Name(), dumper) //nolint:staticcheck // it is what dumper uses
}

// exchange sees a request to the Runtime API.
func exchange(h *hook.Hook, req *http.Request) (*http.Request, func(*http.Response, error) (*http.Response, error)) {
	if h.Off() {
		return req, nil
	}
	event, outcome := h.Handler.Exchange(req.Method, req.URL.Path, req.Header.Get("Content-Type"))
	switch {
	case event != nil:
		return req, func(resp *http.Response, err error) (*http.Response, error) {
			if err == nil && resp != nil && resp.StatusCode == http.StatusOK {
				event.Expect(resp.Header.Get("Content-Length"))
				resp.Body = &passing{ReadCloser: resp.Body, hook: h, add: event.Add, end: func() { h.Handler.Begin(resp.Header.Get, event) }}
			}
			return resp, err
		}
	case outcome != nil && req.Body != nil:
		copied := req.WithContext(req.Context())
		copied.Body = &passing{ReadCloser: req.Body, hook: h, add: outcome.Body.Add, end: func() { outcome.HandedOut = time.Now() }}
		copied.GetBody = nil // the client has none
		return copied, func(resp *http.Response, err error) (*http.Response, error) {
			defer h.Catch("runtime api")
			if err == nil && resp != nil && resp.StatusCode == http.StatusAccepted {
				outcome.Trailer = req.Trailer.Get(hook.TrailerError)
				h.Handler.End(*outcome)
			}
			return resp, err
		}
	}
	return req, nil
}

// A passing body of the Runtime API's.
type passing struct {
	io.ReadCloser
	hook *hook.Hook
	add  func(p []byte)
	end  func()
	over bool
}

func (p *passing) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.passed(b, n, err)
	return n, err
}

func (p *passing) passed(b []byte, n int, err error) {
	defer p.hook.Catch("runtime api")
	if !p.over && n > 0 {
		p.add(hook.Within(b, n))
	}
	if err == io.EOF && !p.over { //nolint:errorlint // a reader returns it as it is
		p.over = true
		p.end()
	}
}

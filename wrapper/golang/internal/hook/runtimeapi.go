package hook

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"
)

// WatchDefaultTransport has the connections to the Runtime API watched that http.DefaultTransport makes, or a copy of it: aws-lambda-go 1.55.1 and later copy
// it when they start, earlier ones use it. Such a transport can be seen through by nothing but its connections, which speak HTTP/1.1 in the clear.
// It tells whether it could.
//
// It may be called again: whoever has given http.DefaultTransport a dialer of his own meanwhile keeps it.
func (h *Hook) WatchDefaultTransport() bool {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		h.Say("warn", "http.DefaultTransport is not Go's own; invocations are not recorded")
		return false
	}
	dial := t.DialContext
	if dial == nil && t.Dial != nil { //nolint:staticcheck // functions may still use it
		old := t.Dial //nolint:staticcheck // the same
		dial = func(_ context.Context, network, address string) (net.Conn, error) { return old(network, address) }
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	watching := h.watching(dial)
	if reflect.ValueOf(dial).Pointer() != reflect.ValueOf(watching).Pointer() { // it is there already
		t.DialContext = watching
	}
	return true
}

// watching gives a dialer whose connections to the Runtime API are watched.
func (h *Hook) watching(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil || h.Off() || h.Overlaid.Load() {
			return conn, err
		}
		h.dialled(address == h.API)
		if address != h.API {
			return conn, nil
		}
		return h.watch(conn), nil
	}
}

func (h *Hook) dialled(lambda bool) {
	defer h.Catch("start")
	if h.AtDial != nil {
		h.AtDial(lambda)
	}
}

// A watched connection tells the handler what the runtime client gets and posts. What passes is not changed, nor held back.
type watched struct {
	net.Conn
	hook      *Hook
	mu        sync.Mutex // the client writes and reads in two goroutines
	request   *message
	response  *message
	event     *Event
	outcome   *Outcome
	handedOut time.Time
}

func (h *Hook) watch(conn net.Conn) *watched {
	w := &watched{Conn: conn, hook: h}
	w.expect()
	return w
}

func (w *watched) Write(p []byte) (int, error) {
	if !w.hook.Off() {
		w.sent(p) // before it goes: the answer may be there as soon as it has
	}
	return w.Conn.Write(p)
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 && !w.hook.Off() {
		w.received(p, n)
	}
	return n, err
}

func (w *watched) sent(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.hook.Catch("runtime api")
	if w.request.state == ended && w.response.state == ended {
		w.expect()
	}
	w.request.add(p)
}

func (w *watched) received(p []byte, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.hook.Catch("runtime api")
	w.response.add(Within(p, n))
}

// expect prepares for a request and its response. The client sends no second request before it has the first one's response.
func (w *watched) expect() {
	w.event, w.outcome = nil, nil
	w.request = &message{onHead: w.asks, onBody: w.hands, onEnd: func() { w.handedOut = time.Now() }}
	w.response = &message{onHead: w.answers, onBody: w.gets, onEnd: w.answered}
}

const prefix = "/2018-06-01/runtime/invocation/"

// asks looks at what is requested: the next invocation, or that an outcome be taken.
func (w *watched) asks() {
	method, rest, _ := strings.Cut(w.request.line, " ")
	path, _, _ := strings.Cut(rest, " ")
	w.event, w.outcome = w.hook.Handler.Exchange(method, path, w.request.fields.Get("Content-Type"))
}

func (w *watched) hands(p []byte) {
	if w.outcome != nil {
		w.outcome.Body.Add(p)
	}
}

func (w *watched) answers() {
	if !strings.HasPrefix(w.response.line, "HTTP/1.1 2") {
		w.event, w.outcome = nil, nil
	}
	if w.event != nil {
		w.event.Expect(w.response.fields.Get("Content-Length"))
	}
}

func (w *watched) gets(p []byte) {
	if w.event != nil {
		w.event.Add(p)
	}
}

// answered is called when the last byte of an answer has come, before the client gets it.
func (w *watched) answered() {
	switch {
	case w.event != nil:
		w.hook.Handler.Begin(w.response.fields.Get, w.event)
	case w.outcome != nil:
		w.outcome.HandedOut = w.handedOut
		if w.request.trailer != nil {
			w.outcome.Trailer = w.request.trailer.Get(TrailerError)
		}
		w.hook.Handler.End(*w.outcome)
	}
}

// Exchange tells what a request to the Runtime API is: one for an event, one with an outcome, or nothing to be seen.
func (h *Handler) Exchange(method, path, contentType string) (*Event, *Outcome) {
	rest, ok := strings.CutPrefix(path, prefix)
	if method == http.MethodGet && rest == "next" {
		return &Event{copy: NewCopy(h.settings.EventBytes, 0)}, nil
	}
	id, kind, found := strings.Cut(rest, "/")
	if !ok || !found || method != http.MethodPost || kind != "response" && kind != "error" {
		return nil, nil
	}
	return nil, &Outcome{ID: id, Failed: kind == "error", Body: NewCopy(h.settings.EventBytes, 0), Type: contentType}
}

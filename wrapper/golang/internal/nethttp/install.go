package nethttp

import (
	"maps"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/http2"
)

// Install puts the hook in place: invocations are seen at the connections to the Runtime API, calls at http.DefaultTransport. It may be called again, and does
// nothing where there is to be no hook, or where the program was built with the overlay, which has put it in place.
func Install() {
	h := hook.Process()
	if h == nil || h.Overlaid.Load() {
		return
	}
	defer h.Catch("start")
	once.Do(func() {
		if t, ok := http.DefaultTransport.(*http.Transport); ok {
			d := &dispatch{hook: h, transport: t}
			d.register("http", nil)
			h.AtDial = d.dialled
		}
	})
	h.WatchDefaultTransport()
}

var once sync.Once //nolint:gochecknoglobals // there is one http.DefaultTransport

// A dispatch is where a transport of Go's own looks who is to make a round trip for a scheme (http.Transport.RegisterProtocol). It is the only place at which
// one can be seen through that stays what it is: programs and libraries take http.DefaultTransport for an *http.Transport, aws-lambda-go among them.
//
// Who is registered there sends the request through the same transport again, with a mark in its context on which he lets it pass the second time. So its
// settings, whenever they are made, its connections and its errors are the transport's.
type dispatch struct {
	hook      *hook.Hook
	transport *http.Transport
	https     atomic.Bool
}

// register puts the hook in place for a scheme. before is who was there.
func (d *dispatch) register(scheme string, before http.RoundTripper) {
	defer d.hook.Catch("start") // somebody else has taken it
	d.transport.RegisterProtocol(scheme, d.tripper(before))
}

func (d *dispatch) tripper(before http.RoundTripper) *http2.Transport {
	t := &http2.Transport{Before: before}
	t.Trip = func(req *http.Request) (*http.Response, error) {
		copied, c := Begin(d.hook, req, d.transport)
		switch {
		case c != nil:
			defer c.Left()
			return c.Answer(d.transport.RoundTrip(copied))
		case before != nil:
			return before.RoundTrip(req)
		}
		return nil, http.ErrSkipAltProtocol
	}
	return t
}

// dialled is called when the transport, or a copy of it, has made a connection. The place for https is taken by the transport's own HTTP/2, but only when it is
// first used, and whoever takes it before turns HTTP/2 off. So it is looked at then. lambda tells that the connection is the runtime client's, which has
// used the transport or copied it before, either of which makes it decide about HTTP/2.
func (d *dispatch) dialled(lambda bool) {
	if d.https.Load() {
		return
	}
	alternatives := d.alternatives()
	if alternatives == nil {
		if lambda && d.https.CompareAndSwap(false, true) {
			d.hook.Say("warn", "http.DefaultTransport is not as the hook knows it; its requests by https are not recorded")
		}
		return
	}
	known, _ := alternatives.Load().(map[string]http.RoundTripper)
	before := known["https"]
	switch {
	case before == nil && !lambda:
	case !d.https.CompareAndSwap(false, true):
	case before == nil:
		d.register("https", nil)
	default:
		changed := maps.Clone(known)
		changed["https"] = d.tripper(before)
		alternatives.Store(changed)
	}
}

// alternatives gives the transport's table of who is registered, or nil if it is not where it was from Go 1.6 to 1.27. There is no other way to come
// between the transport and its own HTTP/2.
func (d *dispatch) alternatives() *atomic.Value {
	field := reflect.ValueOf(d.transport).Elem().FieldByName("altProto")
	if !field.IsValid() || field.Type() != reflect.TypeFor[atomic.Value]() {
		return nil
	}
	value := (*atomic.Value)(unsafe.Pointer(field.UnsafeAddr()))
	if _, ok := value.Load().(map[string]http.RoundTripper); !ok {
		return nil
	}
	return value
}

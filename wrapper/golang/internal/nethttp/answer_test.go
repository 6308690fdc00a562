package nethttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
)

// A tripper is a round tripper of the function's, and a Doer.
type tripper func(*http.Request) (*http.Response, error)

func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) { return t(req) }
func (t tripper) Do(req *http.Request) (*http.Response, error)        { return t(req) }

func request(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://peer.test/text", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestAnAnswerGivenOutAgainIsSeenOnce: else its body would grow by a layer each time.
func TestAnAnswerGivenOutAgainIsSeenOnce(t *testing.T) {
	h, dir := newHook(t, nil)
	text := strings.NewReader("some text")
	resp := &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(onlyReader{text}), ContentLength: 9}
	original := resp.Body
	rt := RoundTripper(h, tripper(func(*http.Request) (*http.Response, error) { return resp, nil }))
	for range 3 {
		_, _ = text.Seek(0, io.SeekStart)
		got, err := rt.RoundTrip(request(t.Context(), t))
		if err != nil || got != resp {
			t.Fatal(got, err)
		}
		if body, err := io.ReadAll(got.Body); err != nil || string(body) != "some text" {
			t.Errorf("%q, %v", body, err)
		}
		if s, ok := got.Body.(*seen); !ok || s.original != original {
			t.Errorf("around the body are %T and %T", got.Body, s.original)
		}
	}
	if told := calls(t, dir, false); told != "GET /text 200 <9, GET /text 200 <9, GET /text 200 <9" {
		t.Error(told)
	}
}

// TestACallWithinACallIsSeenToo: a round tripper of the function's that sends a request of its own, and gives its answer out.
func TestACallWithinACallIsSeenToo(t *testing.T) {
	p := peer(t, false)
	h, dir := newHook(t, nil)
	base := transport()
	defer base.CloseIdleConnections()
	within := RoundTripper(h, base)
	rt := RoundTripper(h, tripper(func(*http.Request) (*http.Response, error) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.URL+"/text", nil)
		if err != nil {
			return nil, err
		}
		return within.RoundTrip(req)
	}))
	req := request(t.Context(), t)
	req.URL.Path = "/outer"
	if answer := tell(rt.RoundTrip(req)); !strings.Contains(answer, "some text") {
		t.Error(answer)
	}
	if told := calls(t, dir, false); told != "GET /text 200 <9, GET /outer 200 <9" {
		t.Error(told)
	}
}

// TestARoundTripThatDoesNotComeBackEnds: a panic of the function's goes on as it was raised, with no frame of the hook's but those that were there.
func TestARoundTripThatDoesNotComeBackEnds(t *testing.T) {
	cause := errors.New("of the function's own")
	for name, leave := range map[string]func(){"panic": func() { panic(cause) }, "goexit": runtime.Goexit} {
		breaks := tripper(func(*http.Request) (*http.Response, error) { leave(); return nil, nil })
		leaving := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { leave(); return nil, nil }}
		for way, send := range map[string]func(h *hook.Hook, req *http.Request) (*http.Response, error){
			"round tripper": func(h *hook.Hook, req *http.Request) (*http.Response, error) {
				return RoundTripper(h, breaks).RoundTrip(req)
			},
			"client": func(h *hook.Hook, req *http.Request) (*http.Response, error) { return NewClient(h, breaks).Do(req) },
			"dispatch": func(h *hook.Hook, req *http.Request) (*http.Response, error) {
				return ways["dispatch"](h, leaving.Clone()).RoundTrip(req)
			},
			"overlay": func(h *hook.Hook, req *http.Request) (*http.Response, error) {
				return ways["overlay"](h, leaving).RoundTrip(req)
			},
		} {
			t.Run(name+" in a "+way, func(t *testing.T) {
				h, dir := newHook(t, nil)
				raised := make(chan any)
				go func() {
					defer func() { raised <- recover() }()
					resp, err := send(h, request(context.Background(), t))
					t.Error("it came back", resp, err)
				}()
				if got := <-raised; name == "panic" && got != any(cause) {
					t.Errorf("%v was raised", got)
				}
				if told := calls(t, dir, false); told != "GET /text partial" {
					t.Errorf("the spool has %q", told)
				}
			})
		}
	}
}

// An unspeakable error panics when it is asked what it is.
type unspeakable struct{}

func (unspeakable) Error() string { panic("of the function's own") }

// TestAnErrorThatPanicsGetsOut: what the caller gets is what it would get without the hook.
func TestAnErrorThatPanicsGetsOut(t *testing.T) {
	h, _ := newHook(t, map[string]string{"AFTERGLOW_LOG_LEVEL": "off"})
	rt := RoundTripper(h, tripper(func(*http.Request) (*http.Response, error) { return nil, unspeakable{} }))
	if _, err := rt.RoundTrip(request(t.Context(), t)); err != error(unspeakable{}) { //nolint:errorlint // as it is
		t.Errorf("%T", err)
	}
}

// TestTheRequestOfAnAnswer: it is the function's own, or like it.
func TestTheRequestOfAnAnswer(t *testing.T) {
	for _, secure := range []bool{false, true} {
		p := peer(t, secure)
		for name, way := range ways {
			h, _ := newHook(t, nil)
			rt := way(h, transport())
			for _, body := range []io.Reader{strings.NewReader("in memory"), onlyReader{bytes.NewReader([]byte("a stream"))}} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/echo", body)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				of := resp.Request
				if _, err := io.ReadAll(resp.Body); err != nil {
					t.Error(err)
				}
				resp.Body.Close()
				if of.Context() != req.Context() || of.Context().Value(mark{}) != nil {
					t.Errorf("%s, secure %v: the context is a %T", name, secure, of.Context())
				}
				if dispatched := name == "dispatch"; !dispatched && of != req {
					t.Errorf("%s, secure %v: it is another one", name, secure)
				} else if dispatched && !secure && of.Body != req.Body {
					t.Errorf("%s: its body is a %T", name, of.Body)
				}
			}
			rt.(interface{ CloseIdleConnections() }).CloseIdleConnections()
		}
	}
}

package lambdaapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/nonblock"
)

// serve starts an API that answers with h and gives a client for it.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := New(strings.TrimPrefix(s.URL, "http://"))
	t.Cleanup(c.Close)
	return c
}

func TestRegister(t *testing.T) {
	tests := []struct {
		name     string
		events   []EventType
		wantBody string
		answer   string
		want     Registration
	}{
		{"both events", []EventType{Invoke, Shutdown}, `{"events":["INVOKE","SHUTDOWN"]}`,
			`{"functionName":"f","functionVersion":"$LATEST","handler":"a.b","accountId":"123456789012"}`, Registration{"f", "$LATEST", "a.b", "123456789012"}},
		{"no event", nil, `{"events":[]}`, `{"functionName":"f"}`, Registration{Function: "f"}},
		{"an answer that is not understood still registers", []EventType{Shutdown}, `{"events":["SHUTDOWN"]}`, `not json`, Registration{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != "POST" || r.URL.Path != "/2020-01-01/extension/register" || string(body) != test.wantBody ||
					r.Header.Get("Lambda-Extension-Name") != "afterglow" || r.Header.Get("Lambda-Extension-Accept-Feature") != "accountId" {
					t.Errorf("got %s %s %s %v", r.Method, r.URL, body, r.Header)
				}
				w.Header().Set("Lambda-Extension-Identifier", "id-1")
				io.WriteString(w, test.answer)
			})
			got, err := c.Register(t.Context(), "afterglow", test.events...)
			if err != nil || got.Registration() != test.want || c.identifier != "id-1" {
				t.Errorf("got %+v %v, identifier %q", got, err, c.identifier)
			}
		})
	}
}

func TestNextUnderstandsEvents(t *testing.T) {
	tests := []struct {
		name, body string
		want       Event
	}{
		{"invoke", `{"eventType":"INVOKE","deadlineMs":1676051000123,"requestId":"3da1f2dc","invokedFunctionArn":"arn:aws:lambda:us-east-1:1:function:f","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-5f35ae12;Lineage=1:6e5eb7d9:0"}}`,
			Event{Type: Invoke, Deadline: time.UnixMilli(1676051000123), RequestID: "3da1f2dc", ARN: "arn:aws:lambda:us-east-1:1:function:f", Trace: "Root=1-5f35ae12;Lineage=1:6e5eb7d9:0"}},
		{"invoke without tracing", `{"eventType":"INVOKE","deadlineMs":1,"requestId":"r"}`, Event{Type: Invoke, Deadline: time.UnixMilli(1), RequestID: "r"}},
		{"a tracing of another type", `{"eventType":"INVOKE","tracing":{"type":"W3C","value":"00-1"}}`, Event{Type: Invoke}},
		{"shutdown as it is sent", `{"eventType":"SHUTDOWN","deadlineMs":1676051002123,"shutdownReason":"spindown"}`, Event{Type: Shutdown, Deadline: time.UnixMilli(1676051002123), Reason: "spindown"}},
		{"shutdown as it is documented", `{"eventType":"SHUTDOWN","shutdownReason":"TIMEOUT"}`, Event{Type: Shutdown, Reason: "timeout"}},
		{"shutdown as an emulator has it", `{"eventType":"Shutdown","shutdownReason":"ReleaseFail"}`, Event{Type: Shutdown, Reason: "releasefail"}},
		{"a type that is not known", `{"eventType":"RESTORE","new":{"field":[1]}}`, Event{Type: "RESTORE"}},
		{"a deadline that is none", `{"eventType":"INVOKE","deadlineMs":-5}`, Event{Type: Invoke}},
		{"nothing", `{}`, Event{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != "GET" || r.URL.Path != "/2020-01-01/extension/event/next" || r.Header.Get("Lambda-Extension-Identifier") != "id-1" {
					t.Errorf("got %s %s %v", r.Method, r.URL, r.Header)
				}
				io.WriteString(w, test.body)
			})
			c.identifier = "id-1"
			got, err := c.Next(t.Context())
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

// TestAsk: a request that was sent ahead is not sent again, and one that could not be sent is.
func TestAsk(t *testing.T) {
	arrived := make(chan struct{}, 10)
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		io.WriteString(w, `{"eventType":"INVOKE","requestId":"r"}`)
	})
	c.Ask(t.Context())
	<-arrived // before anybody waits for the answer
	for range 2 {
		if e, err := c.Next(t.Context()); err != nil || e.RequestID != "r" {
			t.Fatalf("got %+v %v", e, err)
		}
	}
	if len(arrived) != 1 {
		t.Errorf("%d requests for two events", len(arrived)+1)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	c.Close()
	c.Ask(late) // cannot connect
	if e, err := c.Next(t.Context()); err != nil || e.RequestID != "r" || len(arrived) != 2 {
		t.Errorf("after a request that was not sent: %+v %v, %d requests", e, err, len(arrived)+1)
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name       string
		h          http.HandlerFunc
		wantStatus int
		wantType   string
	}{
		{"refused", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w, `{"errorMessage":"INVOKE: no","errorType":"Extension.InvalidEventType"}`)
		}, 403, TypeInvalidEvent},
		{"refused without words", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 500, ""},
		{"not found", func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) }, 404, ""},
		{"no identifier", func(w http.ResponseWriter, _ *http.Request) {}, 200, ""},
		{"an answer without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Lambda-Extension-Identifier", "i")
			for range 40 {
				io.WriteString(w, strings.Repeat("x", 10_000))
			}
		}, 200, ""},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
			conn.Close()
		}, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, test.h)
			_, err := c.Register(t.Context(), "x")
			var e *Error
			switch {
			case err == nil:
				t.Error("no error")
			case test.wantStatus == 0 && errors.As(err, &e):
				t.Errorf("got an answer: %v", err)
			case test.wantStatus != 0 && (!errors.As(err, &e) || e.Status != test.wantStatus || e.Type != test.wantType):
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if _, err := New(address).Register(t.Context(), "x"); err == nil {
		t.Error("no error")
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	asked := make(chan bool)
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- true
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOneConnectionIsEnough(t *testing.T) {
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{}`) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := New(strings.TrimPrefix(s.URL, "http://"))
	defer c.Close()
	for range 5 {
		if _, err := c.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestConnectionClosedWhileIdle: it is found out before the request is sent, so that no Next is ever sent twice.
func TestConnectionClosedWhileIdle(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closed := make(chan bool)
	var requests atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			conn.Read(buf)
			requests.Add(1)
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			conn.Close()
			closed <- true
		}
	}()
	c := New(l.Addr().String())
	defer c.Close()
	for range 3 {
		if _, err := c.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-closed
		if c.conn != nil {
			awaitDeath(t, c.conn)
		}
	}
	if n := requests.Load(); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// awaitDeath waits until the other side's close has arrived here.
func awaitDeath(t *testing.T, conn net.Conn) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); nonblock.IsIdle(conn); {
		if time.Now().After(deadline) {
			t.Fatal("the connection stays alive")
		}
	}
}

func TestProxyIsNotAsked(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	t.Setenv("NO_PROXY", "")
	var host string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		host = r.RequestURI
		io.WriteString(w, `{}`)
	})
	if _, err := c.Next(t.Context()); err != nil || host != pathNext {
		t.Errorf("got %v, request line %q", err, host)
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"eventType":"INVOKE","deadlineMs":1676051000123,"requestId":"3da1f2dc"}`))
	f.Add([]byte(`{"deadlineMs":9223372036854775807}`))
	for _, body := range eventBodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		readAsJSON(t, b)
		if e, err := parseEvent(b); err == nil && !e.Deadline.IsZero() && e.Deadline.Year() < 1970 {
			t.Errorf("%v", e)
		}
	})
}

// eventBodies are events on which a reader of its own could differ from encoding/json.
var eventBodies = []string{
	`{"eventType":"INVOKE","deadlineMs":1676051000123,"requestId":"3da1f2dc","invokedFunctionArn":"arn:aws:lambda:eu-west-1:123456789012:function:f","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-5;Parent=5;Sampled=1"}}`,
	`{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":0}`, " {\n\"eventType\" : \"INVOKE\" ,\t\"tracing\": { \"type\" : \"\" } }\r\n", `{}`, `{"tracing":{}}`, `{"tracing":null}`, `null`, `[]`, ``, `{`, `"x"`,
	`{"eventType":"a","eventType":"b"}`, `{"EventType":"a"}`, `{"eventType":"a","EVENTTYPE":"b"}`, `{"eventtype":null}`, `{"tracing":{"type":"a"},"tracing":{"value":"b"}}`, `{"tracing":{"type":"a","x":1}}`,
	`{"eventType":"\u0041"}`, `{"eventType":"é"}`, "{\"eventType\":\"\xff\"}", "{\"eventType\":\"\x7f\"}", "{\"eventType\":\"\t\"}", `{"eventType":"\"}`, `{"eventType":7}`, `{"eventType":"a"}x`, `{"eventType":"a",}`, `{,}`, `{"eventType"}`,
	`{"deadlineMs":-1}`, `{"deadlineMs":01}`, `{"deadlineMs":1.5}`, `{"deadlineMs":1e3}`, `{"deadlineMs":"1"}`, `{"deadlineMs":}`, `{"deadlineMs":99999999999999999999}`, `{"more":[1,{"eventType":"b"}],"requestId":"r"}`,
}

// TestEventIsReadAsJSON: whatever the event, what is in it and whether it is one are encoding/json's.
func TestEventIsReadAsJSON(t *testing.T) {
	for _, body := range eventBodies {
		readAsJSON(t, []byte(body))
	}
	for _, body := range eventBodies[:3] { // what Lambda writes
		if p := (eventParser{s: body}); !p.event(new(wireEvent)) {
			t.Errorf("needs encoding/json: %s", body)
		}
	}
}

func readAsJSON(t *testing.T, body []byte) {
	t.Helper()
	var got, want wireEvent
	if p := (eventParser{s: string(body)}); !p.event(&got) {
		return // encoding/json reads it
	}
	if err := json.Unmarshal(body, &want); err != nil || got != want {
		t.Errorf("%q: got %+v; encoding/json: %+v, %v", body, got, want, err)
	}
}

// TestAnAnswerThatIsNoEvent is an answer all the same: there is an environment that this process must not fail.
func TestAnAnswerThatIsNoEvent(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{hunter2") })
	_, err := c.Next(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Status != 200 || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

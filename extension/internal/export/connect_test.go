package export

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// TestDeadConnection: an environment is frozen for minutes, and the other side has long forgotten the connection.
func TestDeadConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var accepted atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			go func() {
				defer conn.Close()
				buf := make([]byte, 64<<10)
				conn.Read(buf)
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				conn.Read(buf) // the second request on this connection is answered by its end
			}()
		}
	}()
	c := client(t, Endpoint{URL: "http://" + l.Addr().String()})
	for n := range 3 {
		if _, err := c.Send(t.Context(), []byte("x")); err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
	}
	if n := accepted.Load(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// TestAnAnswerThatBreaks: whoever began to answer had the spans, so they are not sent again at once.
func TestAnAnswerThatBreaks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var requests atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 64<<10)
				conn.Read(buf)
				requests.Add(1)
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				if n, _ := conn.Read(buf); n > 0 {
					requests.Add(1)
					io.WriteString(conn, "HTTP/1.1 20")
				}
			}()
		}
	}()
	c := client(t, Endpoint{URL: "http://" + l.Addr().String()})
	if _, err := c.Send(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := c.Send(t.Context(), []byte("x")); !errors.As(err, &e) || !e.Retry || requests.Load() != 2 {
		t.Errorf("%d requests, %v", requests.Load(), err)
	}
}

// TestStaleConnectionIsNotUsed: packets to a NAT gateway that forgot are answered by nobody, so waiting would not help.
func TestStaleConnectionIsNotUsed(t *testing.T) {
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := client(t, Endpoint{URL: s.URL})
	for _, idle := range []time.Duration{0, 0, 2 * stale} {
		line := c.ways[otlplog.Traces].line
		line.used = line.used.Add(-idle)
		if _, err := c.Send(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestSendEndsInTime(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		<-r.Context().Done()
	}))
	defer hang.Close()
	black, err := net.Listen("tcp", "127.0.0.1:0") // accepts by the kernel's hand and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer black.Close()
	for name, url := range map[string]string{"no answer": hang.URL, "nobody there": "http://" + black.Addr().String()} {
		t.Run(name+", timeout", func(t *testing.T) {
			_, err := client(t, Endpoint{URL: url, Timeout: 20 * time.Millisecond}).Send(t.Context(), []byte("x"))
			var e *Error
			if !errors.As(err, &e) || !e.Retry || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		t.Run(name+", invocation over", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := client(t, Endpoint{URL: url, Timeout: time.Minute}).Send(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
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
	l.Close()
	_, err = client(t, Endpoint{URL: "http://" + l.Addr().String()}).Send(t.Context(), []byte("x"))
	var e *Error
	if !errors.As(err, &e) || !e.Retry || e.Status != 0 {
		t.Errorf("got %v", err)
	}
}

// TestNothingOutlivesItsSend: what answers a connection but not a handshake must not cost one connection more with each attempt.
func TestNothingOutlivesItsSend(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const attempts = 10
	closed := make(chan struct{}, attempts)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(io.Discard, conn) // until the other side closes it
				closed <- struct{}{}
			}()
		}
	}()
	before := runtime.NumGoroutine()
	for _, timeout := range []time.Duration{0, time.Hour} { // the context ends first in either case
		c := client(t, Endpoint{URL: "https://" + l.Addr().String(), Timeout: timeout})
		for range attempts / 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			if _, err := c.Send(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
		}
	}
	for n := range attempts {
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d of %d connections were closed", n, attempts)
		}
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestOnConnection: it tells of a connection when the handshake is done, also of one that is used again, and never of one that only accepts.
func TestOnConnection(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := client(t, Endpoint{URL: s.URL, CertificateFile: authority})
	for range 2 {
		told := 0
		if _, err := c.Send(OnConnection(t.Context(), func() { told++ }), []byte("x")); err != nil || told != 1 {
			t.Errorf("told %d times, %v", told, err)
		}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancelCause(OnConnection(t.Context(), func() { t.Error("there is no handshake") }))
	time.AfterFunc(20*time.Millisecond, func() { cancel(context.DeadlineExceeded) })
	if _, err := client(t, Endpoint{URL: "https://" + silent.Addr().String()}).Send(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

package export

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// TestSignalsAtATime: each arrives as it was sent, compressed by the one that they share.
func TestSignalsAtATime(t *testing.T) {
	signals := []string{otlplog.Traces, otlplog.Metrics, otlplog.Logs}
	var mu sync.Mutex
	got := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(z)
		mu.Lock()
		defer mu.Unlock()
		got[fmt.Sprintf("%s %.10s %d %v", r.URL.Path, body, len(body), err)]++
	}))
	defer s.Close()
	endpoints := map[string]Endpoint{}
	for _, signal := range signals {
		endpoints[signal] = Endpoint{URL: s.URL + "/" + signal, Compress: true}
	}
	c, err := New(endpoints)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const times = 20
	for range times {
		var all sync.WaitGroup
		for n, signal := range signals {
			all.Go(func() {
				if _, err := c.Send(t.Context(), signal, bytes.Repeat([]byte(signal[:1]), (n+1)*2*smallest)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	for n, signal := range signals {
		if want := fmt.Sprintf("/%s %s %d <nil>", signal, bytes.Repeat([]byte(signal[:1]), 10), (n+1)*2*smallest); got[want] != times {
			t.Errorf("%d of %q in %v", got[want], want, got)
		}
	}
}

// TestAnAnswerIsNotLostToAnother: net/http counts a connection as idle before it hands on the answer that came over it. A limit of idle connections in all closes it then for that
// of another signal, and the request, which was accepted, would be sent again.
func TestAnAnswerIsNotLostToAnother(t *testing.T) {
	idle, closed := make(chan struct{}), make(chan struct{})
	var both sync.WaitGroup
	both.Add(2)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		both.Done()
		both.Wait() // over two connections
		if r.URL.Path == "/second" {
			<-idle
		}
	}))
	defer s.Close()
	c, err := New(map[string]Endpoint{otlplog.Traces: {URL: s.URL + "/first"}, otlplog.Metrics: {URL: s.URL + "/second"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var sent sync.WaitGroup
	for signal, put := range map[string]func(error){
		otlplog.Traces:  func(error) { close(idle); <-closed }, // it counts as idle, and its answer goes nowhere until the other's does, too
		otlplog.Metrics: func(error) { close(closed) },
	} {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{PutIdleConn: put})
		sent.Go(func() {
			if _, err := c.Send(ctx, signal, []byte("x")); err != nil {
				t.Errorf("%s: %v", signal, err)
			}
		})
	}
	sent.Wait()
}

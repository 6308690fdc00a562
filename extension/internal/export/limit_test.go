package export

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimit(t *testing.T) {
	tests := []struct {
		name      string
		connected time.Duration // when; 0: never
		still     time.Duration // for how long the environment stood still
		want      time.Duration
	}{
		{"as a timeout", 0, 0, time.Second},
		{"half of a handshake counts", 400 * time.Millisecond, 0, 1200 * time.Millisecond},
		{"a freeze that is none", 0, time.Second/lateFor - time.Millisecond, time.Second},
		{"a freeze", 0, time.Second / lateFor, 2 * time.Second},
		{"a long one", 0, time.Minute, 2 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, l := NewLimit(t.Context(), time.Second)
				defer l.Stop()
				start := time.Now()
				l.mu.Lock()
				l.start, l.due = l.start.Add(-test.still), l.due.Add(-test.still) // by the wall clock
				l.mu.Unlock()
				if test.connected > 0 {
					time.Sleep(test.connected)
					l.connect()
				}
				<-ctx.Done()
				if took := time.Since(start); took != test.want || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
					t.Errorf("took %v, %v", took, context.Cause(ctx))
				}
				if l.Froze() != (test.still >= time.Second/lateFor) {
					t.Errorf("froze: %v", l.Froze())
				}
			})
		})
	}
}

// TestOnWaiting: once a request is written there is nothing to do, and neither while a connection is made.
func TestOnWaiting(t *testing.T) {
	var told atomic.Int64
	atCollector := make(chan int64, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for end := time.Now().Add(10 * time.Second); told.Load() == 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		atCollector <- told.Load()
	}))
	defer s.Close()
	c := client(t, Endpoint{URL: s.URL})
	for range 2 { // on a connection of its own, and on one that is there
		told.Store(0)
		if _, err := c.Send(OnWaiting(t.Context(), func() { told.Add(1) }), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if n := <-atCollector; n == 0 {
			t.Error("not told before the answer")
		}
	}
	s.Close()
	told.Store(0)
	c = client(t, Endpoint{URL: s.URL})
	if _, err := c.Send(OnWaiting(t.Context(), func() { told.Add(1) }), []byte("x")); err == nil || told.Load() == 0 {
		t.Errorf("told %d times of a connection that cannot be made, %v", told.Load(), err)
	}
}

package export

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

func TestTheLogIsReadBack(t *testing.T) {
	var w bytes.Buffer
	payload := request(1000, "a", "b")
	if _, err := NewLog(&w).Send(t.Context(), otlplog.Logs, payload); err != nil {
		t.Fatal(err)
	}
	var d otlplog.Decoder
	b, err := d.Decode(w.String())
	if err != nil || b == nil || b.Signal != otlplog.Logs || !bytes.Equal(b.Payload, payload) {
		t.Errorf("got %v %v", b, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	w.Reset()
	var e *Error
	if _, err := NewLog(&w).Send(over, otlplog.Traces, payload); !errors.As(err, &e) || !e.Retry || w.Len() != 0 {
		t.Errorf("got %v, %d bytes", err, w.Len())
	}
	if _, err := NewLog(full{}).Send(t.Context(), otlplog.Traces, payload); !errors.As(err, &e) || !e.Retry {
		t.Errorf("got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

// TestALogThatNobodyReads: a batch is given up with its context, and so is the next one while the first is still being written.
func TestALogThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		log := NewLog(w)
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			var e *Error
			if _, err := log.Send(ctx, otlplog.Traces, request(10, "a")); !errors.As(err, &e) || !e.Retry || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
		}
		got := make(chan string)
		go func() {
			b, _ := io.ReadAll(r)
			got <- string(b)
		}()
		if _, err := log.Send(t.Context(), otlplog.Traces, request(10, "b")); err != nil {
			t.Error(err)
		}
		w.Close()
		if n := strings.Count(<-got, otlplog.Mark); n != 2 {
			t.Errorf("%d lines", n)
		}
	})
}

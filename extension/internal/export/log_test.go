package export

import (
	"bytes"
	"context"
	"errors"
	"testing"

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

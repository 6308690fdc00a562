package export

import (
	"context"
	"fmt"
	"io"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// A Log writes batches into the function's log, as lines that package otlplog reads back.
type Log struct {
	w io.Writer
}

// NewLog makes one. w is what Lambda reads line by line; each line is one Write.
func NewLog(w io.Writer) *Log { return &Log{w} }

// Send writes a batch. Once its first line is written the others follow: without all of them it cannot be read.
func (l *Log) Send(ctx context.Context, signal string, payload []byte) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, &Error{Retry: true, Text: err.Error(), cause: err}
	}
	lines, err := otlplog.Encode(otlplog.Batch{Signal: signal, Payload: payload})
	if err != nil {
		return Result{}, &Error{Text: err.Error(), cause: err}
	}
	for _, line := range lines {
		if _, err := io.WriteString(l.w, line); err != nil {
			err = fmt.Errorf("write to the log: %w", err)
			return Result{}, &Error{Retry: true, Text: err.Error(), cause: err}
		}
	}
	return Result{}, nil
}

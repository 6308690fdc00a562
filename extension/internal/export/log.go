package export

import (
	"context"
	"fmt"
	"io"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// A Log writes batches into the function's log, as lines that package otlplog reads back.
type Log struct {
	w    io.Writer
	free chan struct{} // holds one while nothing is written
}

// NewLog makes one. w is what Lambda reads line by line; each line is one Write.
func NewLog(w io.Writer) *Log {
	l := &Log{w: w, free: make(chan struct{}, 1)}
	l.free <- struct{}{}
	return l
}

// Send writes a batch. Once its first line is written the others follow: without all of them it cannot be read. The log is a pipe, which holds up its writer
// while nobody reads; then Send returns with its context, and what it had begun is written once that is possible, beside what comes of the next attempt.
func (l *Log) Send(ctx context.Context, signal string, payload []byte) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, &Error{Retry: true, Text: err.Error(), cause: err}
	}
	lines, err := otlplog.Encode(otlplog.Batch{Signal: signal, Payload: payload})
	if err != nil {
		return Result{}, &Error{Text: err.Error(), cause: err}
	}
	select {
	case <-l.free:
	case <-ctx.Done():
		return Result{}, &Error{Retry: true, Text: "nobody reads the log", cause: ctx.Err()}
	}
	written := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				written <- fmt.Errorf("write to the log: a panic: %T", r)
			}
			l.free <- struct{}{}
		}()
		written <- l.write(lines)
	}()
	select {
	case err = <-written:
	case <-ctx.Done():
		return Result{}, &Error{Retry: true, Text: "nobody reads the log", cause: ctx.Err()}
	}
	if err != nil {
		return Result{}, &Error{Retry: true, Text: err.Error(), cause: err}
	}
	return Result{}, nil
}

func (l *Log) write(lines []string) error {
	for _, line := range lines {
		if _, err := io.WriteString(l.w, line); err != nil {
			return fmt.Errorf("write to the log: %w", err)
		}
	}
	return nil
}

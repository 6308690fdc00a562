package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/infra/local/replay"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// A playing is one replay.
type playing struct {
	call
	collector *replay.Collector
	decoder   otlplog.Decoder
	batches   map[string]int // by signal
	failed    int
	rejected  int64
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ", ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func runReplay(ctx context.Context, c call, args []string) error {
	var endpoint, runs string
	var headers list
	flags := c.flags("replay", &runs)
	flags.StringVar(&endpoint, "endpoint", "", "base `URL` of an OTLP/HTTP collector; without one, what the log holds is shown")
	flags.Var(&headers, "header", "a header of each request, as `name=value`; may be given several times")
	files, err := parse(flags, args)
	if err != nil {
		return err
	}
	if endpoint == "" && len(headers) > 0 {
		return c.misuse("headers are of no use without --endpoint")
	}
	p := &playing{call: c, batches: map[string]int{}}
	if endpoint == "" {
		return p.show(ctx, files)
	}
	if p.collector, err = replay.NewCollector(endpoint, headers); err != nil {
		return c.misuse("%v", err)
	}
	if err := p.play(ctx, files); err != nil {
		return err
	}
	return p.conclude("sent")
}

// show replays to a collector of our own, and tells what arrived there.
func (p *playing) show(ctx context.Context, files []string) error {
	receiver, err := otlptest.Start(otlptest.Options{}) //nolint:contextcheck // it ends with Close
	if err != nil {
		return fmt.Errorf("start a collector to look at the log: %w", err)
	}
	defer func() { _ = receiver.Close() }() // nothing can be done about an error
	if p.collector, err = replay.NewCollector(receiver.URL(), nil); err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	if err := p.play(ctx, files); err != nil {
		return err
	}
	if spans := receiver.Spans(); len(spans) > 0 {
		if err := otlptest.WriteFlow(p.stdout, spans, otlptest.FlowOptions{}); err != nil {
			return fmt.Errorf("show flows: %w", err)
		}
	}
	return p.conclude("found")
}

// play reads the files, or stdin if there are none, and posts what is in them.
func (p *playing) play(ctx context.Context, files []string) error {
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := p.file(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (p *playing) file(ctx context.Context, name string) error {
	log := p.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			var shown *os.PathError
			if errors.As(err, &shown) {
				err = shown.Err // the name is said already
			}
			return fmt.Errorf("open log: %w", err)
		}
		defer f.Close()
		log = io.Reader(f)
	}
	return replay.Read(log, &p.decoder, func(b otlplog.Batch) error { return p.post(ctx, b) })
}

// post sends a batch. One that is refused is said and counted, and the others are sent all the same.
func (p *playing) post(ctx context.Context, b otlplog.Batch) error {
	switch b.Signal {
	case otlplog.Traces, otlplog.Metrics, otlplog.Logs:
	default:
		p.failed++
		fmt.Fprintf(p.stderr, "afterglow: a batch of %q is none that this version knows\n", b.Signal)
		return nil
	}
	rejected, reason, err := p.collector.Post(ctx, b)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		p.failed++
		fmt.Fprintf(p.stderr, "afterglow: %s: %v\n", b.Signal, err)
		return nil
	}
	p.batches[b.Signal]++
	if rejected > 0 {
		p.rejected += rejected
		fmt.Fprintf(p.stderr, "afterglow: %s: the collector rejected %d records: %s\n", b.Signal, rejected, reason)
	}
	return nil
}

// conclude tells how it went. All is well only if something was found, whole, and accepted.
func (p *playing) conclude(did string) error {
	incomplete, damaged := p.decoder.Missing()
	all := 0
	var parts []string
	for signal, n := range p.batches {
		all += n
		parts = append(parts, fmt.Sprintf("%d of %s", n, signal))
	}
	sort.Strings(parts)
	if all > 0 {
		fmt.Fprintf(p.stdout, "%s %s: %s\n", did, count(all, "batch", "batches"), strings.Join(parts, ", "))
	}
	wrong := false
	for _, w := range []struct {
		n    int
		text string
	}{
		{p.failed, count(p.failed, "batch was", "batches were") + " not accepted"},
		{incomplete, count(incomplete, "batch lacks", "batches lack") + " lines: look whether the log was cut, or asked for too short a time"},
		{damaged, count(damaged, "line or batch is", "lines or batches are") + " damaged"},
		{int(p.rejected), count(int(p.rejected), "record was", "records were") + " rejected"},
	} {
		if w.n > 0 {
			wrong = true
			fmt.Fprintln(p.stderr, "afterglow:", w.text)
		}
	}
	if all == 0 && !wrong {
		return fmt.Errorf("there is no line of Afterglow's in it: they begin with %s", otlplog.Mark)
	}
	if wrong {
		return errTold
	}
	return nil
}

func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

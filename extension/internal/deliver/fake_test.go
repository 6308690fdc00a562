package deliver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// request makes one of one resource, with spans of those names, each of about that size.
func request(size int, names ...string) []byte {
	r := otlp.ResourceSpans{Scope: otlp.Scope{Name: "afterglow"}}
	for _, name := range names {
		r.Spans = append(r.Spans, otlp.Span{Name: name, Attributes: []otlp.KeyValue{otlp.String("large", strings.Repeat("y", size))}})
	}
	return otlp.AppendRequest(nil, r)
}

// names reads those of the spans in a request.
func names(payload []byte) (all []string) {
	var d tracepb.TracesData // the same bytes as an ExportTraceServiceRequest
	if err := proto.Unmarshal(payload, &d); err != nil {
		return []string{"unreadable"}
	}
	for _, r := range d.GetResourceSpans() {
		for _, s := range r.GetScopeSpans() {
			for _, span := range s.GetSpans() {
				all = append(all, span.GetName())
			}
		}
	}
	return all
}

// A fake is an exporter whose answers are told.
type fake struct {
	answer   func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) // n counts from 1; nil: accepts
	mu       sync.Mutex
	sends    int
	sizes    []int
	accepted []string // names of spans, in the order of arrival; with the signal before it if it is another
	spent    time.Duration
}

func (f *fake) Send(ctx context.Context, signal string, payload []byte) (result export.Result, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sends++
	f.sizes = append(f.sizes, len(payload))
	start := time.Now()
	defer func() { f.spent += time.Since(start) }()
	if f.answer != nil {
		if result, err = f.answer(ctx, f.sends, signal, payload); err != nil {
			return result, err
		}
	}
	for _, name := range names(payload) {
		if signal != otlplog.Traces {
			name = signal + ":" + name
		}
		f.accepted = append(f.accepted, name)
	}
	return result, nil
}

// Answers of a fake.
func hangs(ctx context.Context, _ int, _ string, _ []byte) (export.Result, error) {
	<-ctx.Done()
	return export.Result{}, &export.Error{Retry: true, Text: "no answer"}
}

func takes(d time.Duration) func(context.Context, int, string, []byte) (export.Result, error) {
	return func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
		select {
		case <-time.After(d):
			return export.Result{}, nil
		case <-ctx.Done():
			return hangs(ctx, n, signal, payload)
		}
	}
}

func says(e export.Error) func(context.Context, int, string, []byte) (export.Result, error) {
	return func(context.Context, int, string, []byte) (export.Result, error) { return export.Result{}, &e }
}

var (
	down   = says(export.Error{Status: 503, Retry: true, Text: "down"})
	nobody = says(export.Error{Retry: true, Text: "connection refused"})
)

// A stand is a Lanes in a directory of its own.
type stand struct {
	*Lanes
	t     *testing.T
	o     Options
	log   bytes.Buffer
	lost  losses
	again losses
	last  Report
}

func newStand(t *testing.T, change func(*Options), exporters ...Exporter) *stand {
	t.Helper()
	s := &stand{t: t}
	s.o = Options{Exporters: exporters, Dir: filepath.Join(t.TempDir(), "outbox"), Bytes: 1 << 20, Age: 24 * time.Hour, Log: zerolog.New(&s.log)}
	if change != nil {
		change(&s.o)
	}
	s.Lanes = New(s.o)
	return s
}

// one is an exporter of traces.
func one(f *fake) Exporter {
	return Exporter{Name: "otlp", Signals: []string{otlplog.Traces}, Sender: f}
}

// reset is the next process.
func (s *stand) reset() { s.Lanes = New(s.o) }

// add adds spans of those names, a batch each.
func (s *stand) add(names ...string) {
	for _, name := range names {
		s.Add(Batch{Signal: otlplog.Traces, Payload: request(10, name), Records: 1})
	}
}

// flush flushes and tells how long that took.
func (s *stand) flush(last bool) time.Duration {
	s.t.Helper()
	start := time.Now()
	s.last = s.Flush(s.t.Context(), last)
	for _, l := range s.last.Lost {
		s.lost.merge(l)
	}
	for _, l := range s.last.Again {
		s.again.merge(l)
	}
	return time.Since(start)
}

// invoke is an invocation at the end of which everything is flushed.
func (s *stand) invoke(name string) time.Duration {
	s.t.Helper()
	s.add(name)
	return s.flush(false)
}

func (s *stand) want(f *fake, accepted string) {
	s.t.Helper()
	if got := strings.Join(f.accepted, " "); got != accepted {
		s.t.Errorf("accepted %q, want %q", got, accepted)
	}
}

func (s *stand) wantLost(want string) {
	s.t.Helper()
	if got := counts(s.lost); got != want {
		s.t.Errorf("lost %q, want %q", got, want)
	}
}

// wantAgain is about what has to be told again.
func (s *stand) wantAgain(want string) {
	s.t.Helper()
	if got := counts(s.again); got != want {
		s.t.Errorf("to be told again %q, want %q", got, want)
	}
}

func counts(lost losses) string {
	var got []string
	for _, l := range lost {
		got = append(got, fmt.Sprintf("%s:%d", l.Reason, l.Records))
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

// files lists the outbox.
func (s *stand) files() (names []string) {
	s.t.Helper()
	entries, err := os.ReadDir(s.o.Dir)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (s *stand) wantFiles(n int) {
	s.t.Helper()
	if got := s.files(); len(got) != n {
		s.t.Errorf("files %q, want %d", got, n)
	}
}

package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// request makes one of one resource, with spans of those names, each of about that size.
func request(size int, names ...string) []byte {
	r := otlp.ResourceSpans{Resource: []otlp.KeyValue{otlp.String("service.name", "shop")}, Scope: otlp.Scope{Name: "afterglow"}, SchemaURL: "https://schema.example"}
	for _, name := range names {
		r.Spans = append(r.Spans, otlp.Span{Name: name, ID: [8]byte{1}, Kind: otlp.KindClient, DroppedAttributes: 2,
			Attributes: []otlp.KeyValue{otlp.String("small", "x"), otlp.String("large", strings.Repeat("y", size))}})
	}
	return otlp.AppendRequest(nil, r)
}

// A fake is an exporter whose answers are told. accepted holds the names of spans that it took, in the order of arrival.
type fake struct {
	answer   func(n int, payload []byte) error // n counts from 1
	sends    int
	accepted []string
	sizes    []int
}

func (f *fake) Send(_ context.Context, payload []byte) (Result, error) {
	f.sends++
	if f.answer != nil {
		if err := f.answer(f.sends, payload); err != nil {
			return Result{}, err
		}
	}
	f.sizes = append(f.sizes, len(payload))
	f.accepted = append(f.accepted, names(payload)...)
	return Result{}, nil
}

// names reads those of the spans in a request.
func names(payload []byte) (all []string) {
	each := func(b []byte, number int, do func([]byte)) {
		list, _ := fields(b)
		for _, f := range list {
			if int(f.number) == number {
				do(f.content)
			}
		}
	}
	each(payload, fieldResourceSpans, func(b []byte) {
		each(b, fieldScopeSpans, func(b []byte) {
			each(b, fieldSpan, func(b []byte) { each(b, 5, func(b []byte) { all = append(all, string(b)) }) })
		})
	})
	return all
}

func down(int, []byte) error { return &Error{Status: 503, Retry: true, Text: "down"} }

func want(t *testing.T, f *fake, accepted string) {
	t.Helper()
	if got := strings.Join(f.accepted, " "); got != accepted {
		t.Errorf("accepted %q, want %q", got, accepted)
	}
}

func TestEachGetsEverythingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		works, fails := &fake{}, &fake{answer: down}
		g := NewGroup(Exporter{Name: "works", Sender: works}, Exporter{Name: "fails", Sender: fails})
		a, b, c := request(1, "a"), request(1, "b"), request(1, "c")
		send := func(payload []byte, wantOK, paused bool) {
			t.Helper()
			_, err := g.Send(t.Context(), payload)
			var e *Error
			if (err == nil) != wantOK || !wantOK && (!errors.As(err, &e) || !e.Retry || !e.Partly || e.Paused != paused || !strings.Contains(e.Text, "fails: collector answered 503: down") || strings.Contains(e.Text, "works")) {
				t.Errorf("got %+v", err)
			}
		}
		send(slices.Concat(a, b), false, false)
		send(slices.Concat(a, b, c), false, true) // joined with another
		send(b, false, true)                      // alone
		want(t, works, "a b c")
		if fails.sends != 1 {
			t.Errorf("%d sends to one that is to be left alone", fails.sends)
		}
		time.Sleep(firstBreak)
		fails.answer = nil
		send(slices.Concat(a, b), true, false)
		send(c, true, false)
		want(t, works, "a b c")
		want(t, fails, "a b c")
		for _, l := range g.lanes {
			if len(l.settled) != 0 || len(l.order) != 0 {
				t.Errorf("%s remembers %d", l.Name, len(l.settled))
			}
		}
		send(a, true, false) // what comes again after all of that is not the same batch
		want(t, works, "a b c a")
	})
}

func TestAllFail(t *testing.T) {
	for name, turn := range map[string]func([]Exporter){"the longer pause first": func([]Exporter) {}, "the shorter pause first": slices.Reverse[[]Exporter]} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, y := &fake{answer: func(int, []byte) error { return &Error{Status: 429, Retry: true, After: 20 * time.Second} }}, &fake{answer: down}
				exporters := []Exporter{{Name: "x", Sender: x}, {Name: "y", Sender: y}}
				turn(exporters)
				g := NewGroup(exporters...)
				_, err := g.Send(t.Context(), request(1, "a"))
				var e *Error
				if !errors.As(err, &e) || e.Partly || !e.Retry || e.After != firstBreak {
					t.Errorf("got %+v", err)
				}
				x.answer, y.answer = nil, nil
				if _, err = g.Send(t.Context(), request(1, "a")); !errors.As(err, &e) || !e.Paused || x.sends+y.sends != 2 {
					t.Errorf("got %+v", err)
				}
				g.Last()
				if _, err = g.Send(t.Context(), request(1, "a")); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestTheySendAtTheSameTime: one that hangs does not keep the others' data, and all have the same deadline.
func TestTheySendAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, works := hanging{}, &fake{}
		g := NewGroup(Exporter{Name: "hangs", Sender: hangs}, Exporter{Name: "hangs too", Sender: hangs}, Exporter{Name: "works", Sender: works})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := g.Send(ctx, request(1, "a"))
		if took := time.Since(start); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v after %v", err, took)
		}
		want(t, works, "a")
	})
}

type hanging struct{}

func (hanging) Send(ctx context.Context, _ []byte) (Result, error) {
	<-ctx.Done()
	return Result{}, &Error{Retry: true, Text: "no answer", cause: ctx.Err()}
}

type breaking struct{}

func (breaking) Send(context.Context, []byte) (Result, error) { panic("hunter2") }

func TestAnExporterThatBreaks(t *testing.T) {
	works := &fake{}
	_, err := NewGroup(Exporter{Name: "breaks", Sender: breaking{}}, Exporter{Name: "works", Sender: works}).Send(t.Context(), request(1, "a"))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	want(t, works, "a")
}

// TestRefusedForGood: what one does not want is counted, and neither the rest nor the others are lost for it.
func TestRefusedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strict := &fake{answer: func(_ int, payload []byte) error {
			if slices.Contains(names(payload), "bad") {
				return &Error{Status: 400, Text: "bad span"}
			}
			return nil
		}}
		works := &fake{}
		g := NewGroup(Exporter{Name: "strict", Sender: strict}, Exporter{Name: "works", Sender: works})
		payload := slices.Concat(request(1, "a"), request(1, "bad", "neighbour"), request(1, "b"))
		rejected := int64(0)
		var err error
		for range 3 {
			var r Result
			r, err = g.Send(t.Context(), payload)
			rejected += r.Rejected
			if r.Rejected > 0 && !strings.Contains(r.Text, "strict: export spans: collector answered 400: bad span") {
				t.Errorf("said %q", r.Text)
			}
			if err == nil {
				break
			}
			time.Sleep(longestBreak)
		}
		if err != nil || rejected != 2 {
			t.Errorf("%d rejected, %v", rejected, err)
		}
		want(t, strict, "a b")
		want(t, works, "a bad neighbour b")
	})
}

func TestLimits(t *testing.T) {
	const size = 1000 // of a span, about
	many := make([]string, 10)
	for n := range many {
		many[n] = fmt.Sprintf("s%d", n)
	}
	tests := []struct {
		name     string
		limits   Limits
		payload  []byte
		requests int
		accepted string
		rejected int64
	}{
		{"within them", Limits{Bytes: 20_000, Spans: 10, SpanBytes: 2000}, request(size, many...), 1, strings.Join(many, " "), 0},
		{"no limits", Limits{}, slices.Concat(request(size, many...), request(size, "x")), 1, strings.Join(many, " ") + " x", 0},
		{"too many spans", Limits{Spans: 4}, request(size, many...), 3, strings.Join(many, " "), 0},
		{"too many bytes", Limits{Bytes: 3500}, request(size, many...), 4, strings.Join(many, " "), 0},
		{"two that do not fit together", Limits{Bytes: 1500}, slices.Concat(request(size, "a"), request(size, "b")), 2, "a b", 0},
		{"a span too large, shrunk", Limits{SpanBytes: 200}, request(size, "a", "b"), 1, "a b", 0},
		{"a span too large", Limits{SpanBytes: 200}, request(1, "a", strings.Repeat("n", 300), "b"), 1, "a b", 1},
		{"too large for any request", Limits{Bytes: 300}, request(1, "a", strings.Repeat("n", 300), "b"), 1, "a b", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{}
			r, err := NewGroup(Exporter{Name: "x", Sender: f, Limits: test.limits}).Send(t.Context(), test.payload)
			want(t, f, test.accepted)
			if err != nil || f.sends != test.requests || r.Rejected != test.rejected || (r.Text == "") != (test.rejected == 0) {
				t.Errorf("%d requests, %+v, %v", f.sends, r, err)
			}
			for _, n := range f.sizes {
				if test.limits.Bytes > 0 && n > test.limits.Bytes {
					t.Errorf("a request of %d bytes", n)
				}
			}
		})
	}
}

// TestASplitBatchIsResumed: requests that were accepted are not made again.
func TestASplitBatchIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(n int, payload []byte) error {
			if n == 2 {
				return down(n, payload)
			}
			return nil
		}}
		g := NewGroup(Exporter{Name: "x", Sender: f, Limits: Limits{Spans: 1, SpanBytes: 100}})
		payload := request(1, "a", strings.Repeat("n", 300), "b", "c")
		r1, err := g.Send(t.Context(), payload)
		if err == nil {
			t.Error("no error")
		}
		time.Sleep(firstBreak)
		r2, err := g.Send(t.Context(), slices.Concat(payload, request(1, "d")))
		if err != nil || r1.Rejected+r2.Rejected != 1 {
			t.Errorf("%v, %d and %d rejected", err, r1.Rejected, r2.Rejected)
		}
		want(t, f, "a b c d")
	})
}

func TestTheLogIsReadBack(t *testing.T) {
	var w bytes.Buffer
	payload := request(1000, "a", "b")
	if _, err := NewLog(&w).Send(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	var d otlplog.Decoder
	b, err := d.Decode(w.String())
	if err != nil || b == nil || b.Signal != otlplog.Traces || !bytes.Equal(b.Payload, payload) {
		t.Errorf("got %v %v", b, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	w.Reset()
	var e *Error
	if _, err := NewLog(&w).Send(over, payload); !errors.As(err, &e) || !e.Retry || w.Len() != 0 {
		t.Errorf("got %v, %d bytes", err, w.Len())
	}
	if _, err := NewLog(full{}).Send(t.Context(), payload); !errors.As(err, &e) || !e.Retry {
		t.Errorf("got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func FuzzGroup(f *testing.F) {
	f.Add(request(300, "a", "b"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		x := &fake{}
		if _, err := NewGroup(Exporter{Name: "x", Sender: x, Limits: Limits{Bytes: 400, Spans: 1, SpanBytes: 100}}).Send(t.Context(), payload); err != nil {
			t.Error(err)
		}
	})
}

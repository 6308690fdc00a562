package deliver

import (
	"context"
	"errors"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
)

// writes does a request's work, has it written, and then does as told.
func writes(work time.Duration, then func(context.Context, int, string, []byte) (export.Result, error)) func(context.Context, int, string, []byte) (export.Result, error) {
	return func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
		time.Sleep(work)
		if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.WroteRequest != nil {
			trace.WroteRequest(httptrace.WroteRequestInfo{})
		}
		return then(ctx, n, signal, payload)
	}
}

// beside flushes for somebody who waits for work alone, and tells how long that was; the answer is not waited for by him, but by the test.
func (s *stand) beside() (waited time.Duration, told int) {
	s.t.Helper()
	start := time.Now()
	waited = -1
	s.last = s.Flush(Beside(s.t.Context(), func() { waited = time.Since(start); told++ }), false)
	return waited, told
}

// TestBeside: whoever does not want to wait for answers is told when there is nothing else left, of all exporters, once.
func TestBeside(t *testing.T) {
	const ms = time.Millisecond
	refuses := func(context.Context, int, string, []byte) (export.Result, error) {
		return export.Result{}, &export.Error{Retry: true, Text: "connection refused"}
	}
	tests := []struct {
		name  string
		fakes []*fake
		want  time.Duration // -1: never
	}{
		{"nobody", nil, -1},
		{"one", []*fake{{answer: writes(3*ms, takes(50*ms))}}, 3 * ms},
		{"the last one that has work", []*fake{{answer: writes(3*ms, takes(50*ms))}, {answer: writes(8*ms, takes(20*ms))}}, 8 * ms},
		{"one that refuses, and is nothing to wait for", []*fake{{answer: writes(3*ms, takes(50*ms))}, {answer: refuses}}, 3 * ms},
		{"all refuse", []*fake{{answer: refuses}, {answer: refuses}}, -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var exporters []Exporter
				for n, f := range test.fakes {
					e := one(f)
					e.Name += string(rune('a' + n))
					exporters = append(exporters, e)
				}
				s := newStand(t, nil, exporters...)
				s.add("A")
				waited, told := s.beside()
				if waited != test.want || told > 1 {
					t.Errorf("waited %v, told %d times", waited, told)
				}
			})
		})
	}
}

// TestNobodyPaysForWhatNobodyWaitedFor: a collector that hangs beside the function costs no credit, and the next attempt needs as much as ever.
func TestNobodyPaysForWhatNobodyWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: writes(3*time.Millisecond, hangs)}
		s := newStand(t, nil, one(f))
		s.add("A")
		s.beside()
		if have := s.credit.now(wall(time.Now()), s.most()); have < firstCredit-3*time.Millisecond {
			t.Errorf("the credit is %v", have)
		}
		if need := s.lanes[0].breaker.need; need < 2*firstCredit-6*time.Millisecond {
			t.Errorf("the next one needs %v", need)
		}
		if s.wantFiles(1); !s.last.Safe {
			t.Error("what was not answered is not on disk")
		}
	})
}

// frozen stands for an environment that stands still in the middle of a request for as long as no attempt may take.
func frozen(f *fake) func(context.Context, int, string, []byte) (export.Result, error) {
	return writes(0, func(context.Context, int, string, []byte) (export.Result, error) {
		time.Sleep(time.Minute)
		f.answer = nil
		return export.Result{}, &export.Error{Retry: true, Text: "connection reset by peer"}
	})
}

// TestAFreezeTellsNothingOfTheCollector: the request is sent again with the next flush, alone, and nobody is punished; but one after the other is no accident.
func TestAFreezeTellsNothingOfTheCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := newStand(t, nil, one(f))
		s.invoke("before")
		f.answer = frozen(f)
		s.add("A")
		s.beside()
		if b := s.lanes[0].breaker; !s.Due(time.Now()) || b.failures > 0 || b.full > defaultTimeout {
			t.Fatalf("due: %v, %+v", s.Due(time.Now()), b)
		}
		s.wantFiles(1)
		s.add("B")
		s.beside()
		s.want(f, "before A B")
		if f.sends != 4 {
			t.Errorf("%d requests", f.sends)
		}
		f.answer = frozen(f)
		s.add("C")
		s.beside()
		f.answer = frozen(f)
		s.beside()
		if b := s.lanes[0].breaker; b.failures != 1 {
			t.Errorf("after two in a row %+v", b)
		}
	})
}

// TestAnAnswerThatTookAFreezeTellsNoTime: what works after it is trusted as before, and not with four times the freeze.
func TestAnAnswerThatTookAFreezeTellsNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: takes(150 * time.Millisecond)}
		s := newStand(t, nil, one(f))
		s.invoke("before")
		full := s.lanes[0].breaker.full
		f.answer = func(context.Context, int, string, []byte) (export.Result, error) {
			time.Sleep(time.Hour)
			return export.Result{}, nil
		}
		s.add("A")
		s.beside()
		if b := s.lanes[0].breaker; b.full != full {
			t.Errorf("trusted with %v, before with %v", b.full, full)
		}
		s.want(f, "before A")
	})
}

// TestWhoWaitsAfterAllEndsIt: SHUTDOWN breaks off what goes on beside; what was not answered is kept.
func TestWhoWaitsAfterAllEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: writes(0, hangs)}
		s := newStand(t, nil, one(f))
		s.add("A")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("the environment ends")) })
		s.last = s.Flush(Beside(ctx, func() {}), false)
		if s.wantFiles(1); !s.last.Safe {
			t.Error("it is not on disk")
		}
		f.answer = nil
		s.flush(true)
		s.want(f, "A")
	})
}

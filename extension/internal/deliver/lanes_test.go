package deliver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

func named(name string, f Sender) Exporter {
	return Exporter{Name: name, Signals: []string{otlplog.Traces, otlplog.Metrics, otlplog.Logs}, Sender: f}
}

// TestEachGetsEverythingOnce: one that is down is not in the others' way, and what they have accepted does not reach them again.
func TestEachGetsEverythingOnce(t *testing.T) {
	for name, reset := range map[string]bool{"in one process": false, "over a reset": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				works, fails := &fake{}, &fake{answer: down}
				s := newStand(t, nil, named("works", works), named("fails", fails))
				s.add("a", "b")
				s.flush(false)
				s.invoke("c")
				s.want(works, "a b c")
				if fails.sends != 1 || !s.last.Safe || s.last.Kept != 2 {
					t.Errorf("%d sends to one that is to be left alone, %+v", fails.sends, s.last)
				}
				s.wantFiles(2) // one for each flush, and none for the one that has all
				if reset {
					s.reset()
				}
				time.Sleep(firstBreak)
				fails.answer = nil
				s.invoke("d")
				s.want(works, "a b c d")
				s.want(fails, "a b c d")
				s.wantFiles(0)
				if s.last.Kept != 0 || len(s.log.String()) == 0 || strings.Count(s.log.String(), "\n") != 1 || !strings.Contains(s.log.String(), `"exporter":"fails"`) {
					t.Errorf("%+v, log: %s", s.last, s.log.String())
				}
			})
		})
	}
}

// TestTheySendAtTheSameTime: one that hangs does not keep the others' data.
func TestTheySendAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		works := &fake{}
		s := newStand(t, nil, named("x", &fake{answer: hangs}), named("y", &fake{answer: hangs}), named("works", works))
		if took := s.invoke("a"); took != firstCredit {
			t.Errorf("it took %v", took)
		}
		s.want(works, "a")
	})
}

type breaking struct{}

func (breaking) Send(context.Context, string, []byte) (export.Result, error) { panic("hunter2") }

func TestAnExporterThatBreaks(t *testing.T) {
	for name, others := range map[string][]Exporter{"alone": nil, "with another": {named("works", &fake{})}} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, nil, append(others, named("breaks", breaking{}))...)
			s.invoke("a")
			if log := s.log.String(); strings.Contains(log, "hunter2") || !strings.Contains(log, "the exporter broke") || s.last.Kept != 1 || !s.last.Safe {
				t.Errorf("%+v, log: %s", s.last, log)
			}
		})
	}
}

// TestAFlushEndsWithItsContext: and what was not sent then is on disk.
func TestAFlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: hangs}
		s := newStand(t, nil, one(f))
		s.add("a")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if r := s.Flush(ctx, false); time.Since(start) != 100*time.Millisecond || !r.Safe || r.Kept != 1 {
			t.Errorf("%+v after %v", r, time.Since(start))
		}
		f.answer = nil
		s.invoke("b") // it was the invocation that had no more time: nobody is left alone for that
		s.want(f, "a b")
	})
}

// refuse answers requests that hold one of those spans.
func refuse(status int, names_ ...string) func(context.Context, int, string, []byte) (export.Result, error) {
	return func(_ context.Context, _ int, _ string, payload []byte) (export.Result, error) {
		for _, name := range names(payload) {
			if slices.Contains(names_, name) {
				return export.Result{}, &export.Error{Status: status, Text: "bad span"}
			}
		}
		return export.Result{}, nil
	}
}

func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("s%d", i))
	}
	return all
}

// TestTheCulpritIsFound: what a collector does not want takes nothing else with it.
func TestTheCulpritIsFound(t *testing.T) {
	many := numbered(1000)
	without := slices.DeleteFunc(slices.Clone(many), func(s string) bool { return s == "s617" })
	tests := []struct {
		name     string
		add      [][]string
		status   int
		bad      []string
		accepted string
		lost     string
		most     int // requests
	}{
		{"among batches", [][]string{{"a"}, {"bad"}, {"b"}, {"c"}}, 400, []string{"bad"}, "a b c", "refused:1", 5},
		{"among the spans of a batch", [][]string{{"a", "bad", "b"}, {"c"}}, 400, []string{"bad"}, "a b c", "refused:1", 9},
		{"among a thousand spans", [][]string{many}, 400, []string{"s617"}, strings.Join(without, " "), "refused:1", 21},
		{"two of them", [][]string{{"a", "bad", "b", "c", "d", "e", "worse", "f"}}, 422, []string{"bad", "worse"}, "a b c d e f", "refused:2", 15},
		{"alone", [][]string{{"bad"}}, 400, []string{"bad"}, "", "refused:1", 1},
		{"an answer that is not about the content", [][]string{{"a"}, {"bad"}}, 401, []string{"bad"}, "", "refused:2", 1},
		{"a bug of the collector's", [][]string{{"a"}, {"bad"}}, 500, []string{"bad"}, "", "refused:2", 1},
		{"traces are not taken at all", [][]string{{"a"}, {"bad"}}, 404, []string{"bad"}, "", "refused:2", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // on a busy machine a thousand spans would be asked for longer than a flush may ask
				f := &fake{answer: refuse(test.status, test.bad...)}
				s := newStand(t, nil, one(f))
				for _, batch := range test.add {
					s.Add(Batch{Signal: otlplog.Traces, Payload: request(10, batch...), Records: len(batch)})
				}
				s.flush(false)
				s.want(f, test.accepted)
				s.wantLost(test.lost)
				s.wantFiles(0)
				if f.sends > test.most || !s.last.Safe || s.last.Kept != 0 {
					t.Errorf("%d requests, %+v", f.sends, s.last)
				}
				if !strings.Contains(s.log.String(), fmt.Sprintf("%d: bad span", test.status)) {
					t.Errorf("log: %s", s.log.String())
				}
			})
		})
	}
}

// TestOneThatRefusesEverything is not asked twenty times for each batch.
func TestOneThatRefusesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: says(export.Error{Status: 400, Text: "no"})}
		s := newStand(t, nil, one(f))
		for range 10 {
			s.Add(Batch{Signal: otlplog.Traces, Payload: request(10, numbered(1000)...), Records: 1000})
			s.flush(false)
			time.Sleep(longestBreak)
		}
		s.wantLost("refused:10000")
		if f.sends < 30 || f.sends > 60 { // 25, 13, 7, 3, and one from then on
			t.Errorf("%d requests", f.sends)
		}
		f.answer = refuse(400, "bad")
		s.invoke("a")
		s.add("b", "bad", "c")
		s.flush(false)
		s.want(f, "a b c")
	})
}

// TestTooLarge: requests become as small as the collector wants them, and stay so.
func TestTooLarge(t *testing.T) {
	const most = 20_000
	f := &fake{}
	f.answer = func(_ context.Context, _ int, _ string, payload []byte) (export.Result, error) {
		if len(payload) > most {
			return export.Result{}, &export.Error{Status: 413, Text: "too large"}
		}
		return export.Result{}, nil
	}
	s := newStand(t, nil, one(f))
	spans := numbered(100)
	s.Add(Batch{Signal: otlplog.Traces, Payload: request(1000, spans[:70]...), Records: 70})
	for _, name := range spans[70:] {
		s.Add(Batch{Signal: otlplog.Traces, Payload: request(1000, name), Records: 1})
	}
	s.flush(false)
	s.want(f, strings.Join(spans, " "))
	s.wantLost("")
	sends := f.sends
	for _, name := range spans {
		s.Add(Batch{Signal: otlplog.Traces, Payload: request(1000, name), Records: 1})
	}
	s.flush(false)
	if refused := f.sends - sends - 100_000/most; refused > 8 || len(f.accepted) != 200 {
		t.Errorf("%d requests, %d spans", f.sends-sends, len(f.accepted))
	}
	sends = f.sends
	s.Add(Batch{Signal: otlplog.Traces, Payload: request(1000, spans...), Records: 100})
	s.flush(false)
	if f.sends-sends > 8 || len(f.accepted) != 300 { // it knows how small they have to be
		t.Errorf("%d requests, %d spans", f.sends-sends, len(f.accepted))
	}
	s.Add(Batch{Signal: otlplog.Traces, Payload: request(2*most, "huge"), Records: 1})
	s.add("small")
	s.flush(true)
	s.wantLost("refused:1")
	if got := f.accepted[len(f.accepted)-1]; got != "small" {
		t.Errorf("accepted %q last", got)
	}
}

// TestTooLargeForEverything: one that takes nothing is not asked a thousand times.
func TestTooLargeForEverything(t *testing.T) {
	f := &fake{answer: says(export.Error{Status: 413, Text: "no"})}
	s := newStand(t, nil, one(f))
	s.Add(Batch{Signal: otlplog.Traces, Payload: request(1000, numbered(64)...), Records: 64})
	s.flush(false)
	s.wantLost("refused:64")
	if f.sends > 70 {
		t.Errorf("%d requests", f.sends)
	}
}

func TestPartlyRefused(t *testing.T) {
	f := &fake{answer: func(context.Context, int, string, []byte) (export.Result, error) {
		return export.Result{Rejected: 2, Text: "too old"}, nil
	}}
	s := newStand(t, nil, one(f))
	s.add("a", "c", "d")
	s.flush(false)
	f.answer = func(context.Context, int, string, []byte) (export.Result, error) {
		return export.Result{Text: "slow down"}, nil
	}
	s.invoke("b")
	s.wantLost("refused:2")
	s.want(f, "a c d b")
	if log := s.log.String(); !strings.Contains(log, `"reason":"too old","records":2`) || !strings.Contains(log, `"slow down","message":"the collector accepted it`) {
		t.Errorf("log: %s", s.log.String())
	}
}

// TestNoMoreIsRefusedThanWasSent, whatever a collector says: what is counted as lost was produced.
func TestNoMoreIsRefusedThanWasSent(t *testing.T) {
	f := &fake{answer: func(context.Context, int, string, []byte) (export.Result, error) {
		return export.Result{Rejected: math.MaxInt64}, nil
	}}
	s := newStand(t, nil, one(f))
	s.add("a", "b", "c")
	s.flush(false)
	s.wantLost("refused:3")
}

// TestLimits: a receiver's limits cut requests, and a cut request that is only partly accepted goes on where it was, also over a reset.
func TestLimits(t *testing.T) {
	for name, reset := range map[string]bool{"in one process": false, "over a reset": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				f.answer = func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
					if n == 2 {
						return down(ctx, n, signal, payload)
					}
					return export.Result{}, nil
				}
				e := one(f)
				e.Limits = export.Limits{Records: 1, SpanBytes: 100}
				s := newStand(t, nil, e)
				s.Add(Batch{Signal: otlplog.Traces, Payload: request(1, "a", strings.Repeat("n", 300), "b", "c"), Records: 4})
				s.flush(false)
				s.want(f, "a")
				s.wantFiles(1)
				if reset {
					s.reset()
				}
				time.Sleep(firstBreak)
				s.invoke("d")
				s.want(f, "a b c d")
				s.wantLost("refused:1")
				s.wantFiles(0)
			})
		})
	}
}

func TestRequestsAreJoined(t *testing.T) {
	f := &fake{}
	s := newStand(t, func(o *Options) { o.Batch = 1200 }, named("x", f))
	for n := range 9 {
		s.Add(Batch{Signal: []string{otlplog.Traces, otlplog.Logs}[n%2], Payload: request(200, fmt.Sprint(n)), Records: 1})
	}
	s.flush(false)
	if f.sends != 3 || slices.Max(f.sizes) > 1200 {
		t.Errorf("%d requests of %v bytes", f.sends, f.sizes)
	}
	s.want(f, "0 2 4 6 logs:1 logs:3 logs:5 logs:7 8")
}

// TestSignals: an exporter gets what it takes, and nothing else is kept for it.
func TestSignals(t *testing.T) {
	all, traces := &fake{}, &fake{answer: nobody}
	s := newStand(t, nil, named("all", all), one(traces))
	if !s.Takes(otlplog.Logs) || s.Takes("profiles") {
		t.Error("it takes the wrong signals")
	}
	s.Add(Batch{Signal: otlplog.Traces, Payload: request(1, "a"), Records: 1})
	s.Add(Batch{Signal: otlplog.Metrics, Payload: request(1, "b"), Records: 1})
	s.flush(false)
	s.want(all, "a metrics:b")
	s.wantFiles(1)
}

// TestASignalThatIsNotTaken: one warning, and it is not sent to that exporter any more; traces are.
func TestASignalThatIsNotTaken(t *testing.T) {
	for _, status := range []int{404, 405, 415, 501} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{}
			f.answer = func(_ context.Context, _ int, signal string, _ []byte) (export.Result, error) {
				if signal == otlplog.Metrics {
					return export.Result{}, &export.Error{Status: status, Text: "no such thing"}
				}
				return export.Result{}, nil
			}
			s := newStand(t, nil, named("x", f))
			for n := range 5 {
				s.Add(Batch{Signal: otlplog.Metrics, Payload: request(1, "m"), Records: 3})
				s.Add(Batch{Signal: otlplog.Logs, Payload: request(1, fmt.Sprint("l", n)), Records: 1})
				s.invoke(fmt.Sprint("t", n))
			}
			s.flush(true)
			s.want(f, "logs:l0 t0 logs:l1 t1 logs:l2 t2 logs:l3 t3 logs:l4 t4")
			s.wantLost("metrics-refused:3")
			if log := s.log.String(); strings.Count(log, ending) != 1 || !strings.Contains(log, `"signal":"metrics","records":12`) || s.Takes(otlplog.Metrics) {
				t.Errorf("status %d, log: %s", status, log)
			}
			s.wantFiles(0)
		})
	}
}

// TestNothingAtTheURL: spans are asked for, so that is a wrong address, and the line says so.
func TestNothingAtTheURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.answer = func(context.Context, int, string, []byte) (export.Result, error) {
			return export.Result{}, &export.Error{Status: 404, Text: "POST http://c/v1/traces/v1/traces: no such thing"}
		}
		s := newStand(t, nil, named("x", f))
		s.invoke("a")
		s.flush(true)
		s.wantLost("refused:1")
		if log := s.log.String(); !strings.Contains(log, astray) || !strings.Contains(log, "/v1/traces/v1/traces") {
			t.Errorf("log: %s", log)
		}
	})
}

// TestASignalThatRests: who does not want metrics now may want spans.
func TestASignalThatRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.answer = func(_ context.Context, _ int, signal string, _ []byte) (export.Result, error) {
			if signal == otlplog.Metrics {
				return export.Result{}, &export.Error{Status: 429, Retry: true, After: 5 * time.Minute}
			}
			return export.Result{}, nil
		}
		s := newStand(t, nil, named("x", f))
		s.Add(Batch{Signal: otlplog.Metrics, Payload: request(1, "m"), Records: 3})
		s.invoke("a")
		s.invoke("b")
		s.want(f, "a b")
		f.answer = nil
		time.Sleep(5 * time.Minute)
		s.invoke("c")
		s.want(f, "a b metrics:m c")
	})
}

// TestAnErrorOfAnyKindIsForLater: nothing is dropped because a Sender is strange.
func TestAnErrorOfAnyKindIsForLater(t *testing.T) {
	f := &fake{answer: func(context.Context, int, string, []byte) (export.Result, error) {
		return export.Result{}, errors.New("strange")
	}}
	s := newStand(t, nil, one(f))
	s.invoke("a")
	if s.last.Kept != 1 || !s.last.Safe {
		t.Errorf("%+v", s.last)
	}
}

// TestPausesBeginAnew: one that was down and came back is not left alone for longer the next time.
func TestPausesBeginAnew(t *testing.T) {
	for name, fails := range map[string]func(context.Context, int, string, []byte) (export.Result, error){"answers": down, "does not answer": nobody} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				s := newStand(t, nil, one(f))
				for n := range 3 {
					f.answer = fails
					s.invoke("a")
					time.Sleep(firstBreak)
					f.answer = nil
					s.invoke("b")
					s.want(f, strings.TrimSpace(strings.Repeat("a b ", n+1)))
				}
			})
		})
	}
}

// TestTheEndComesToAnEnd: one that refuses some and is down for others is asked once for each.
func TestTheEndComesToAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.answer = func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
			if r, err := refuse(400, "bad")(ctx, n, signal, payload); err != nil {
				return r, err
			}
			return down(ctx, n, signal, payload)
		}
		s := newStand(t, nil, named("x", f))
		s.add("bad", "a")
		s.Add(Batch{Signal: otlplog.Logs, Payload: request(1, "l"), Records: 1})
		s.flush(true)
		s.wantLost("refused:1")
		if s.last.Kept != 2 || f.sends != 4 {
			t.Errorf("%+v, %d requests", s.last, f.sends)
		}
	})
}

func TestNothingIsBegunWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		s := newStand(t, nil, one(f))
		s.add("a")
		ctx, cancel := context.WithTimeout(t.Context(), least/2)
		defer cancel()
		if r := s.Flush(ctx, true); f.sends != 0 || !r.Safe {
			t.Errorf("%d requests, %+v", f.sends, r)
		}
	})
}

// TestASignalThatIsNotTakenIsDropped with all that was kept of it.
func TestASignalThatIsNotTakenIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: nobody}
		s := newStand(t, func(o *Options) { o.Batch = 1 }, Exporter{Name: "x", Signals: []string{otlplog.Logs}, Sender: f})
		for range 3 {
			s.Add(Batch{Signal: otlplog.Logs, Payload: request(1, "l"), Records: 2})
			s.flush(false)
		}
		s.wantFiles(3)
		time.Sleep(longestBreak)
		f.sends, f.answer = 0, says(export.Error{Status: 404, Text: "no such thing"})
		s.flush(false)
		s.wantFiles(0)
		s.wantLost("logs-refused:6")
		if f.sends != 1 {
			t.Errorf("%d requests", f.sends)
		}
		time.Sleep(longestBreak)
		if !s.Due(time.Now()) { // or nobody would ever empty the spool
			t.Error("not due, although there is nobody to wait for")
		}
	})
}

// TestLanesShareWhatWasAdded and do not write into each other's bytes.
func TestLanesShareWhatWasAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := &fake{answer: nobody}, &fake{answer: nobody}
		s := newStand(t, func(o *Options) { o.Bytes = 0 }, named("x", x), named("y", y))
		roomy := func(name string) Batch {
			b := request(10, name)
			return Batch{Signal: otlplog.Traces, Payload: append(make([]byte, 0, 10*len(b)), b...), Records: 1}
		}
		s.Add(roomy("a"))
		s.Add(roomy("b"))
		s.flush(false)
		time.Sleep(firstBreak)
		x.answer = nil
		s.Add(roomy("c"))
		s.flush(false)
		time.Sleep(longestBreak)
		y.answer = nil
		s.flush(false)
		s.want(x, "a b c")
		s.want(y, "a b c")
	})
}

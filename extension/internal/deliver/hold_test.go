package deliver

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// outage has a function invoked again and again, and tells how long it was held altogether.
func outage(s *stand, invocations int, gap time.Duration) (held time.Duration) {
	for n := range invocations {
		if s.Due(time.Now()) {
			held += s.invoke(fmt.Sprintf("o%d", n))
		} else {
			s.add(fmt.Sprintf("o%d", n))
		}
		time.Sleep(gap)
	}
	return held
}

func TestACollectorThatHangsCostsLittle(t *testing.T) {
	tests := []struct {
		name        string
		works       time.Duration // how long it took before; 0: it never did
		invocations int
		gap         time.Duration
		most        time.Duration
	}{
		{"a busy function, from the start", 0, 100, 100 * time.Millisecond, 500 * time.Millisecond},
		{"a busy function, out of the blue", 20 * time.Millisecond, 100, 100 * time.Millisecond, 500 * time.Millisecond},
		{"one invocation after the other", 0, 100, time.Millisecond, 500 * time.Millisecond},
		{"ten minutes of an invocation a second", 0, 600, time.Second, firstCredit + 600*time.Second/growth},
		{"an hour of an invocation a minute", 0, 60, time.Minute, firstCredit + time.Hour/growth},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				s := newStand(t, nil, one(f))
				if test.works > 0 {
					f.answer = takes(test.works)
					s.invoke("before")
					time.Sleep(time.Minute)
				}
				f.answer = hangs
				if held := outage(s, test.invocations, test.gap); held > test.most || held == 0 {
					t.Errorf("%d invocations were held for %v", test.invocations, held)
				}
				f.answer = nil
				s.flush(true)
				if got := len(f.accepted); got != test.invocations && test.works == 0 {
					t.Errorf("%d of %d arrived", got, test.invocations)
				}
				s.wantFiles(0)
				s.wantLost("")
			})
		})
	}
}

func TestACollectorThatRefusesCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: nobody}
		s := newStand(t, nil, one(f))
		if held := outage(s, 100, 100*time.Millisecond); held != 0 || f.sends > 4 {
			t.Errorf("held for %v, asked %d times in ten seconds", held, f.sends)
		}
	})
}

// TestASlowCollectorGetsItsDataInTheEnd: one that takes longer than it is trusted with at first.
func TestASlowCollectorGetsItsDataInTheEnd(t *testing.T) {
	for name, gap := range map[string]time.Duration{"a busy function": 100 * time.Millisecond, "one that is invoked once a minute": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: takes(750 * time.Millisecond)}
				s := newStand(t, nil, one(f))
				for start := time.Now(); len(f.accepted) == 0; {
					if time.Since(start) > 161*time.Second+gap {
						t.Fatalf("nothing arrived, asked %d times", f.sends)
					}
					outage(s, 1, gap)
				}
				sends := f.sends
				time.Sleep(gap)
				s.invoke("next") // it is trusted now
				if f.sends != sends+1 || !strings.HasSuffix(strings.Join(f.accepted, " "), "next") {
					t.Errorf("%d requests, accepted %q", f.sends-sends, f.accepted)
				}
			})
		})
	}
}

// TestRecovery: when it is noticed depends on what the outage cost; then everything goes at once again.
func TestRecovery(t *testing.T) {
	tests := []struct {
		name   string
		answer func(context.Context, int, string, []byte) (export.Result, error)
		within time.Duration
	}{
		{"hangs", hangs, growth * defaultTimeout},
		{"is down", down, longestBreak},
		{"is not there", nobody, longestBreak},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: test.answer}
				s := newStand(t, nil, one(f))
				outage(s, 600, time.Second)
				f.answer = takes(50 * time.Millisecond)
				back := time.Now()
				for len(f.accepted) == 0 && time.Since(back) < time.Hour {
					outage(s, 1, 100*time.Millisecond)
				}
				if took := time.Since(back); took > test.within+time.Second {
					t.Errorf("it took %v", took)
				}
				for range 100 { // a flush does not spend more than drainFor on what was kept
					s.flush(false)
				}
				had, sends := len(f.accepted), f.sends
				outage(s, 5, 10*time.Millisecond)
				if len(f.accepted) != had+5 || f.sends != sends+5 {
					t.Errorf("%d of 5 in %d requests", len(f.accepted)-had, f.sends-sends)
				}
				s.wantFiles(0)
			})
		})
	}
}

// TestASlowCollectorTakesLittleTwice: one that takes what it is sent and answers later than it is waited for. It is reached after a handful of
// attempts, each of which brings it the same one request.
func TestASlowCollectorTakesLittleTwice(t *testing.T) {
	for _, takesFor := range []int{450, 600, 750, 1100, 1300, 1500, 2500} {
		for name, gap := range map[string]time.Duration{"a busy one": time.Second, "one a minute": time.Minute, "one in ten minutes": 10 * time.Minute} {
			t.Run(fmt.Sprintf("%d ms, %s", takesFor, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					got := map[string]int{}
					f := &fake{}
					f.answer = func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
						for _, name := range names(payload) {
							got[name]++
						}
						return takes(time.Duration(takesFor)*time.Millisecond)(ctx, n, signal, payload)
					}
					s := newStand(t, func(o *Options) { o.Bytes = 1 << 26 }, one(f))
					n := 0
					for start := time.Now(); len(f.accepted) == 0 && time.Since(start) < time.Hour; n++ {
						if s.add(fmt.Sprint("s", n)); s.Due(time.Now()) {
							s.flush(false)
						}
						time.Sleep(gap)
					}
					if f.sends > 6 {
						t.Errorf("asked %d times", f.sends)
					}
					s.invoke("next")
					s.flush(true)
					for name, times := range got {
						if times > 4 || times > 1 && name != "s0" {
							t.Errorf("%s came %d times", name, times)
						}
					}
					if len(f.accepted) != n+1 {
						t.Errorf("%d of %d arrived", len(f.accepted), n+1)
					}
				})
			})
		}
	}
}

// TestOneRequestOfSeveralIsTriedAlone: what was joined with it, when nobody knew, waits until an attempt works.
func TestOneRequestOfSeveralIsTriedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: nobody}
		s := newStand(t, nil, one(f))
		for _, name := range []string{"a", "b", "c"} { // a file each
			s.invoke(name)
		}
		var sent []string
		f.answer = func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
			sent = append(sent, strings.Join(names(payload), ""))
			return takes(1500*time.Millisecond)(ctx, n, signal, payload)
		}
		for len(f.accepted) == 0 {
			time.Sleep(growth * defaultTimeout / 4)
			s.flush(false)
		}
		s.flush(false)
		if got := strings.Join(sent, " "); got != "abc a bc" {
			t.Errorf("sent %q", got)
		}
	})
}

// TestTheEndAsksForWhatIsDoubtfulLast: whatever was sent already has had a chance.
func TestTheEndAsksForWhatIsDoubtfulLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: hangs}
		s := newStand(t, nil, one(f))
		s.invoke("a")
		s.invoke("b")
		f.answer = takes(700 * time.Millisecond)
		s.add("c")
		s.flush(true)
		s.want(f, "b c a")
		if f.sends != 3 {
			t.Errorf("%d requests", f.sends)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: hangs}
		s := newStand(t, nil, one(f))
		s.invoke("a")
		s.invoke("b")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.Flush(ctx, true)
		if f.sends != 2 {
			t.Errorf("%d requests", f.sends)
		}
	})
}

// TestExportersThatHangShareACredit: whenever each of them first had something.
func TestExportersThatHangShareACredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Exporter
		for name, signal := range map[string]string{"otlp": otlplog.Traces, "otlp-metrics": otlplog.Metrics, "otlp-logs": otlplog.Logs, "xray": otlplog.Traces} {
			all = append(all, Exporter{Name: name, Signals: []string{signal}, Sender: &fake{answer: hangs}})
		}
		s := newStand(t, nil, all...)
		var held time.Duration
		for n := range 100 {
			s.Add(Batch{Signal: []string{otlplog.Traces, otlplog.Metrics, otlplog.Logs}[n%3], Payload: request(10, "x"), Records: 1})
			held += s.flush(false)
			time.Sleep(100 * time.Millisecond)
		}
		if held > 100*5*time.Millisecond {
			t.Errorf("held for %v", held)
		}
	})
}

// TestOneThatHangsTakesNothingFromOneThatWorks, whose answers do not give it more time either.
func TestOneThatHangsTakesNothingFromOneThatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		works, fails := &fake{answer: takes(100 * time.Millisecond)}, &fake{answer: hangs}
		s := newStand(t, nil, named("works", works), named("hangs", fails))
		for n := range 100 {
			s.invoke(fmt.Sprint(n))
			if len(works.accepted) != n+1 {
				t.Fatalf("%d of %d arrived", len(works.accepted), n+1)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if fails.spent > 500*time.Millisecond {
			t.Errorf("%v spent on one that hangs, in %d requests", fails.spent, fails.sends)
		}
	})
}

// TestAClockSetBack: the credit grows from then on, not from when the clock is where it was.
func TestAClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: hangs}
		s := newStand(t, nil, one(f))
		s.invoke("a")
		s.credit.at = s.credit.at.Add(24 * time.Hour) // as if it had been that day
		for n := range 4 {
			s.invoke(fmt.Sprint(n))
			time.Sleep(time.Minute)
		}
		if f.sends != 2 {
			t.Errorf("asked %d times", f.sends)
		}
	})
}

// TestTheHandshakeCountsHalf: a first one takes the smallest function 0.3 s of its own work. One that never ends is not waited for longer.
func TestTheHandshakeCountsHalf(t *testing.T) {
	tests := []struct {
		name              string
		connecting, takes time.Duration
		accepted          string
		held              time.Duration
	}{
		{"a slow handshake", 300 * time.Millisecond, 200 * time.Millisecond, "a", 500 * time.Millisecond},
		{"a slow handshake, and an exporter that hangs", 300 * time.Millisecond, time.Hour, "", 550 * time.Millisecond},
		{"a quick handshake, and an exporter that hangs", 0, time.Hour, "", firstCredit},
		{"a handshake that does not end", time.Hour, 0, "", firstCredit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
					if result, err := takes(test.connecting)(ctx, n, signal, payload); err != nil {
						return result, err
					}
					httptrace.ContextClientTrace(ctx).GotConn(httptrace.GotConnInfo{})
					return takes(test.takes)(ctx, n, signal, payload)
				}}
				s := newStand(t, nil, one(f))
				if held := s.invoke("a"); held != test.held {
					t.Errorf("held for %v, want %v", held, test.held)
				}
				s.want(f, test.accepted)
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: says(export.Error{Status: 429, Retry: true, After: 20 * time.Second})}
		s := newStand(t, nil, one(f))
		s.invoke("a")
		f.answer = nil
		time.Sleep(20*time.Second - 1)
		if s.Due(time.Now()) {
			t.Error("due before it may be")
		}
		s.invoke("b")
		s.want(f, "")
		time.Sleep(time.Nanosecond)
		if !s.Due(time.Now()) {
			t.Error("not due when it may be")
		}
		s.invoke("c")
		s.want(f, "a b c")
	})
}

// TestTheEndAsksEverybody: there is no other moment.
func TestTheEndAsksEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: says(export.Error{Status: 429, Retry: true, After: time.Hour})}
		s := newStand(t, nil, one(f))
		s.invoke("a")
		f.answer = takes(1500 * time.Millisecond)
		s.add("b")
		s.flush(true)
		s.want(f, "a b")
		s.wantFiles(0)
	})
}

// TestAFlushDoesNotDrainForEver: what an outage left is sent over several flushes.
func TestAFlushDoesNotDrainForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: nobody}
		s := newStand(t, func(o *Options) { o.Batch = 1 }, one(f))
		for n := range 20 {
			s.add(fmt.Sprint(n))
		}
		s.flush(false)
		f.answer = takes(100 * time.Millisecond)
		time.Sleep(time.Second)
		if held := s.flush(false); held > drainFor+100*time.Millisecond || len(f.accepted) < 5 {
			t.Errorf("held for %v, %d accepted", held, len(f.accepted))
		}
		if held := s.flush(true); len(f.accepted) != 20 || held > 2*time.Second {
			t.Errorf("held for %v, %d accepted", held, len(f.accepted))
		}
	})
}

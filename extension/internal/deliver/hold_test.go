package deliver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
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
		{"ten minutes of an invocation a second", 0, 600, time.Second, 14 * time.Second},
		{"an hour of an invocation a minute", 0, 60, time.Minute, 60 * mostEarned},
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
				f := &fake{answer: takes(800 * time.Millisecond)}
				s := newStand(t, nil, one(f))
				for start := time.Now(); len(f.accepted) == 0; {
					if time.Since(start) > 3*time.Minute {
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

// TestRecoveryIsQuick: within a minute, whatever the outage was like; then everything goes at once again.
func TestRecoveryIsQuick(t *testing.T) {
	for name, answer := range map[string]func() (f *fake){
		"hangs": func() *fake { return &fake{answer: hangs} }, "is down": func() *fake { return &fake{answer: down} }, "is not there": func() *fake { return &fake{answer: nobody} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := answer()
				s := newStand(t, nil, one(f))
				outage(s, 600, time.Second)
				f.answer = takes(50 * time.Millisecond)
				back := time.Now()
				for len(f.accepted) == 0 && time.Since(back) < time.Hour {
					outage(s, 1, 100*time.Millisecond)
				}
				if took := time.Since(back); took > time.Minute {
					t.Errorf("it took %v", took)
				}
				outage(s, 20, time.Second) // a flush does not spend more than drainFor on what was kept
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

// TestRareInvocationsTryEveryTime: with time enough for a collector that is far away.
func TestRareInvocationsTryEveryTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: hangs}
		s := newStand(t, nil, one(f))
		for n := range 30 {
			began := time.Now()
			held := s.invoke("x")
			if f.sends != n+1 || n > 0 && held < time.Second {
				t.Errorf("invocation %d: %d attempts, held for %v", n, f.sends, held)
			}
			time.Sleep(time.Until(began.Add(time.Minute)))
		}
	})
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

package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
)

// rendering is what making an invocation ready takes in these tests: as on half a core.
const rendering = 500 * time.Microsecond

// working gives a simulation in which that is so, and of which the first invocations are over.
func working(t *testing.T, p Policy) *simulation {
	s := newSimulation(t, p)
	s.Render = func(inv event.Invocation) []deliver.Batch {
		time.Sleep(rendering)
		return renderText(inv)
	}
	s.run(steady(2*recent, dense)...)
	return s
}

// TestWorkIsSpreadOverInvocations: none waits for all of it.
func TestWorkIsSpreadOverInvocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := working(t, adaptive)
		before := len(s.held)
		s.run(steady(1000, dense)...)
		if s.prepared == 0 {
			t.Error("nothing was prepared for the next request")
		}
		held := s.held[before:]
		if longest := slices.Max(held); longest > portion+rendering {
			t.Errorf("one was held up for %v", longest)
		}
		none := 0
		for _, h := range held {
			if h == 0 {
				none++
			}
		}
		if none < len(held)*8/10 {
			t.Errorf("%d of %d were not held up at all", none, len(held))
		}
		s.finish()
	})
}

// TestWhoseTimeIsUsedUpGetsSmallerPortions: a portion that takes longer than it should, because the share of a core is used up, makes the next ones smaller.
func TestWhoseTimeIsUsedUpGetsSmallerPortions(t *testing.T) {
	s := traffic{unread: 8}
	s.prepared(flushed{bytes: 1, took: portion})
	usual := s.share
	s.unread = 8
	s.prepared(flushed{bytes: 1, took: 5 * portion})
	if s.share != 5*usual {
		t.Errorf("%v each, before %v", s.share, usual)
	}
	for range 100 {
		s.unread = 8
		s.prepared(flushed{bytes: 1, took: portion})
	}
	if s.share > usual+usual/10 {
		t.Errorf("%v each in the end, before %v", s.share, usual)
	}
	s.unread = 8
	s.prepared(flushed{took: portion})
	if s.share != 0 {
		t.Errorf("%v each of what nobody wrote", s.share)
	}
}

// TestPortionsFitIntoAPeriod of the CPU's, as far as the function's memory tells how much that is.
func TestPortionsFitIntoAPeriod(t *testing.T) {
	for memory, want := range map[int64]time.Duration{0: portion, 128: 868 * time.Microsecond, 256: 1736 * time.Microsecond, 512: 3473 * time.Microsecond, 1024: portion, 10240: portion} {
		if got := PortionOf(memory).Truncate(time.Microsecond); got != want {
			t.Errorf("%d MB: %v, want %v", memory, got, want)
		}
	}
	now := time.Now()
	m := Moment{Now: now, Left: time.Second, Due: true, Recent: [recent]time.Time{now, now, now, now}, Unread: crowd, Each: 120 * time.Microsecond}
	if (Policy{}).Prepare(m) || !(Policy{Portion: PortionOf(128)}).Prepare(m) {
		t.Error("a millisecond of work is a portion with 128 MB, and none without a limit")
	}
}

// TestWhatWasMadeReadyStaysInTheSpool until it is sent: whoever kills this process leaves it to the next.
func TestWhatWasMadeReadyStaysInTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := working(t, Policy{Strategy: Adaptive, Interval: time.Hour})
		s.run(steady(50, dense)...)
		sent, ready := strings.Join(s.sent, ""), len(s.added)
		if ready < 40 || s.files() < 50 {
			t.Fatalf("%d are ready, %d files", ready, s.files())
		}
		next := newStand(t)
		next.dir, next.Intake = s.dir, intake.New(s.dir, time.Time{})
		next.shutdown()
		for n := range s.held {
			if got := strings.Count(";"+sent+strings.Join(next.sent, ""), fmt.Sprintf(";R%d;", n)); got != 1 {
				t.Errorf("invocation %d arrived %d times", n, got)
			}
		}
	})
}

// TestEnoughForARequestIsSent: what was made ready is in memory.
func TestEnoughForARequestIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := working(t, Policy{Strategy: Adaptive, Interval: time.Hour})
		s.Batch = 200
		s.run(steady(200, dense)...)
		if got := len(s.sent); got < 4 {
			t.Errorf("%d requests", got)
		}
		s.finish()
	})
}

// TestNoPortionIsMadeOfWhatNobodyKeeps: it would only pile up in memory.
func TestNoPortionIsMadeOfWhatNobodyKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := working(t, Policy{Strategy: Interval, Interval: time.Second})
		s.flush, s.unsafe = fail, true
		s.run(steady(60, dense)...)
		s.settle()
		s.Policy.Interval = time.Hour
		rendered := len(s.added)
		s.run(steady(100, dense)...)
		if len(s.added) != rendered {
			t.Errorf("%d were made ready, and %d more", rendered, len(s.added)-rendered)
		}
	})
}

// TestWhereNoHookWritesThereAreNoPortions: there is nothing to make ready, and Lambda tells of the end of an invocation some 25 ms later.
func TestWhereNoHookWritesThereAreNoPortions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, adaptive)
		s.hookless = true
		s.run(steady(200, dense)...)
		if n := len(s.awaits); n > 2*recent {
			t.Errorf("%d ends were waited for", n)
		}
	})
}

// TestOneFlushAtATime: while answers are waited for beside the function, no other flush begins and nothing is made ready.
func TestOneFlushAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := working(t, Policy{Strategy: Interval, Interval: 100 * time.Millisecond})
		s.flush = func(ctx context.Context) bool { time.Sleep(time.Second); return true }
		for s.next = time.Now(); !s.isWorking(); {
			s.once(dense)
		}
		flushes, awaits := s.flushes, len(s.awaits)
		before := len(s.held)
		for range 20 {
			if !s.isWorking() {
				t.Fatal("it is over")
			}
			s.once(dense)
		}
		if s.flushes != flushes || len(s.awaits) != awaits || slices.Max(s.held[before:]) != 0 {
			t.Errorf("%d more flushes, %d more ends were waited for, held %v", s.flushes-flushes, len(s.awaits)-awaits, s.held[before:])
		}
		s.settle()
		s.flush = nil
		s.finish()
	})
}

// TestARequestIsEstimated by what is ready of it.
func TestARequestIsEstimated(t *testing.T) {
	for name, test := range map[string]struct{ waiting, unread, ready, want int64 }{
		"nothing is ready":    {8, 8, 0, 0},
		"half of them":        {8, 4, 100, 200},
		"all of them":         {8, 0, 100, 100},
		"of those before":     {1, 1, 100, 100},
		"the last is running": {3, 1, 100, 150},
	} {
		if got := (&traffic{waiting: int(test.waiting), unread: int(test.unread)}).whole(test.ready); got != test.want {
			t.Errorf("%s: %d bytes, want %d", name, got, test.want)
		}
	}
}

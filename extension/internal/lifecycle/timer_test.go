package lifecycle

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

func newTimedStand(t *testing.T) *stand {
	s := newStand(t)
	s.Timed = true
	s.Policy = adaptive
	return s
}

func TestFlushByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTimedStand(t)
		s.Start(t.Context())
		s.spool("A")
		time.Sleep(adaptive.Interval + 1)
		synctest.Wait()
		s.expect("A;")
		s.spool("B")
		s.spool("C")
		time.Sleep(adaptive.Interval)
		synctest.Wait()
		s.expect("B;C;")
		s.spool("D")
		s.shutdownFor("failure")
		s.expect("D;")
		if !s.left {
			t.Error("no next life comes after a failure here")
		}
		s.spool("E")
		time.Sleep(10 * adaptive.Interval)
		s.expect()
	})
}

// TestOneFlushByTheClockAtATime: a collector that hangs is not asked twice, and each request has an end.
func TestOneFlushByTheClockAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTimedStand(t)
		var running, most, flushes int
		var works atomic.Bool
		s.flush = func(ctx context.Context) bool {
			if works.Load() {
				return true
			}
			running++
			flushes++
			most = max(most, running)
			defer func() { running-- }()
			return hang(ctx)
		}
		s.spool("A")
		s.Start(t.Context())
		time.Sleep(time.Minute)
		works.Store(true)
		if held := s.shutdown(); held > 2*time.Second-lastMargin {
			t.Errorf("held for %v", held)
		}
		if most != 1 || flushes < 3 {
			t.Errorf("%d at once, %d in all", most, flushes)
		}
		s.expect("A;")
	})
}

func TestTheClockIsStoppedWhateverItDoes(t *testing.T) {
	for name, flush := range map[string]func(*stand) func(context.Context) bool{
		"it ends with its context": func(*stand) func(context.Context) bool { return hang },
		"it does not": func(s *stand) func(context.Context) bool {
			return func(context.Context) bool { <-s.t.Context().Done(); return false }
		},
		"it panics": func(*stand) func(context.Context) bool { return func(context.Context) bool { panic("hunter2") } },
		"it panics when it is broken off": func(*stand) func(context.Context) bool {
			return func(ctx context.Context) bool { <-ctx.Done(); panic("hunter2") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTimedStand(t)
				s.spool("A")
				s.flush = flush(s)
				s.Start(t.Context())
				time.Sleep(adaptive.Interval + 1)
				synctest.Wait()
				if held := s.shutdown(); held > 2*time.Second-lastMargin {
					t.Errorf("held for %v", held)
				}
				if strings.Contains(s.log.String(), "hunter2") {
					t.Errorf("log: %s", s.log.String())
				}
			})
		})
	}
}

// TestTheClockKeepsTheSpoolEmpty where there is nobody to export to.
func TestTheClockKeepsTheSpoolEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTimedStand(t)
		told := &platform{facts: []event.Fact{{Kind: event.FactStart}}}
		s.Delivery, s.Platform = nil, told
		s.spool("A")
		s.Start(t.Context())
		time.Sleep(adaptive.Interval + 1)
		synctest.Wait()
		if s.files() != 0 || len(told.Take()) != 0 {
			t.Errorf("%d files left, keeps %v", s.files(), told.facts)
		}
		s.shutdown()
	})
}

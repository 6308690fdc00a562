package lifecycle

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// dense is the distance of invocations whose flushes go on beside.
const dense = 20 * time.Millisecond

// TestAnswersAreWaitedForBesideTheFunction: of a busy function none is held up by a round trip.
func TestAnswersAreWaitedForBesideTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, adaptive).run(steady(recent, dense)...)
		s.held = s.held[:0]
		s.Policy.Interval = 200 * time.Millisecond
		s.run(steady(1000, dense)...)
		if s.mean() != 0 {
			t.Errorf("held up for %v on the average", s.mean())
		}
		if s.flushes < 50 {
			t.Errorf("%d flushes", s.flushes)
		}
	})
}

// besides gives a stand that a busy function's flush has left behind, whose delivery does as told.
func besides(t *testing.T, flush func(context.Context) bool) *stand {
	s := newStand(t)
	for n := range recent - 1 {
		s.invoke(fmt.Sprintf("R%d", n))
		time.Sleep(dense)
	}
	s.expect("R0; R1; R2;")
	s.flush = flush
	s.Policy = Policy{Strategy: Interval}
	if held := s.invoke("A"); held != 0 || !s.isWorking() {
		t.Fatalf("held for %v, still works: %v", held, s.isWorking())
	}
	return s
}

func TestWhatIsNotAnsweredStaysInTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besides(t, func(ctx context.Context) bool { return hang(ctx) })
		if s.files() != 1 {
			t.Errorf("%d files before the answer", s.files())
		}
		if held := s.invoke("B"); held != 0 || s.files() != 2 {
			t.Errorf("held for %v, %d files", held, s.files())
		}
		time.Sleep(tickBudget) // the first one's time is over, and what was not accepted is in the outbox
		synctest.Wait()
		if s.isWorking() || s.files() != 1 {
			t.Errorf("works: %v, %d files", s.isWorking(), s.files())
		}
		s.flush = nil
		s.shutdown()
		s.expect("A;B;")
	})
}

// TestTheEndDoesNotWaitForAnAnswer that was given while the environment was frozen.
func TestTheEndDoesNotWaitForAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := true
		s := besides(t, func(ctx context.Context) bool {
			if hangs {
				hangs = false
				return hang(ctx)
			}
			return true
		})
		start := time.Now()
		// A deadline that is later than the end's shows that it is the end that stops it.
		s.Shutdown(t.Context(), lambdaapi.Event{Type: lambdaapi.Shutdown, Reason: "spindown", Deadline: start.Add(2 * time.Second)})
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
		s.expect("A;")
		if s.files() != 0 || !s.left {
			t.Errorf("%d files left, abandoned: %v", s.files(), s.left)
		}
	})
}

func TestAPanicBesideTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besides(t, func(ctx context.Context) bool {
			time.Sleep(roundTrip)
			panic("hunter2")
		})
		for n := range 10 {
			s.invoke(fmt.Sprintf("B%d", n))
			time.Sleep(dense)
		}
		s.flush = nil
		s.shutdown()
		s.expect()
		if log := s.log.String(); !strings.Contains(log, "a bug in Afterglow") || strings.Contains(log, "hunter2") {
			t.Errorf("log: %s", log)
		}
	})
}

// TestOnlyWhoIsBusyIsLeft: an environment that is frozen for longer sees no answer in time.
func TestOnlyWhoIsBusyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, Policy{Strategy: Interval, Interval: time.Millisecond}).run(steady(20, besideGap+time.Millisecond)...)
		if s.mean() < roundTrip/2 {
			t.Errorf("held up for %v on the average", s.mean())
		}
		s.finish()
	})
}

package lifecycle

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

func TestEachInvocationIsExportedAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.invoke("A")
		s.expect("A;")
		s.invoke("B")
		s.expect("B;")
		s.shutdown()
		s.expect()
		if s.files() != 0 || s.log.Len() != 0 {
			t.Errorf("%d files left, log: %s", s.files(), s.log.String())
		}
	})
}

func TestWhatIsNotSeenToEndIsExportedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.ending = Expired
		s.invoke("A")
		s.expect()
		s.ending = Ended
		s.invoke("B")
		s.expect("A;B;")
		s.ending = Expired
		s.invoke("C")
		s.shutdown()
		s.expect("C;")
	})
}

// TestWhatIsThereIsExportedWhereHooksAreSilent: they may be so because there is no room for them.
func TestWhatIsThereIsExportedWhereHooksAreSilent(t *testing.T) {
	for name, ending := range map[string]Ending{"no hook": NoHook, "silent hook": Silent} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				s.ending = ending
				s.invoke("A")
				s.expect("A;")
				if s.files() != 0 {
					t.Errorf("%d files left", s.files())
				}
			})
		})
	}
}

func TestNobodyHoldsTheFunction(t *testing.T) {
	tests := []struct {
		name     string
		sabotage func(*stand)
	}{
		{"a delivery that does not even end with its context", func(s *stand) {
			s.flush = func(context.Context) bool { <-s.t.Context().Done(); return false }
		}},
		{"a stage that never ends", func(s *stand) {
			s.Render = func(event.Invocation) []deliver.Batch { <-s.t.Context().Done(); return nil }
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				test.sabotage(s)
				if held := s.invoke("A"); held != timeout-margin {
					t.Errorf("first invocation: held for %v", held)
				}
				if held := s.invoke("B"); held != 0 {
					t.Errorf("second invocation: held for %v", held)
				}
				if held := s.shutdown(); held > 2*time.Second-lastMargin {
					t.Errorf("shutdown: held for %v", held)
				}
				s.expect()
			})
		})
	}
}

// TestThereIsTimeForTheLastWords: what a delivery does once its time is over is done before the function goes on, or the environment ends.
func TestThereIsTimeForTheLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.flush = func(ctx context.Context) bool {
			<-ctx.Done()
			time.Sleep(lastWords - time.Millisecond)
			return false
		}
		if held := s.invoke("A"); held >= timeout-margin || s.files() != 0 {
			t.Errorf("held for %v, %d files left", held, s.files())
		}
		if held := s.shutdown(); held >= 2*time.Second-lastMargin || !s.left {
			t.Errorf("held for %v, abandoned: %v", held, s.left)
		}
	})
}

func TestNoTimeIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.whole = timeout // an invocation before had that
		s.spool("A")
		s.Invoke(t.Context(), lambdaapi.Event{RequestID: "A", Deadline: time.Now().Add(margin)})
		s.expect()
		s.Invoke(t.Context(), lambdaapi.Event{RequestID: "A"}) // no deadline at all
		s.expect("A;")
		// A deadline that is over when its event comes is one by another clock.
		s.spool("B")
		s.Invoke(t.Context(), lambdaapi.Event{RequestID: "B", Deadline: time.Now().Add(-time.Hour)})
		s.expect("B;")
		if s.narrow {
			t.Errorf("said %s", s.log.String())
		}
	})
}

// TestShutdownByAnotherClock: its deadline is over, or never comes, and it has the time that Lambda gives.
func TestShutdownByAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.spool("A")
		s.flush = func(ctx context.Context) bool {
			if left := left(ctx); left < time.Second || left > 2*time.Second {
				t.Errorf("it has %v", left)
			}
			return true
		}
		s.Shutdown(t.Context(), lambdaapi.Event{Type: lambdaapi.Shutdown, Reason: "spindown", Deadline: time.Now().Add(-time.Hour)})
		s.expect("A;")
	})
}

// TestNobodyWaitsForNothing: while everybody is left alone the end is not waited for, and the spool is emptied all the same before it is full.
func TestNobodyWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.notDue = true
		for n := range manyWait - 1 {
			s.invoke(fmt.Sprintf("R%d", n))
		}
		if len(s.awaits) != 0 || s.files() != manyWait-1 {
			t.Errorf("%d waits, %d files", len(s.awaits), s.files())
		}
		s.invoke("last")
		if len(s.awaits) != 1 || s.files() != 0 || len(s.added) != manyWait {
			t.Errorf("%d waits, %d files left, %d in the outbox", len(s.awaits), s.files(), len(s.added))
		}
	})
}

func TestNowhereToExportTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		told := &platform{facts: []event.Fact{{Kind: event.FactStart}}}
		s.Delivery, s.Platform = nil, told
		s.invoke("A")
		s.shutdown()
		if s.files() != 0 || len(s.awaits) != 0 || len(told.facts) != 0 {
			t.Errorf("%d files left, waited %d times, keeps %v", s.files(), len(s.awaits), told.facts)
		}
	})
}

func TestAStageThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Render = func(inv event.Invocation) []deliver.Batch {
			if strings.HasPrefix(inv.ID, "bad") {
				panic("hunter2")
			}
			return renderText(inv)
		}
		s.invoke("bad1")
		s.invoke("A")
		s.expect("A[panic:1];")
		s.invoke("bad2")
		s.invoke("bad3")
		s.invoke("B") // enough
		s.shutdown()
		s.expect()
		if s.files() != 0 || !strings.Contains(s.log.String(), `"panic":3`) { // two more of the stages, and what was not given to them
			t.Errorf("%d files left, log: %s", s.files(), s.log.String())
		}
		if log := s.log.String(); strings.Count(log, "\n") != 4 || strings.Contains(log, "hunter2") || !strings.Contains(log, "pipeline_test.go") {
			t.Errorf("log: %s", log)
		}
	})
}

func TestAPanicBetweenTheStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.flush = func(context.Context) bool { panic("hunter2") }
		s.invoke("A")
		s.flush = nil
		s.invoke("B")
		s.shutdown()
		s.expect()
		if log := s.log.String(); strings.Count(log, "\n") != 2 || strings.Contains(log, "hunter2") || !strings.Contains(log, "unread bytes") {
			t.Errorf("log: %s", log)
		}
	})
}

// TestAPanicOfWorkThatOutlastedItsInvocation comes while the next one begins: the race detector watches who touches what.
func TestAPanicOfWorkThatOutlastedItsInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.flush = func(ctx context.Context) bool {
			<-ctx.Done()
			time.Sleep(time.Second)
			panic("late")
		}
		s.invoke("A")
		for n := range 20 {
			s.invoke(fmt.Sprintf("B%d", n))
			time.Sleep(100 * time.Millisecond)
		}
		s.flush = nil
		s.shutdown()
		s.expect()
		if !strings.Contains(s.log.String(), "a bug in Afterglow") {
			t.Errorf("log: %s", s.log.String())
		}
	})
}

func TestAnnouncementsOfAStuckPipelineAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.flush = func(context.Context) bool { time.Sleep(time.Hour); return false }
		s.spool("A")
		const many = 2 * maxAnnounced
		for n := range many {
			s.Invoke(t.Context(), lambdaapi.Event{RequestID: fmt.Sprint(n), Deadline: time.Now().Add(timeout)})
		}
		if len(s.announced) != maxAnnounced || s.announced[len(s.announced)-1].ID != fmt.Sprint(many-1) {
			t.Errorf("%d announcements", len(s.announced))
		}
		<-s.working
	})
}

// TestAnotherAttemptIsAnnounced: its id is the same as that of one that nobody has awaited.
func TestAnotherAttemptIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.notDue = true
		s.invoke("A")
		s.invoke("B")
		s.notDue = false
		s.invoke("A")
		s.invoke("A") // the one before was awaited
		if len(s.awaits) != 2 || !s.awaits[0].Again || s.awaits[1].Again {
			t.Errorf("awaited %+v", s.awaits)
		}
	})
}

// TestLeavingTheSpoolAloneAsksTheSystemForNothing: what an invocation costs that is not exported.
func TestLeavingTheSpoolAloneTouchesNothing(t *testing.T) {
	s := &stand{t: t, dir: "/nowhere"}
	s.Pipeline = &Pipeline{Intake: intake.New(s.dir, time.Time{}), Delivery: s, Policy: Policy{Strategy: Interval, Interval: time.Hour}}
	e := lambdaapi.Event{RequestID: "A", Deadline: time.Now().Add(time.Minute)}
	s.announced = make([]intake.Announcement, 0, maxAnnounced)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { s.traffic.waiting = 0; s.Invoke(ctx, e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(s.awaits) != 0 || s.flushes != 0 {
		t.Error("it was not left alone")
	}
}

// TestTheMarginLeavesTime: one that is as long as the invocation would leave none, and nothing would ever be exported.
func TestTheMarginLeavesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Margin = timeout
		s.invoke("A")
		s.invoke("B")
		s.expect("A;", "B;")
		if n := strings.Count(s.log.String(), "AFTERGLOW_DEADLINE_MARGIN"); n != 1 {
			t.Errorf("said %d times: %s", n, s.log.String())
		}
	})
}

// TestAFunctionThatAlwaysTakesItsWholeTime leaves none after its end; what waits goes out beside it, before it is too much.
func TestAFunctionThatAlwaysTakesItsWholeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.ending = Expired
		for n := range 2 * manyWait {
			s.invoke(fmt.Sprint(n))
		}
		if len(s.sent) == 0 || s.files() > manyWait {
			t.Errorf("%d requests, %d files left", len(s.sent), s.files())
		}
	})
}

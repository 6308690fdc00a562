package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// roundTrip is what a collector in these simulations takes.
const roundTrip = 50 * time.Millisecond

// A simulation is a function that Lambda invokes, with the real pipeline and spool and a clock of its own.
type simulation struct {
	*stand
	mutex sync.Mutex           // began is read beside the function
	held  []time.Duration      // by invocation: from the function's end to the next event that the extension asks for
	began map[string]time.Time // by invocation
	late  time.Duration        // longest from an invocation's beginning to its arrival
	ends  time.Duration        // how long the function runs
	next  time.Time            // when the next invocation comes

	hookless bool // nobody writes into the spool
}

func newSimulation(t *testing.T, p Policy) *simulation {
	s := &simulation{stand: newStand(t), began: map[string]time.Time{}, ends: 5 * time.Millisecond}
	s.Policy = p
	s.Endings = s
	s.flush = func(context.Context) bool {
		time.Sleep(roundTrip)
		s.mutex.Lock()
		defer s.mutex.Unlock()
		for _, id := range s.added {
			s.late = max(s.late, time.Since(s.began[strings.TrimSuffix(id, ";")]))
		}
		return true
	}
	return s
}

// Await ends with the function.
func (s *simulation) Await(_ context.Context, a Attempt) Ending {
	s.awaits = append(s.awaits, a)
	time.Sleep(s.ends)
	return Ended
}

// run invokes after each of the gaps, or as soon as the extension has asked for the next event.
func (s *simulation) run(gaps ...time.Duration) *simulation {
	s.next = time.Now()
	for _, gap := range gaps {
		s.once(gap)
	}
	s.settle()
	return s
}

// once invokes once.
func (s *simulation) once(gap time.Duration) {
	s.next = s.next.Add(gap)
	time.Sleep(time.Until(s.next))
	if time.Now().After(s.next) {
		s.next = time.Now() // it was late: Lambda has started another environment for what came meanwhile
	}
	id := fmt.Sprintf("R%d", len(s.held))
	s.mutex.Lock()
	s.began[id] = s.next
	s.mutex.Unlock()
	if !s.hookless {
		s.spool(id)
	}
	s.Invoke(s.t.Context(), lambdaapi.Event{RequestID: id, Deadline: s.next.Add(timeout)})
	s.held = append(s.held, max(0, time.Since(s.next)-s.ends))
}

// mean and median of how long the function was held up.
func (s *simulation) mean() time.Duration {
	sum := time.Duration(0)
	for _, h := range s.held {
		sum += h
	}
	return sum / time.Duration(len(s.held))
}

func (s *simulation) median() time.Duration {
	return slices.Sorted(slices.Values(s.held))[len(s.held)/2]
}

// finish shuts down and expects every invocation once.
func (s *simulation) finish() {
	s.t.Helper()
	s.shutdown()
	all := strings.Join(s.sent, "")
	for n := range s.held {
		if got := strings.Count(";"+all, fmt.Sprintf(";R%d;", n)); got != 1 {
			s.t.Errorf("invocation %d arrived %d times", n, got)
		}
	}
	if s.files() != 0 {
		s.t.Errorf("%d files left", s.files())
	}
}

func steady(n int, gap time.Duration) []time.Duration { return slices.Repeat([]time.Duration{gap}, n) }

var adaptive = Policy{Strategy: Adaptive, Interval: 5 * time.Second}

// TestRareInvocations are exported at the end of each.
func TestRareInvocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, adaptive).run(steady(50, time.Minute)...)
		if len(s.sent) != 50 || s.late > time.Second {
			t.Errorf("%d exports, the last after %v", len(s.sent), s.late)
		}
		s.finish()
	})
}

// TestABusyFunctionIsHardlyHeldUp: the marks are those of issue 5, at a collector that takes 50 ms.
func TestABusyFunctionIsHardlyHeldUp(t *testing.T) {
	for _, gap := range []time.Duration{5 * time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
		t.Run(gap.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSimulation(t, adaptive).run(steady(2000, gap)...)
				if s.median() != 0 || s.mean() > 500*time.Microsecond {
					t.Errorf("held up: median %v, mean %v", s.median(), s.mean())
				}
				if most := (patience + 1) * adaptive.Interval; s.late > most {
					t.Errorf("one arrived after %v", s.late)
				}
				s.finish()
			})
		})
	}
}

// TestALoneFewAreSeenAtOnce: somebody tries a function out.
func TestALoneFewAreSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, adaptive).run(time.Second, time.Second, time.Second)
		if len(s.sent) != 3 {
			t.Errorf("%d exports", len(s.sent))
		}
		s.finish()
	})
}

// TestBursts: what a burst leaves in the spool goes out with the first invocation of the next.
func TestBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, adaptive)
		for range 5 {
			s.run(append([]time.Duration{10 * time.Minute}, steady(99, 20*time.Millisecond)...)...)
			if len(s.sent) == 0 {
				t.Error("nothing was sent")
			}
			if n := s.files(); n > 99 {
				t.Errorf("%d files wait", n)
			}
		}
		exports := len(s.sent)
		if exports > 5*2*recent {
			t.Errorf("%d exports of 5 bursts", exports)
		}
		s.finish()
	})
}

// TestSlowingDown: the first invocation after a longer pause takes along what waited, and from then on each is exported.
func TestSlowingDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, adaptive).run(steady(100, 50*time.Millisecond)...)
		waiting := s.files()
		s.run(steady(3, time.Minute)...)
		if waiting == 0 || s.files() != 0 {
			t.Errorf("%d files waited, %d afterwards", waiting, s.files())
		}
		s.finish()
	})
}

func TestFixedStrategies(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		gap    time.Duration
		most   int // exports of 100 invocations
		least  int
	}{
		"end, frequent":      {Policy{Strategy: AtEnd, Interval: 5 * time.Second}, 100 * time.Millisecond, 100, 100},
		"end, rare":          {Policy{Strategy: AtEnd, Interval: 5 * time.Second}, time.Minute, 100, 100},
		"interval, frequent": {Policy{Strategy: Interval, Interval: 2 * time.Second}, 100 * time.Millisecond, 5, 4},
		"interval, rare":     {Policy{Strategy: Interval, Interval: 5 * time.Minute}, time.Minute, 20, 16},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSimulation(t, test.policy).run(steady(100, test.gap)...)
				if got := len(s.sent); got > test.most || got < test.least {
					t.Errorf("%d exports, want %d to %d", got, test.least, test.most)
				}
				s.finish()
			})
		})
	}
}

// TestALotIsNotLeftLying: invocations that begin to write far more than before are found out before the spool is full.
func TestALotIsNotLeftLying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, adaptive).run(steady(100, 50*time.Millisecond)...)
		most := int64(0)
		for n := range 100 {
			s.write(fmt.Sprintf("L%d.21.%d.done", n, n+1), make([]byte, 512<<10)) // another process, and much
			s.run(50 * time.Millisecond)
			most = max(most, s.Intake.Size())
		}
		if most > 16<<20 {
			t.Errorf("%d bytes waited", most)
		}
	})
}

// TestAnOutageDoesNotFillTheSpool: nobody may be asked for an hour.
func TestAnOutageDoesNotFillTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, adaptive)
		s.notDue = true
		s.run(steady(1000, 100*time.Millisecond)...)
		if s.files() >= manyWait || s.mean() > time.Millisecond {
			t.Errorf("%d files wait, held up for %v", s.files(), s.mean())
		}
		s.notDue = false
		s.finish()
	})
}

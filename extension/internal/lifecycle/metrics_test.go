package lifecycle

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
)

// TestMetricsWaitForWhatTheyCount: where files stay in the spool, another life may read them again, and counts them.
func TestMetricsWaitForWhatTheyCount(t *testing.T) {
	for reason, want := range map[string][]bool{"timeout": nil, "failure": nil, "spindown": {true}} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				m := &meter{}
				s.Meter, s.flush, s.unsafe = m, fail, true
				s.invoke("A")
				if len(m.collected) != 0 || len(s.stashed) != 0 {
					t.Errorf("collected %v, stashed %q", m.collected, s.stashed)
				}
				s.shutdownFor(reason)
				if !reflect.DeepEqual(m.collected, want) || len(s.stashed) != 0 {
					t.Errorf("at the end collected %v, want %v; stashed %q", m.collected, want, s.stashed)
				}
			})
		})
	}
	t.Run("until they are safe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t)
			s.Meter, s.flush, s.unsafe = &meter{}, fail, true
			s.invoke("A")
			s.flush = nil
			s.invoke("B")
			s.expect("A;B;", "metrics2;")
		})
	})
	t.Run("as their files do for them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t)
			s.Meter = &meter{}
			s.flush = func(context.Context) bool { s.unsafe = s.flushes == 2; return !s.unsafe }
			s.invoke("A")
			if n := s.files(); n != 1 {
				t.Errorf("%d files while metrics are in memory alone", n)
			}
			s.invoke("B")
			if n := s.files(); n != 0 {
				t.Errorf("%d files", n)
			}
		})
	})
}

// TestMetricsOfWhatNobodyReadsAgain go out with it: there are no files of it.
func TestMetricsOfWhatNobodyReadsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		m := &meter{}
		now := time.Now()
		s.Meter, s.flush, s.unsafe = m, fail, true
		s.Platform = &platform{facts: []event.Fact{{Kind: event.FactStart, ID: "A", Time: now}, {Kind: event.FactDone, ID: "A", Time: now, Status: "success"}}}
		s.shutdownFor("failure")
		if want := []bool{true}; !reflect.DeepEqual(m.collected, want) || strings.Join(s.added, "") != "A;metrics1;" {
			t.Errorf("collected %v, added %q", m.collected, s.added)
		}
	})
}

// TestMetricsThatNobodyElseCounts go out at a reset, in an outage too: their files are gone. Where there is a disk they are on it.
func TestMetricsThatNobodyElseCounts(t *testing.T) {
	for name, keeps := range map[string]bool{"with a disk": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				m := &meter{notDue: true}
				s.Meter, s.keeps = m, keeps
				s.invoke("A")
				s.flush, s.unsafe = fail, true
				s.invoke("B")
				s.shutdownFor("failure")
				want := "B;metrics1;"
				if keeps {
					want = "B;"
				}
				if got := strings.Join(s.added, ""); got != want || len(m.collected) != 0 {
					t.Errorf("added %q, want %q; collected %v", got, want, m.collected)
				}
			})
		})
	}
}

// TestMetricsGoAlong: where it is known beforehand that spans will be safe, one flush brings both; not at the end of a life that another one follows.
func TestMetricsGoAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		m := &meter{}
		s.Meter = m
		s.invoke("A")
		s.expect("A;", "metrics1;")
		s.keeps = true
		s.invoke("B")
		s.expect("B;metrics2;")
		m.notDue = true
		s.invoke("C")
		s.expect("C;")
		m.notDue = false
		s.spool("D")
		s.shutdownFor("timeout")
		s.expect("D;", "metrics4;")
	})
}

// TestWhatIsNotDueIsStashed: before files go that it was counted from.
func TestWhatIsNotDueIsStashed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		m := &meter{notDue: true}
		s.Meter = m
		s.flush = func(context.Context) bool {
			if n := s.files(); n != 1 {
				t.Errorf("%d files, stashed %q", n, s.stashed)
			}
			return true
		}
		s.invoke("A")
		s.invoke("B")
		s.flush = nil
		s.expect("A;", "B;")
		if want := []string{"metrics1;", "metrics2;"}; !reflect.DeepEqual(s.stashed, want) || s.files() != 0 {
			t.Errorf("stashed %q, want %q", s.stashed, want)
		}
		m.notDue = false
		s.invoke("C")
		s.expect("C;", "metrics3;")
		if len(s.stashed) != 2 {
			t.Errorf("stashed %q", s.stashed)
		}
	})
}

// TestWhatTheLastDeliveryLosesIsStashed: the next life tells it as what it is owed on a span, and counts it no more.
func TestWhatTheLastDeliveryLosesIsStashed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Meter = &meter{}
		s.flush = func(context.Context) bool { // the first brings spans, the second metrics
			if s.flushes == 1 {
				s.told = []event.Loss{{Reason: "metrics-refused", Records: 5}}
			}
			return true
		}
		s.spool("A")
		s.shutdownFor("timeout")
		if want := []string{"metrics6;"}; !reflect.DeepEqual(s.stashed, want) || len(s.owing) != 1 {
			t.Errorf("stashed %q, want %q; owes %v", s.stashed, want, s.owing)
		}
	})
}

// TestWhatWasReadIsCounted: although the time is over before all was read.
func TestWhatWasReadIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		m := &meter{}
		s.Meter, s.Batch = m, 1
		for n := range intake.MaxFiles + 1 { // more than one round
			s.spool(fmt.Sprintf("R%d", n))
		}
		s.flush = func(context.Context) bool {
			if s.flushes == 1 {
				time.Sleep(2*time.Second - lastMargin - lastWords + time.Millisecond)
			}
			return false
		}
		s.shutdown()
		if len(m.collected) == 0 || m.invocations != intake.MaxFiles {
			t.Errorf("collected %v with %d invocations", m.collected, m.invocations)
		}
	})
}

package lifecycle

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// TestFilesStayUntilTheirContentIsSafe: whatever ends the process meanwhile, they are there for the next one.
func TestFilesStayUntilTheirContentIsSafe(t *testing.T) {
	for name, test := range map[string]struct {
		works, unsafe bool
		want          int
	}{
		"accepted": {works: true}, "in the outbox": {}, "in memory": {unsafe: true, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				during := 0
				s.unsafe = test.unsafe
				s.flush = func(context.Context) bool { during = s.files(); return test.works }
				s.invoke("A")
				if during != 1 || s.files() != test.want {
					t.Errorf("%d files meanwhile, %d afterwards", during, s.files())
				}
				s.flush = nil
				s.invoke("B")
				if got := strings.Join(s.sent, ""); s.files() != 0 || got != "A;B;" {
					t.Errorf("%d files left in the end, sent %s", s.files(), got)
				}
			})
		})
	}
}

// TestNoMoreIsReadThanIsSafe: what nobody takes over stays on disk.
func TestNoMoreIsReadThanIsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.flush, s.unsafe = fail, true
		const files = 2*intake.MaxFiles + 1
		for n := range files - 1 {
			s.spool(fmt.Sprintf("R%d", n))
		}
		s.invoke("last")
		if len(s.added) != intake.MaxFiles {
			t.Errorf("%d are in memory", len(s.added))
		}
		s.flush = nil
		s.invoke("another")
		if got := strings.Count(strings.Join(s.sent, ""), ";"); got != files+1 || s.files() != 0 {
			t.Errorf("%d arrived, %d files left", got, s.files())
		}
	})
}

// TestRoundsShareARequest: rounds are small for the memory's sake, and each request holds the environment. Nothing is deleted before it is safe.
func TestRoundsShareARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Batch = 1 << 20
		flushes, during := 0, 0
		s.flush = func(context.Context) bool { flushes++; during = s.files(); return true }
		const files = 3 * intake.MaxFiles
		for n := range files - 1 {
			s.spool(fmt.Sprintf("R%d", n))
		}
		s.invoke("last")
		if got := strings.Count(strings.Join(s.sent, ""), ";"); flushes != 1 || during != files || got != files || s.files() != 0 {
			t.Errorf("%d arrived in %d requests, %d files meanwhile, %d left", got, flushes, during, s.files())
		}
	})
}

// TestAFullRequestIsSentBeforeMoreIsRead: what is made ready is in memory.
func TestAFullRequestIsSentBeforeMoreIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Batch = 4 * intake.MaxFiles // bytes: less than a round makes
		for n := range 3*intake.MaxFiles - 1 {
			s.spool(fmt.Sprintf("R%03d", n))
		}
		s.invoke("last")
		if len(s.sent) != 3 {
			t.Errorf("%d requests", len(s.sent))
		}
	})
}

func TestMoreThanARoundAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		const files = 2*intake.MaxFiles + 1
		for n := range files {
			s.spool(fmt.Sprintf("R%d", n))
		}
		s.shutdown()
		if got := strings.Count(strings.Join(s.sent, ""), ";"); got != files || s.files() != 0 {
			t.Errorf("%d of %d arrived, %d files left", got, files, s.files())
		}
	})
}

// TestAHangDoesNotKeepTheRestFromBeingRead: at the end what nobody has read is lost.
func TestAHangDoesNotKeepTheRestFromBeingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.flush = hang
		const files = 4*intake.MaxFiles + 1
		for n := range files {
			s.spool(fmt.Sprintf("R%d", n))
		}
		s.shutdown()
		if len(s.added) != files || s.files() != 0 || !s.left {
			t.Errorf("%d of %d were handed over, %d files left, abandoned: %v", len(s.added), files, s.files(), s.left)
		}
	})
}

// TestWhatWasMadeReadyIsHandedOver even if the time is over before enough of it has come together for a request.
func TestWhatWasMadeReadyIsHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Batch = 1 << 20
		s.Render = func(inv event.Invocation) []deliver.Batch {
			time.Sleep(10 * time.Millisecond)
			return renderText(inv)
		}
		for n := range intake.MaxFiles + 50 {
			s.spool(fmt.Sprintf("R%d", n))
		}
		s.shutdown()
		if got := strings.Count(strings.Join(s.sent, ""), ";"); s.working != nil || got == 0 || got >= intake.MaxFiles || s.flushes != 1 {
			t.Errorf("%d were handed over, in %d flushes, and it still works: %v", got, s.flushes, s.working != nil)
		}
	})
}

// TestTheEnd: after a reset the environment lives on, with /tmp, and its next life tells what this one could not.
func TestTheEnd(t *testing.T) {
	for reason, survives := range map[string]bool{"spindown": false, "timeout": true, "failure": true, "": false, "another": false} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				s.spool("A")
				s.flush = fail
				s.told = []event.Loss{{Reason: "refused", Records: 2}}
				s.shutdownFor(reason)
				said := strings.Contains(s.log.String(), `"refused":2`)
				if owes := len(s.owing) == 1; survives && !owes || !s.left || s.survived != survives || said == survives {
					t.Errorf("owed %v, abandoned: %v, told to survive: %v, log: %s", s.owing, s.left, s.survived, s.log.String())
				}
			})
		})
	}
}

// TestTheEndWithoutADisk: what cannot be kept for the next life is said, and what is left to read is that one's.
func TestTheEndWithoutADisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.cannotOwe = true
		s.told = []event.Loss{{Reason: "refused", Records: 2}}
		s.spool("A")
		s.flush = fail
		s.shutdownFor("timeout")
		if log := s.log.String(); !s.survived || !strings.Contains(log, `"refused":2`) || strings.Contains(log, "unread") {
			t.Errorf("abandoned: %v, log: %s", s.left, log)
		}
	})
}

// TestWhatOnlyMemoryHasIsTold: whoever keeps requests has to know which of them the environment's next life makes again.
func TestWhatOnlyMemoryHasIsTold(t *testing.T) {
	refused, torn := event.Loss{Reason: "refused", Records: 1}, event.Loss{Reason: "torn", Records: 1}
	for name, test := range map[string]struct {
		inv  event.Invocation
		want string
	}{
		"by hooks":        {event.Invocation{ID: "A", Recorded: true, Lost: []event.Loss{torn}}, "traces recorded [{refused 1 0}], logs []"},
		"by Lambda alone": {event.Invocation{ID: "A"}, "traces [{refused 1 0}], logs []"},
		"late, by hooks":  {event.Invocation{ID: "A", Recorded: true, Late: true}, "traces recorded [], logs []"},
		"late, its log":   {event.Invocation{ID: "A", Late: true}, "traces [], logs []"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.Render = func(event.Invocation) []deliver.Batch {
				return []deliver.Batch{{Signal: signalTraces}, {Signal: signalLogs}}
			}
			s.lose(refused)
			s.render(test.inv)
			var got []string
			for _, b := range s.batches {
				text := b.Signal
				if b.Recorded {
					text += " recorded"
				}
				got = append(got, fmt.Sprint(text, " ", b.Carried))
			}
			if text := strings.Join(got, ", "); text != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
}

// TestWhatIsUnreadAtTheEndIsSaid: there was no time.
func TestWhatIsUnreadAtTheEndIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		for n := range intake.MaxFiles + 1 {
			s.spool(fmt.Sprintf("R%d", n))
		}
		s.flush = func(context.Context) bool {
			time.Sleep(2*time.Second - lastMargin - lastWords + time.Millisecond)
			return false
		} // and minds no context
		s.shutdown()
		if !strings.Contains(s.log.String(), `"unread bytes":`) {
			t.Errorf("log: %s", s.log.String())
		}
	})
}

func TestLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		m := &meter{}
		s.Meter = m
		s.owedNow = []event.Loss{{Reason: "outbox-full", Records: 3}}
		s.invoke("A")
		s.told = []event.Loss{{Reason: "refused", Records: 1}, {Reason: "refused", Records: 1}}
		s.invoke("B")
		s.invoke("C")
		s.again = []event.Loss{{Reason: "torn", Records: 7}}
		s.invoke("D")
		s.invoke("E")
		s.expect("A[outbox-full:3];", "metrics1;", "B;", "metrics2;", "C[refused:2];", "metrics3;", "D;", "metrics4;", "E[torn:7];", "metrics5;")
		// What an earlier life owes, and what a request told that nobody gets, metrics have counted before.
		if m.lost != 2 || m.invocations != 5 {
			t.Errorf("%d lost, %d invocations", m.lost, m.invocations)
		}
	})
}

// TestLossesAreOwedUntilTheyAreTold: a process that is killed before it could tell leaves them to the next one.
func TestLossesAreOwedUntilTheyAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.told = []event.Loss{{Reason: "refused", Records: 2}}
		s.invoke("A")
		if len(s.owing) != 1 || s.owing[0].Records != 2 {
			t.Errorf("owes %v", s.owing)
		}
		s.invoke("B")
		s.expect("A;", "B[refused:2];")
		if len(s.owing) != 0 {
			t.Errorf("owes %v, and told it", s.owing)
		}
	})
}

// TestLossesFindACarrier: what is late has no span that could tell, and neither has what is not rendered.
func TestLossesFindACarrier(t *testing.T) {
	refused, torn := event.Loss{Reason: "refused", Records: 1}, event.Loss{Reason: "torn", Records: 1}
	for name, test := range map[string]struct {
		inv  event.Invocation
		make func(s *stand)
		want string // of the next one
		lost int64  // by the meter
	}{
		"late":          {event.Invocation{ID: "A", Late: true, Lost: []event.Loss{torn}}, nil, "B[refused:1][torn:1];", 2},
		"in time":       {event.Invocation{ID: "A", Lost: []event.Loss{torn}}, nil, "B;", 2},
		"nothing of it": {event.Invocation{ID: "A", Lost: []event.Loss{torn}}, func(s *stand) { s.Render = func(event.Invocation) []deliver.Batch { return nil } }, "B[refused:1][torn:1];", 2},
		"a stage broke": {event.Invocation{ID: "A", Lost: []event.Loss{torn}}, func(s *stand) { s.Render = func(event.Invocation) []deliver.Batch { panic("x") } }, "B[refused:1][torn:1][panic:1];", 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			m := &meter{}
			s.Meter = m
			s.lose(refused)
			if test.make != nil {
				test.make(s)
			}
			s.render(test.inv)
			s.Render = renderText
			s.added = nil
			s.render(event.Invocation{ID: "B"})
			if got := strings.Join(s.added, ""); got != test.want || m.lost != test.lost || m.invocations != 2 {
				t.Errorf("got %s, %d lost, %d invocations counted", got, m.lost, m.invocations)
			}
		})
	}
}

// TestTheLastReportIsWaitedFor: Lambda tells what an invocation cost when it thaws the environment to end it, and how one ended that did not end well when it resets the environment: a word that is
// under way when SHUTDOWN comes is not left behind.
func TestTheLastReportIsWaitedFor(t *testing.T) {
	const soon, never = 30 * time.Millisecond, time.Hour
	for name, test := range map[string]struct {
		reason string
		after  time.Duration // that the report comes; 0: before SHUTDOWN
		timed  bool
		budget time.Duration // of SHUTDOWN
		held   time.Duration
	}{
		"it comes":                        {"spindown", soon, false, 2 * time.Second, soon},
		"it came before":                  {"spindown", 0, false, 2 * time.Second, 0},
		"it never comes":                  {"spindown", never, false, 2 * time.Second, reportWait},
		"it comes with the reset":         {"failure", soon, false, 2 * time.Second, soon},
		"it comes with a timeout's reset": {"timeout", soon, false, 2 * time.Second, soon},
		"it came before the reset":        {"timeout", 0, false, 2 * time.Second, 0},
		"it does not come with the reset": {"timeout", never, false, 2 * time.Second, reportWait},
		"there is little time":            {"spindown", never, false, lastMargin + 400*time.Millisecond, 90 * time.Millisecond}, // a quarter of what is left
		"nobody can say which is last":    {"spindown", never, true, 2 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m, p := newStand(t), &meter{}, &platform{owes: make(chan struct{})}
				s.Meter, s.Platform = m, p
				s.invoke("A")
				s.Timed = test.timed
				tell := func() {
					p.add(event.Fact{Kind: event.FactReport, ID: "A"})
					close(p.owes)
				}
				if test.after == 0 {
					tell()
				} else if test.after < never {
					time.AfterFunc(test.after, tell)
				}
				start := time.Now()
				s.Shutdown(t.Context(), lambdaapi.Event{Type: lambdaapi.Shutdown, Reason: test.reason, Deadline: start.Add(test.budget)})
				if held := time.Since(start); held != test.held {
					t.Errorf("held for %v, want %v", held, test.held)
				}
				if got := len(m.facts) > 0; got != (test.after < never) {
					t.Errorf("metered %v", m.facts)
				}
			})
		})
	}
}

// A meter counts what it is told.
type meter struct {
	invocations int
	facts       []event.FactKind
	lost        int64
	collected   []bool
	panics      bool
	notDue      bool
	peeked      int // invocations and losses that were known then
}

func (m *meter) Invocation(inv event.Invocation) {
	m.invocations++
	for _, l := range inv.Lost {
		m.Lost(l)
	}
}
func (m *meter) Fact(f event.Fact) { m.facts = append(m.facts, f.Kind) }
func (m *meter) Lost(l event.Loss) { m.lost += l.Records }
func (m *meter) Collect(_ time.Time, last bool) ([]byte, int) {
	if m.panics {
		panic("meter")
	}
	if m.notDue && !last {
		return nil, 0
	}
	m.collected, m.peeked = append(m.collected, last), m.invocations+int(m.lost)
	return []byte(fmt.Sprintf("metrics%d;", m.invocations)), m.invocations
}

func (m *meter) Peek(time.Time) ([]byte, int) {
	if m.panics {
		panic("meter")
	}
	known := m.invocations + int(m.lost)
	if m.peeked == known {
		return nil, 0
	}
	m.peeked = known
	return []byte(fmt.Sprintf("metrics%d;", known)), known
}

// A platform tells what it is given.
type platform struct {
	mu    sync.Mutex
	facts []event.Fact
	ended map[string]chan struct{}
	told  bool
	heard atomic.Bool
	began []string
	owes  chan struct{} // closed when it has told all; nil if it has
}

func (p *platform) Whole() <-chan struct{} {
	if p.owes == nil {
		p.owes = make(chan struct{})
		close(p.owes)
	}
	return p.owes
}

func (p *platform) Ended(id string) <-chan struct{} {
	if p.ended[id] == nil {
		p.ended[id] = make(chan struct{})
	}
	return p.ended[id]
}

func (p *platform) add(f event.Fact) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.facts = append(p.facts, f)
}

func (p *platform) Take() []event.Fact {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.facts
	p.facts = nil
	return f
}

func (p *platform) Began(id string) { p.began = append(p.began, id) }

func (p *platform) Heard() bool { return p.heard.Load() }

func (p *platform) Told() bool { return p.told }

func TestFactsAndMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		m := &meter{}
		s.Meter = m
		s.Platform = &platform{facts: []event.Fact{{Kind: event.FactInitStart}, {Kind: event.FactStart}}}
		s.invoke("A")
		s.shutdown()
		if got := s.Platform.(*platform).began; !reflect.DeepEqual(got, []string{"A"}) {
			t.Errorf("began: %q", got)
		}
		want := []event.FactKind{event.FactInitStart, event.FactStart}
		if !reflect.DeepEqual(m.facts, want) || !reflect.DeepEqual(m.collected, []bool{false, true}) {
			t.Errorf("metered %v, collected %v", m.facts, m.collected)
		}
		s.expect("A;", "metrics1;", "metrics1;")
		m.panics = true
		s.invoke("B")
		s.expect("B;")
	})
}

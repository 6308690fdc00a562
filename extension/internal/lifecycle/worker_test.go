package lifecycle

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
	"github.com/afterglow-lambda/afterglow/spool"
)

const (
	timeout = 3 * time.Second // of an invocation of these tests
	margin  = 150 * time.Millisecond
)

// A stand is a Pipeline with everything around it replaced but the spool.
type stand struct {
	*Pipeline
	t      *testing.T
	dir    string
	log    bytes.Buffer
	ending Ending
	awaits int
	sent   []string
	send   func(ctx context.Context, n int) (export.Result, error) // n counts from 1; nil: accept
	sends  int

	files17 int // files that process 17 wrote
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, dir: t.TempDir()}
	s.Pipeline = &Pipeline{Endings: s, Intake: intake.New(s.dir, time.Time{}), Sender: s, Margin: margin, Render: renderText}
	s.Log = zerolog.New(&s.log)
	return s
}

// renderText makes "A[loss:1];" of an invocation.
func renderText(inv event.Invocation) ([]byte, int) {
	var lost strings.Builder
	for _, l := range inv.Lost {
		fmt.Fprintf(&lost, "[%s:%d]", l.Reason, l.Records)
	}
	return []byte(inv.ID + lost.String() + ";"), 1 + len(inv.Calls)
}

func (s *stand) Await(context.Context, string) Ending {
	s.awaits++
	return s.ending
}

func (s *stand) Send(ctx context.Context, payload []byte) (export.Result, error) {
	s.sends++
	if s.send != nil {
		if r, err := s.send(ctx, s.sends); err != nil || r != (export.Result{}) {
			return r, err
		}
	}
	s.sent = append(s.sent, string(payload))
	return export.Result{}, nil
}

// spool writes the file of an invocation that ended.
func (s *stand) spool(id string) {
	s.t.Helper()
	mark := spool.NewMark()
	b := spool.AppendHead(nil, mark)
	for _, kind := range []string{spool.KindInvocationStart, spool.KindInvocationEnd} {
		var err error
		if b, err = spool.AppendRecord(b, mark, spool.Header{Kind: kind, Invocation: id, Time: 1}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.files17++
	s.write(fmt.Sprintf("%s.17.%d.done", id, s.files17), b)
}

func (s *stand) write(name string, b []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// invoke runs an invocation that ends at once and gives how long the extension held it.
func (s *stand) invoke(id string) time.Duration {
	s.spool(id)
	start := time.Now()
	s.Invoke(s.t.Context(), lambdaapi.Event{Type: lambdaapi.Invoke, RequestID: id, Deadline: start.Add(timeout)})
	return time.Since(start)
}

func (s *stand) shutdown() time.Duration {
	start := time.Now()
	s.Shutdown(s.t.Context(), lambdaapi.Event{Type: lambdaapi.Shutdown, Deadline: start.Add(2 * time.Second)})
	return time.Since(start)
}

func (s *stand) expect(sent ...string) {
	s.t.Helper()
	if strings.Join(s.sent, " ") != strings.Join(sent, " ") {
		s.t.Errorf("sent %q, want %q", s.sent, sent)
	}
	s.sent = nil
}

func (s *stand) files() int {
	names, err := intake.Names(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	return len(names)
}

// hang is a Send that only its context ends.
func hang(ctx context.Context, _ int) (export.Result, error) {
	<-ctx.Done()
	return export.Result{}, &export.Error{Retry: true}
}

var (
	tryLater = &export.Error{Status: 503, Retry: true}
	never    = &export.Error{Status: 400}
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
		{"a collector that hangs", func(s *stand) { s.send = hang }},
		{"a collector that does not even end with its context", func(s *stand) {
			s.send = func(context.Context, int) (export.Result, error) {
				<-s.t.Context().Done()
				return export.Result{}, tryLater
			}
		}},
		{"a stage that never ends", func(s *stand) {
			s.Render = func(event.Invocation) ([]byte, int) { <-s.t.Context().Done(); return nil, 0 }
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

func TestNoTimeIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.spool("A")
		s.Invoke(t.Context(), lambdaapi.Event{RequestID: "A", Deadline: time.Now().Add(margin)})
		s.Invoke(t.Context(), lambdaapi.Event{RequestID: "A", Deadline: time.Now().Add(-time.Hour)})
		s.expect()
		s.Invoke(t.Context(), lambdaapi.Event{RequestID: "A"}) // no deadline at all
		s.expect("A;")
	})
}

func TestFailedExportIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.send = func(_ context.Context, n int) (export.Result, error) {
			if n == 1 {
				return export.Result{}, tryLater
			}
			return export.Result{}, nil
		}
		s.invoke("A")
		s.expect()
		s.invoke("B") // within the break: the collector is left alone
		s.expect()
		if s.sends != 1 {
			t.Errorf("%d requests", s.sends)
		}
		time.Sleep(firstBreak)
		s.invoke("C")
		s.expect("A;B;C;")
		if s.files() != 0 {
			t.Errorf("%d files left", s.files())
		}
	})
}

// TestNobodyWaitsForNothing: an invocation that must be over before the collector may be asked again is not waited for at all.
func TestNobodyWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.policy = Policy{}.Failed(time.Now(), time.Hour)
		s.invoke("A")
		if s.awaits != 0 {
			t.Errorf("%d waits", s.awaits)
		}
	})
}

func TestOutageCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.send = hang
		held := time.Duration(0)
		const minutes = 10
		for n := range minutes * 60 {
			held += s.invoke(fmt.Sprintf("R%d", n))
			time.Sleep(time.Second)
		}
		if most := time.Duration(minutes+7) * timeout; held > most {
			t.Errorf("in %d minutes of an outage the function was held for %v", minutes, held)
		}
		s.send = nil
		s.shutdown()
		got := strings.Count(strings.Join(s.sent, ""), ";")
		if got != minutes*60 {
			t.Errorf("%d of %d invocations arrived", got, minutes*60)
		}
	})
}

func TestRefusedForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.ending = Expired
		s.invoke("A")
		s.invoke("B")
		s.ending = Ended
		s.send = func(_ context.Context, n int) (export.Result, error) {
			if n <= 2 { // all three at once, and the first alone
				return export.Result{}, never
			}
			return export.Result{}, nil
		}
		s.invoke("C")
		s.expect()
		time.Sleep(firstBreak)
		s.invoke("D")
		s.expect("B;C;D[refused:1];")
		if !strings.Contains(s.log.String(), "400") {
			t.Errorf("log: %s", s.log.String())
		}
	})
}

func TestPartlyRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.send = func(_ context.Context, n int) (export.Result, error) {
			if n == 1 {
				return export.Result{Rejected: 2, Text: "too old"}, nil
			}
			return export.Result{}, nil
		}
		s.invoke("A")
		s.invoke("B")
		s.expect("B[refused:2];")
		if !strings.Contains(s.log.String(), "too old") {
			t.Errorf("log: %s", s.log.String())
		}
	})
}

func TestAStageThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Render = func(inv event.Invocation) ([]byte, int) {
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
		if s.files() != 0 {
			t.Errorf("%d files left", s.files())
		}
		if log := s.log.String(); strings.Count(log, "\n") != 3 || strings.Contains(log, "hunter2") || !strings.Contains(log, "worker_test.go") {
			t.Errorf("log: %s", log)
		}
	})
}

func TestAPanicBetweenTheStages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.send = func(context.Context, int) (export.Result, error) { panic("hunter2") }
		s.invoke("A")
		s.send = nil
		s.invoke("B")
		s.shutdown()
		s.expect()
		if log := s.log.String(); strings.Count(log, "\n") != 1 || strings.Contains(log, "hunter2") {
			t.Errorf("log: %s", log)
		}
	})
}

// TestFilesStayUntilTheirContentWasSent: whatever ends the process meanwhile, they are there for the next one.
func TestFilesStayUntilTheirContentWasSent(t *testing.T) {
	for name, result := range map[string]error{"accepted": nil, "to be sent later": tryLater, "refused": never} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				during := 0
				s.send = func(context.Context, int) (export.Result, error) {
					during = s.files()
					return export.Result{}, result
				}
				s.invoke("A")
				if during != 1 || s.files() != 0 {
					t.Errorf("%d files while they were sent, %d afterwards", during, s.files())
				}
			})
		})
	}
}

func TestAtTheEndFilesStayUntilTheirContentArrived(t *testing.T) {
	for name, test := range map[string]struct {
		send func(context.Context, int) (export.Result, error)
		want int
		log  string
	}{
		"delivered":     {nil, 0, ""},
		"not delivered": {func(context.Context, int) (export.Result, error) { return export.Result{}, tryLater }, 1, `"undelivered":1`},
		"refused":       {func(context.Context, int) (export.Result, error) { return export.Result{}, never }, 0, `"refused":1`},
		"no answer":     {hang, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				s.spool("A")
				s.send = test.send
				s.shutdown()
				synctest.Wait()
				if got := s.files(); got != test.want || !strings.Contains(s.log.String(), test.log) {
					t.Errorf("%d files left, want %d; log: %s", got, test.want, s.log.String())
				}
			})
		})
	}
}

func TestNowhereToExportTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Sender = nil
		s.invoke("A")
		s.shutdown()
		if s.files() != 0 || s.awaits != 0 {
			t.Errorf("%d files left, waited %d times", s.files(), s.awaits)
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

func TestWhatTheQueueDropsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Render = func(inv event.Invocation) ([]byte, int) {
			text, spans := renderText(inv)
			return append(text, make([]byte, MaxQueueBytes/3)...), spans
		}
		s.send = func(context.Context, int) (export.Result, error) { return export.Result{}, tryLater }
		for n := range 5 {
			s.invoke(fmt.Sprintf("R%d", n))
			time.Sleep(time.Hour)
		}
		s.send = nil
		s.Render = renderText
		s.invoke("Z")
		if got := strings.ReplaceAll(strings.Join(s.sent, ""), "\x00", ""); got != "R3[queue-full:1];R4[queue-full:1];Z[queue-full:1];" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAnnouncementsOfAStuckPipelineAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.ending = Expired
		const invocations = intake.MaxKnown + 1000
		for n := range invocations {
			s.Invoke(t.Context(), lambdaapi.Event{RequestID: fmt.Sprint(n), Deadline: time.Now().Add(timeout)})
		}
		if len(s.announced) != intake.MaxKnown || s.announced[len(s.announced)-1].ID != fmt.Sprint(invocations-1) {
			t.Errorf("%d announcements", len(s.announced))
		}
	})
}

// TestOneOfSeveralExportersLags: the others get what comes later, at once, and what the one lacks is kept for it.
func TestOneOfSeveralExportersLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		lags := &export.Error{Retry: true, Partly: true, Text: "log: full"}
		s.send = func(context.Context, int) (export.Result, error) {
			return export.Result{Rejected: 1, Text: "one"}, lags
		}
		for n, id := range []string{"A", "B"} {
			s.invoke(id)
			if s.sends != n+1 || len(s.queue.items) != n+1 {
				t.Errorf("%d sends, %d in the queue", s.sends, len(s.queue.items))
			}
		}
		s.send = nil
		s.invoke("C")
		if got := strings.Join(s.sent, " "); got != "A;B[refused:1];C[refused:1];" || len(s.queue.items) != 0 {
			t.Errorf("sent %q, %d left", got, len(s.queue.items))
		}
		if !strings.Contains(s.log.String(), "cannot export to all") {
			t.Errorf("log: %s", s.log.String())
		}
	})
}

// A lastStand is told of the end, as export.Group is.
type lastStand struct {
	*stand
	told int // sends before it was told
}

func (l *lastStand) Last() { l.told = l.sends }

func TestTheSenderIsToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		l := &lastStand{stand: s, told: -1}
		s.Sender = l
		s.invoke("A")
		s.spool("B")
		s.shutdown()
		if l.told != 1 || s.sends != 2 {
			t.Errorf("told after %d sends of %d", l.told, s.sends)
		}
	})
}

// TestWhatOneExporterLacksIsNotInTheWay: batches behind one that an exporter lacks are sent, and it is kept where it was.
func TestWhatOneExporterLacksIsNotInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.Batch = 1 // each invocation is a batch
		s.send = func(_ context.Context, n int) (export.Result, error) {
			if n <= 2 {
				return export.Result{}, &export.Error{Retry: true, Partly: true}
			}
			return export.Result{}, nil
		}
		s.invoke("A")
		s.invoke("B")
		if got := strings.Join(s.sent, " "); got != "B;" || len(s.queue.items) != 1 || s.queue.bytes != len("A;") {
			t.Errorf("sent %q, %d left of %d bytes", got, len(s.queue.items), s.queue.bytes)
		}
		s.invoke("C")
		if got := strings.Join(s.sent, " "); got != "B; A; C;" || len(s.queue.items) != 0 {
			t.Errorf("sent %q, %d left", got, len(s.queue.items))
		}
	})
}

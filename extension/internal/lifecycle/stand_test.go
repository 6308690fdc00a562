package lifecycle

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
	"github.com/afterglow-lambda/afterglow/spool"
)

const (
	timeout = 3 * time.Second // of an invocation of these tests
	margin  = 150 * time.Millisecond
)

// A stand is a Pipeline with everything around it replaced but the spool. It is the pipeline's Delivery, too.
type stand struct {
	*Pipeline
	t      *testing.T
	dir    string
	log    bytes.Buffer
	ending Ending
	awaits []Attempt

	batches  []deliver.Batch                        // all that were ever added
	prepared int                                    // of those added that Prepare was told of
	added    []string                               // since the last Flush that worked
	sent     []string                               // by each Flush that worked
	flush    func(ctx context.Context) (works bool) // nil: it does
	unsafe   bool                                   // what did not work is in memory alone
	notDue   bool
	flushes  int
	told     []event.Loss // by the next Flush
	owedNow  []event.Loss // by an earlier life
	untold   []event.Loss
	owing    []event.Loss // to the next one
	again    []event.Loss // by the next Flush
	stashed  []string
	left     bool // Abandon was called
	survived bool // and told so

	keeps     bool // on disk, what is not accepted
	cannotOwe bool // there is no disk for it

	files17 int // files that process 17 wrote
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, dir: t.TempDir()}
	s.Pipeline = &Pipeline{Endings: s, Intake: intake.New(s.dir, time.Time{}), Delivery: s, Margin: margin, Render: renderText, Policy: Policy{Strategy: AtEnd}}
	s.Log = zerolog.New(&s.log)
	return s
}

// renderText makes "A[loss:1];" of an invocation.
func renderText(inv event.Invocation) []deliver.Batch {
	var lost strings.Builder
	for _, l := range inv.Lost {
		fmt.Fprintf(&lost, "[%s:%d]", l.Reason, l.Records)
	}
	return []deliver.Batch{{Signal: signalTraces, Payload: []byte(inv.ID + lost.String() + ";"), Records: 1 + len(inv.Calls)}}
}

func (s *stand) Await(_ context.Context, a Attempt) Ending {
	s.awaits = append(s.awaits, a)
	return s.ending
}

func (s *stand) Add(b deliver.Batch) {
	s.batches = append(s.batches, b)
	s.added = append(s.added, string(b.Payload))
}

func (s *stand) Keeps() bool { return s.keeps }

func (s *stand) Due(time.Time) bool { return !s.notDue }

func (s *stand) Flush(ctx context.Context, last bool) deliver.Report {
	s.flushes++
	lost, again := s.told, s.again
	s.told, s.again = nil, nil
	if s.notDue && !last {
		return deliver.Report{Safe: !s.unsafe, Kept: len(s.added), Lost: lost, Again: again}
	}
	deliver.Waiting(ctx)
	if s.flush != nil && !s.flush(ctx) {
		return deliver.Report{Safe: !s.unsafe, Kept: len(s.added), Lost: lost, Again: again}
	}
	if len(s.added) > 0 {
		s.sent = append(s.sent, strings.Join(s.added, ""))
	}
	s.added = nil
	return deliver.Report{Safe: true, Lost: lost, Again: again}
}

func (s *stand) Prepare() { s.prepared = len(s.added) }

func (s *stand) Stash(b deliver.Batch) { s.stashed = append(s.stashed, string(b.Payload)) }

func (s *stand) Owe(l []event.Loss) bool {
	if s.cannotOwe {
		return false
	}
	s.owing = slices.Clone(l)
	return true
}

func (s *stand) Owed() []event.Loss { return s.owedNow }

func (s *stand) Untold(bool) []event.Loss { return s.untold }

func (s *stand) Abandon(_ context.Context, survives bool) { s.left, s.survived = true, survives }

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

// settle waits for what goes on beside.
func (s *stand) settle() {
	if s.working != nil {
		<-s.working
	}
}

func (s *stand) shutdown() time.Duration { return s.shutdownFor("spindown") }

func (s *stand) shutdownFor(reason string) time.Duration {
	start := time.Now()
	s.Shutdown(s.t.Context(), lambdaapi.Event{Type: lambdaapi.Shutdown, Reason: reason, Deadline: start.Add(2 * time.Second)})
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

// hang is a Flush that only its context ends.
func hang(ctx context.Context) bool {
	<-ctx.Done()
	return false
}

// fail is a Flush that does not work.
func fail(context.Context) bool { return false }

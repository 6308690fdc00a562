package deliver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

func TestLossesThatAreOwed(t *testing.T) {
	s := newStand(t, nil, one(&fake{}))
	if !s.Owe(nil) || !s.Owe([]event.Loss{{Reason: "torn", Records: 3, Bytes: 100}}) {
		t.Error("they are not kept")
	}
	s.Owe([]event.Loss{{Reason: "torn", Records: 1, Bytes: 1}, {Reason: "refused", Records: 2}, {Reason: "no reason\n", Records: 9}})
	s.reset()
	for _, lost := range [][]event.Loss{s.Owed(), s.Owed()} {
		for _, l := range lost {
			s.lost.merge(l)
		}
	}
	s.wantLost("refused:2 torn:4")
	s.wantFiles(0)
	for _, content := range []string{"", "AFTERGLOW-OWED/2\ntorn 1 1\n", "AFTERGLOW-OWED/1\ntorn 1\ntorn -1 0\ntorn x y\n\n", strings.Repeat("x", mostOwed+1)} {
		if err := os.WriteFile(s.outbox.path(owedName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := s.Owed(); len(got) != 0 {
			t.Errorf("%.20q: got %v", content, got)
		}
	}
}

// read gives the names of the spans in a log.
func read(t *testing.T, log string) (all []string) {
	t.Helper()
	var d otlplog.Decoder
	for line := range strings.Lines(log) {
		b, err := d.Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if b != nil {
			all = append(all, names(b.Payload)...)
		}
	}
	return all
}

func TestAbandon(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx     context.Context //nolint:containedctx // of one call
		log     bool
		written string
		files   int
		said    string
	}{
		"to the log":          {t.Context(), true, "a b", 0, ""},
		"dropped":             {t.Context(), false, "", 4, `"traces":4`},
		"no time for the log": {ended, true, "", 4, `"traces":4`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w bytes.Buffer
				s := newStand(t, func(o *Options) {
					if test.log {
						o.Abandoned = &w
					}
				}, named("x", &fake{answer: nobody}), named("y", &fake{answer: nobody}))
				s.invoke("a")
				time.Sleep(time.Minute)
				s.invoke("b")
				s.log.Reset()
				s.Abandon(test.ctx)
				if got := strings.Join(read(t, w.String()), " "); got != test.written { // each once, although two exporters lack it
					t.Errorf("wrote %q", got)
				}
				if n := strings.Count(w.String(), otlplog.Mark); n != len(strings.Fields(test.written)) {
					t.Errorf("wrote %d lines", n)
				}
				s.wantFiles(test.files)
				if got := s.log.String(); !strings.Contains(got, test.said) || (got == "") != (test.said == "") {
					t.Errorf("said %q", got)
				}
			})
		})
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestAbandonToALogThatIsFull(t *testing.T) {
	s := newStand(t, func(o *Options) { o.Abandoned = full{} }, one(&fake{answer: nobody}))
	s.invoke("a")
	s.Abandon(t.Context())
	s.wantFiles(1)
	if !strings.Contains(s.log.String(), `"traces":1`) {
		t.Errorf("said %q", s.log.String())
	}
}

// TestTheEndLeavesTimeForTheLog: an exporter that hangs does not take it.
func TestTheEndLeavesTimeForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w bytes.Buffer
		s := newStand(t, func(o *Options) { o.Abandoned = &w }, one(&fake{answer: hangs}))
		s.add("a")
		ctx, cancel := context.WithTimeout(t.Context(), 1900*time.Millisecond)
		defer cancel()
		s.Flush(ctx, true)
		if ctx.Err() != nil {
			t.Error("no time is left")
		}
		s.Abandon(ctx)
		if got := read(t, w.String()); len(got) != 1 {
			t.Errorf("wrote %q", got)
		}
	})
}

// TestLittleTimeAtTheEnd: what is left aside for the log is no more than half of it.
func TestLittleTimeAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: takes(100 * time.Millisecond)}
		s := newStand(t, func(o *Options) { o.Abandoned = io.Discard }, one(f))
		s.add("a")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		s.Flush(ctx, true)
		s.want(f, "a")
	})
}

package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	s.Owe([]event.Loss{{Reason: "torn", Records: 4, Bytes: 1}, {Reason: "refused", Records: 2}, {Reason: "no reason\n", Records: 9}}) // all that is owed now
	for range 2 {                                                                                                                     // they stay until somebody was told
		s.reset()
		s.lost = nil
		for _, l := range s.Owed() {
			s.lost.merge(l)
		}
		s.wantLost("refused:2 torn:4")
		s.wantFiles(1)
	}
	s.Owe(nil)
	s.wantFiles(0)
	for _, content := range []string{"", "AFTERGLOW-OWED/2\ntorn 1 1\n", "AFTERGLOW-OWED/1\ntorn 1\ntorn -1 0\ntorn x y\n\n", strings.Repeat("x", mostOwed+1)} {
		if err := os.WriteFile(s.outbox.path(owedName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := s.Owed(); len(got) != 0 {
			t.Errorf("%.20q: got %v", content, got)
		}
		s.Owe(nil)
		s.wantFiles(0)
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
				s.Abandon(test.ctx, false)
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

// TestAbandonWhatOnlyMemoryHas: of an environment that lives on, only what neither the outbox nor the spool has is left behind.
func TestAbandonWhatOnlyMemoryHas(t *testing.T) {
	carried := []event.Loss{{Reason: "torn", Records: 3}}
	for name, test := range map[string]struct {
		bytes   int64
		log     bool
		block   bool // the outbox, while it is flushed
		written string
		files   int
		said    string
	}{
		"on disk":                          {1 << 20, true, false, "", 2, ""},
		"room at last":                     {1 << 20, true, true, "", 1, `{"level":"warn","torn":3,`},
		"no disk":                          {0, false, false, "", 0, `{"level":"warn","traces":1,"torn":3,`},
		"no disk, but what is in it stays": {0, true, false, "alone", 0, `{"level":"warn","torn":3,`},
	} {
		t.Run(name, func(t *testing.T) {
			var w bytes.Buffer
			s := newStand(t, func(o *Options) {
				if o.Bytes = test.bytes; test.log {
					o.Abandoned = &w
				}
			}, one(&fake{answer: nobody}))
			if test.block {
				if err := os.WriteFile(s.o.Dir, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s.Add(Batch{Signal: otlplog.Traces, Payload: request(10, "recorded"), Records: 1, Recorded: true, Carried: carried})
			s.add("alone")
			if s.Flush(t.Context(), true); test.block {
				if err := os.Remove(s.o.Dir); err != nil {
					t.Fatal(err)
				}
			}
			s.log.Reset()
			s.Abandon(t.Context(), true)
			if got := strings.Join(read(t, w.String()), " "); got != test.written {
				t.Errorf("wrote %q", got)
			}
			s.wantFiles(test.files)
			if got := s.log.String(); !strings.HasPrefix(got, test.said) || (got == "") != (test.said == "") {
				t.Errorf("said %q", got)
			}
			if left := s.Untold(true); left != nil {
				t.Errorf("%v are left to be told, and were told", left)
			}
		})
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestAbandonToALogThatIsFull(t *testing.T) {
	s := newStand(t, func(o *Options) { o.Abandoned = full{} }, one(&fake{answer: nobody}))
	s.invoke("a")
	s.Abandon(t.Context(), false)
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
		s.Abandon(ctx, false)
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

// A hasty context is over as soon as something is in the log, but tells it only to who asks: whoever waits for it would not know what was written.
type hasty struct {
	context.Context //nolint:containedctx // it is one
	log             *bytes.Buffer
}

func (h hasty) Err() error {
	if h.log.Len() > 0 {
		return context.Canceled
	}
	return nil
}

// TestAbandonInPieces: a request of a mebibyte takes the smallest functions too long. What there was no time for is counted, and stays on the disk.
func TestAbandonInPieces(t *testing.T) {
	var w bytes.Buffer
	s := newStand(t, func(o *Options) { o.Abandoned = &w }, one(&fake{answer: nobody}))
	const all = 40
	var want []string
	for n := range all {
		want = append(want, fmt.Sprintf("%02d%s", n, strings.Repeat("x", 10_000)))
	}
	s.add(want...)
	s.flush(false)
	s.wantFiles(1)
	s.log.Reset()
	s.Abandon(hasty{t.Context(), &w}, false)
	written := read(t, w.String())
	if n := len(written); n == 0 || n > mostAtOnce/10_000 {
		t.Fatalf("%d are written", n)
	}
	if said := fmt.Sprintf(`"traces":%d,`, all-len(written)); !strings.Contains(s.log.String(), said) {
		t.Errorf("said %q, want %s", s.log.String(), said)
	}
	if left := s.Untold(false); left != nil {
		t.Errorf("%v are left to be told, and were told", left)
	}
	s.reset() // the environment lives on after all
	s.Abandon(t.Context(), false)
	if written = read(t, w.String()); len(written) != all {
		t.Errorf("%d of %d are there", len(written), all)
	}
}

// TestUntold: what is kept can be told by whoever has no time to wait for Abandon, once.
func TestUntold(t *testing.T) {
	s := newStand(t, nil, one(&fake{answer: nobody}))
	s.invoke("a")
	s.invoke("b")
	for _, want := range []string{"[{traces 2 0}]", "[]"} {
		if got := fmt.Sprint(s.Untold(false)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

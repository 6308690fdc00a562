package deliver

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

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// many has a process leave three files of seven spans each, a minute apart, and the next one begin in the same outage.
func many(t *testing.T, f *fake, between func(s *stand)) *stand {
	t.Helper()
	f.answer = down
	s := newStand(t, func(o *Options) { o.Batch = 1 << 10 }, one(f)) // which none of two files go into
	for range 3 {
		s.Add(Batch{Signal: otlplog.Traces, Payload: request(100, numbered(7)...), Records: 7})
		s.flush(false)
		time.Sleep(time.Minute)
	}
	s.wantFiles(3)
	if between != nil {
		between(s)
	}
	s.reset()
	s.flush(false)
	return s
}

// rename changes the names of all files.
func rename(t *testing.T, s *stand, change func(name string) string) {
	t.Helper()
	for _, name := range s.files() {
		if err := os.Rename(filepath.Join(s.o.Dir, name), filepath.Join(s.o.Dir, change(name))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnreadFilesAreCountedByTheirRecords: an outage goes on after a reset, so that all but the first file are opened by nobody.
func TestUnreadFilesAreCountedByTheirRecords(t *testing.T) {
	spoil := func(s *stand) { // the first lines
		for _, name := range s.files() {
			if err := os.WriteFile(filepath.Join(s.o.Dir, name), []byte("garbage"), 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	remove := func(s *stand) {
		if err := os.RemoveAll(s.o.Dir); err != nil {
			s.t.Fatal(err)
		}
	}
	older := func(s *stand) {
		rename(s.t, s, func(name string) string { return strings.Replace(name, "-7.", ".", 1) })
	}
	wrong := func(s *stand) {
		rename(s.t, s, func(name string) string { return strings.Replace(name, "-7.", "-99999999999999999999.", 1) })
	}
	for name, test := range map[string]struct {
		before, after func(s *stand) // the reset
		untold        string
		lost          string // once the collector is back
	}{
		"unread":                    {nil, nil, "[{traces 21 0}]", ""},
		"deleted":                   {nil, remove, "[{traces 21 0}]", "outbox-gone:21"},
		"damaged":                   {nil, spoil, "[{traces 21 0}]", "outbox-damaged:21"},
		"damaged before":            {spoil, nil, "[]", "outbox-damaged:21"}, // all of them are opened, and it is told
		"names of the older shape":  {older, nil, "[{traces 21 0}]", ""},
		"the older shape, deleted":  {older, remove, "[{traces 21 0}]", "outbox-gone:21"},
		"no number of a file's":     {wrong, nil, "[{traces 21 0}]", ""},
		"the older shape, no lines": {func(s *stand) { older(s); spoil(s) }, nil, "[]", "outbox-damaged:3"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				s := many(t, f, test.before)
				if test.after != nil {
					test.after(s)
				}
				if got := fmt.Sprint(s.Untold(false)); got != test.untold {
					t.Errorf("%s are untold, want %s", got, test.untold)
				}
				f.answer = nil
				time.Sleep(time.Minute)
				s.flush(true)
				s.wantLost(test.lost)
			})
		})
	}
}

// TestAbandonedFilesAreCountedByTheirRecords, also those that nobody has opened.
func TestAbandonedFilesAreCountedByTheirRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := many(t, &fake{}, nil)
		s.log.Reset()
		s.Abandon(t.Context(), false)
		if !strings.Contains(s.log.String(), `"traces":21,`) {
			t.Errorf("said %q", s.log.String())
		}
	})
}

// TestTheNameFollowsWhatIsLeft of a file whose request was accepted in part, sent or written into the log.
func TestTheNameFollowsWhatIsLeft(t *testing.T) {
	named := func(t *testing.T, s *stand, want string) {
		t.Helper()
		if got := s.files(); len(got) != 1 || !strings.HasSuffix(got[0], want+".otlp.traces.otlp") {
			t.Errorf("files %q, want one of %s", got, want)
		}
	}
	t.Run("sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{answer: nobody}
			e := one(f)
			e.Limits = export.Limits{Records: 2}
			s := newStand(t, nil, e)
			s.Add(Batch{Signal: otlplog.Traces, Payload: request(1, numbered(7)...), Records: 7})
			s.flush(false)
			named(t, s, "-7")
			time.Sleep(time.Minute)
			f.sends = 0
			f.answer = func(ctx context.Context, n int, signal string, payload []byte) (export.Result, error) {
				if n == 3 {
					return hangs(ctx, n, signal, payload)
				}
				return export.Result{}, nil
			}
			s.flush(false)
			rest := 7 - len(f.accepted)
			if rest == 0 || rest == 7 {
				t.Fatalf("%d are left", rest)
			}
			named(t, s, fmt.Sprintf("-%d-asked", rest))
			s.reset()
			f.answer = nobody
			if s.flush(false); fmt.Sprint(s.Untold(false)) != fmt.Sprintf("[{traces %d 0}]", rest) {
				t.Errorf("%d are left", rest)
			}
		})
	})
	t.Run("written into the log", func(t *testing.T) {
		var w bytes.Buffer
		s := newStand(t, func(o *Options) { o.Abandoned = &w }, one(&fake{answer: nobody}))
		s.Add(Batch{Signal: otlplog.Traces, Payload: request(mostAtOnce/4, numbered(7)...), Records: 7})
		s.flush(false)
		named(t, s, "-7")
		s.Abandon(hasty{t.Context(), &w}, false)
		named(t, s, fmt.Sprintf("-%d", 7-len(read(t, w.String()))))
	})
}

// TestANameThatIsBehind what its file holds, because the process was killed between changing the two: the file is right.
func TestANameThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := many(t, &fake{}, func(s *stand) {
			rename(t, s, func(name string) string { return strings.Replace(name, "-7.", "-2.", 1) })
		})
		for _, it := range s.lanes[0].items {
			if s.outbox.load(it) != nil || it.records != 7 {
				t.Errorf("%s has %d records", it.name, it.records)
			}
		}
	})
}

// TestAStashedFileKeepsItsName, whatever it holds: to replace it takes no step more. The next process counts it all the same.
func TestAStashedFileKeepsItsName(t *testing.T) {
	s := newStand(t, nil, named("otlp", &fake{answer: nobody}))
	s.Stash(Batch{Signal: otlplog.Metrics, Payload: request(1, numbered(7)...), Records: 7})
	had := s.files()
	s.Stash(Batch{Signal: otlplog.Metrics, Payload: request(1, numbered(9)...), Records: 9})
	if got := s.files(); len(got) != 1 || len(had) != 1 || got[0] != had[0] {
		t.Errorf("files %q, then %q", had, got)
	}
	s.reset()
	s.open() // and nothing is read
	s.wait()
	if got := fmt.Sprint(s.Untold(false)); got != "[{metrics 9 0}]" {
		t.Errorf("%s are untold", got)
	}
}

func TestFileNames(t *testing.T) {
	born := time.UnixMilli(12)
	for name, want := range map[string]struct {
		head
		random   string
		doubtful bool
	}{
		"0000000000012-R.otlp.traces.otlp":         {head{"otlp", "traces", 0, born}, "R", false},
		"0000000000012-R-asked.otlp.traces.otlp":   {head{"otlp", "traces", 0, born}, "R", true},
		"0000000000012-R-7.otlp.traces.otlp":       {head{"otlp", "traces", 7, born}, "R", false},
		"0000000000012-R-7-asked.otlp.traces.otlp": {head{"otlp", "traces", 7, born}, "R", true},
	} {
		h, random, doubtful, ok := parseFileName(name)
		if !ok || h != want.head || random != want.random || doubtful != want.doubtful {
			t.Errorf("%s: got %+v %q %v %v", name, h, random, doubtful, ok)
		}
		if got := fileName(h, random, doubtful); got != name {
			t.Errorf("%s became %s", name, got)
		}
	}
	for _, name := range []string{"", owedName, "0000000000012-.otlp.traces.otlp", "0000000000012.otlp.traces.otlp", "x-R-7.otlp.traces.otlp", "0000000000012-R-7.otlp.traces", "0000000000012-R-7..traces.otlp"} {
		if h, _, _, ok := parseFileName(name); ok {
			t.Errorf("%s: got %+v", name, h)
		}
	}
	for _, count := range []string{"-1", "x", "", "99999999999999999999", "+3", "2147483648"} {
		if h, _, _, ok := parseFileName("0000000000012-R-" + count + ".otlp.traces.otlp"); !ok || h.records != 0 {
			t.Errorf("%s: %d records, %v", count, h.records, ok)
		}
	}
}

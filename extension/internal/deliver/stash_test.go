package deliver

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// counted is a batch of metrics.
func counted(name string) Batch {
	return Batch{Signal: otlplog.Metrics, Payload: request(1, name), Records: 3}
}

// TestStash: a file for each exporter that takes it, of which the next process finds the last one, if this one did not send what came after it.
func TestStash(t *testing.T) {
	for name, test := range map[string]struct {
		rest func(s *stand, f *fake) // of this life
		want string                  // that was accepted in both
	}{
		"killed":                {func(*stand, *fake) {}, "metrics:two"},
		"a flush in between":    {func(s *stand, _ *fake) { s.invoke("a") }, "a metrics:two"},
		"sent":                  {func(s *stand, _ *fake) { s.Add(counted("three")); s.flush(false) }, "metrics:three"},
		"sent, and stashed":     {func(s *stand, _ *fake) { s.Add(counted("three")); s.flush(false); s.Stash(counted("four")) }, "metrics:three metrics:four"},
		"added and not flushed": {func(s *stand, _ *fake) { s.Add(counted("three")) }, "metrics:two"},
		"not accepted":          {func(s *stand, f *fake) { f.answer = nobody; s.Add(counted("three")); s.flush(false) }, "metrics:three"},
		"not accepted, and stashed": {func(s *stand, f *fake) {
			f.answer = nobody
			s.Add(counted("three"))
			s.flush(false)
			s.Stash(counted("four"))
		},
			"metrics:three metrics:four"},
		"the file is gone":      {func(s *stand, _ *fake) { os.RemoveAll(s.o.Dir); s.Add(counted("three")); s.flush(false) }, "metrics:three"},
		"gone, and stashed":     {func(s *stand, _ *fake) { os.RemoveAll(s.o.Dir); s.Stash(counted("three")) }, "metrics:three"},
		"the disk cannot again": {func(s *stand, _ *fake) { s.cannot(); s.Stash(counted("three")); s.can() }, "metrics:two"},
		"killed while it was sent": {func(s *stand, f *fake) {
			f.answer = func(_ context.Context, _ int, signal string, _ []byte) (export.Result, error) {
				s.wantFiles(1)
				return export.Result{}, nil
			}
			s.Add(counted("three"))
			s.flush(false)
			s.wantFiles(0)
		}, "metrics:three"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			s := newStand(t, nil, named("otlp", f), Exporter{Name: "xray", Signals: []string{otlplog.Traces}, Sender: &fake{}})
			s.Stash(counted("one"))
			s.Stash(counted("two"))
			s.wantFiles(1)
			test.rest(s, f)
			f.answer = nil
			s.reset()
			s.flush(true)
			s.want(f, test.want)
			s.wantFiles(0)
			s.wantLost("")
		})
	}
}

// TestAStashIsTakenOverAsAnyFile: the oldest goes first, and its number of records is known.
func TestAStashIsTakenOverAsAnyFile(t *testing.T) {
	s := newStand(t, func(o *Options) { o.Bytes = block }, named("otlp", &fake{answer: nobody}))
	s.Stash(counted("one"))
	s.reset()
	s.add("a")
	s.flush(false)
	s.wantLost("metrics-outbox-full:3")
}

func TestNoStashWithoutADisk(t *testing.T) {
	s := newStand(t, func(o *Options) { o.Bytes = 0 }, named("otlp", &fake{}))
	s.Stash(counted("one"))
	s.wantFiles(0)
	if s.log.Len() > 0 {
		t.Errorf("said %s", s.log.String())
	}
	s = newStand(t, nil, named("otlp", &fake{}))
	s.cannot()
	s.Stash(counted("one"))
	s.Stash(counted("two"))
	if n := strings.Count(s.log.String(), "outbox"); n == 0 || strings.Count(s.log.String(), "\n") != 1 {
		t.Errorf("said %s", s.log.String())
	}
	s.can()
}

// TestNoStashForWhoTakesNoMetrics: what was there goes when the collector says so.
func TestNoStashForWhoTakesNoMetrics(t *testing.T) {
	for name, rest := range map[string]func(*stand){
		"stashed": func(s *stand) { s.Stash(counted("two")) },
		"sent":    func(s *stand) { s.Add(counted("two")); s.flush(false) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, nil, named("otlp", &fake{}))
			s.Stash(counted("one"))
			s.wantFiles(1)
			s.lanes[0].off = map[string]int{otlplog.Metrics: 0}
			rest(s)
			s.wantFiles(0)
		})
	}
}

// cannot puts a file into the place of the outbox, and can puts the outbox back.
func (s *stand) cannot() {
	s.t.Helper()
	_ = os.Rename(s.o.Dir, s.o.Dir+".aside") // there may be none
	if err := os.WriteFile(s.o.Dir, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) can() {
	s.t.Helper()
	if err := os.Remove(s.o.Dir); err != nil {
		s.t.Fatal(err)
	}
	_ = os.Rename(s.o.Dir+".aside", s.o.Dir)
}

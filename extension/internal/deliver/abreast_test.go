package deliver

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// A crowd is an exporter that answers several signals at a time.
type crowd struct {
	answer map[string]func(context.Context) error // by signal; nil: takes 50 ms

	mu       sync.Mutex
	now      int
	most     int // at a time
	sends    []string
	accepted []string
}

func (c *crowd) Send(ctx context.Context, signal string, payload []byte) (export.Result, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.sends = append(c.sends, signal)
	c.mu.Unlock()
	var err error
	if answer := c.answer[signal]; answer != nil {
		err = answer(ctx)
	} else {
		time.Sleep(50 * time.Millisecond)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	if err == nil {
		for _, name := range names(payload) {
			c.accepted = append(c.accepted, signal+":"+name)
		}
	}
	return export.Result{}, err
}

// crowded gives a stand whose exporter has worked before, and has something of each signal to send.
func crowded(t *testing.T, c *crowd, abreast bool) *stand {
	signals := []string{otlplog.Traces, otlplog.Metrics, otlplog.Logs}
	s := newStand(t, nil, Exporter{Name: "otlp", Signals: signals, Sender: c, Abreast: abreast})
	answer := c.answer
	c.answer = nil
	s.invoke("before")
	c.answer, c.sends, c.accepted = answer, nil, nil
	for _, signal := range signals {
		s.Add(Batch{Signal: signal, Payload: request(10, "A"), Records: 1})
	}
	return s
}

func (c *crowd) got() string {
	slices.Sort(c.accepted)
	return strings.Join(c.accepted, " ")
}

// TestSpansAreTheFirstOfThoseAbreast: what was compressed ahead of them is theirs only until another signal is compressed. On one thread, as in the extension, nobody else is sooner.
func TestSpansAreTheFirstOfThoseAbreast(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c := &crowd{}
	crowded(t, c, true).flush(false)
	if got := strings.Join(c.sends, " "); !strings.HasPrefix(got, otlplog.Traces+" ") || len(c.sends) != 3 {
		t.Errorf("sent %s", got)
	}
	if got := c.got(); got != allOfThem {
		t.Errorf("accepted %s", got)
	}
}

const allOfThem = "logs:A metrics:A traces:A"

// TestSignalsGoAbreast: one round trip for all.
func TestSignalsGoAbreast(t *testing.T) {
	for name, test := range map[string]struct {
		abreast, last, unknown bool
		want                   time.Duration
	}{
		"abreast":                    {true, false, false, 50 * time.Millisecond},
		"where it costs a handshake": {false, false, false, 150 * time.Millisecond},
		"at the end":                 {true, true, false, 150 * time.Millisecond},
		"where nobody knows it yet":  {true, false, true, 150 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{}
				s := crowded(t, c, test.abreast)
				if test.unknown {
					s.lanes[0].breaker = breaker{}
				}
				if took := s.flush(test.last); took != test.want || c.got() != allOfThem || len(c.sends) != 3 {
					t.Errorf("took %v, %d requests, accepted %q", took, len(c.sends), c.accepted)
				}
				s.wantFiles(0)
			})
		})
	}
}

// TestOneOfThemFails: what was accepted is not sent again, what was not is kept, and whoever failed is not trusted as one that works.
func TestOneOfThemFails(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return &export.Error{Retry: true, Text: "no answer"} }
	for name, test := range map[string]struct {
		fails    []string
		how      func(context.Context) error
		accepted string
		cost     time.Duration
	}{
		"traces hang":        {[]string{otlplog.Traces}, hang, "logs:A metrics:A", firstCredit},
		"metrics hang":       {[]string{otlplog.Metrics}, hang, "logs:A traces:A", firstCredit},
		"all hang":           {[]string{otlplog.Traces, otlplog.Metrics, otlplog.Logs}, hang, "", firstCredit},
		"one breaks":         {[]string{otlplog.Logs}, func(context.Context) error { panic("hunter2") }, "metrics:A traces:A", 0},
		"all are turned off": {[]string{otlplog.Traces, otlplog.Metrics, otlplog.Logs}, func(context.Context) error { return &export.Error{Retry: true, Text: "connection refused"} }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{answer: map[string]func(context.Context) error{}}
				for _, signal := range test.fails {
					c.answer[signal] = test.how
				}
				s := crowded(t, c, true)
				before := s.credit.now(wall(time.Now()), s.most())
				if took := s.flush(false); took > firstCredit || c.got() != test.accepted {
					t.Errorf("took %v, accepted %q", took, c.accepted)
				}
				s.wantFiles(len(test.fails))
				b := s.lanes[0].breaker
				if cost := before - s.credit.now(wall(time.Now()), s.most()); cost != test.cost || b.failures != 1 || b.need == 0 {
					t.Errorf("it cost %v, %+v", cost, b)
				}
				if strings.Contains(s.log.String(), "hunter2") {
					t.Errorf("log: %s", s.log.String())
				}
				c.answer = nil
				for n := 0; c.got() != allOfThem; n++ {
					if n > 100 {
						t.Fatalf("accepted %q", c.accepted)
					}
					time.Sleep(3 * time.Second)
					s.flush(false)
				}
				s.wantFiles(0)
			})
		})
	}
}

// TestManyRequestsOfASignalGoOneByOne: the first ones abreast, and what is left behind each other.
func TestManyRequestsOfASignalGoOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{}
		s := crowded(t, c, true)
		s.lanes[0].most = 200
		for n := range 5 {
			s.Add(Batch{Signal: otlplog.Traces, Payload: request(120, fmt.Sprint("B", n)), Records: 1})
		}
		s.flush(false)
		if want := allOfThem + " traces:B0 traces:B1 traces:B2 traces:B3 traces:B4"; c.got() != want || c.most != 3 {
			t.Errorf("accepted %q, %d at a time", c.accepted, c.most)
		}
		s.wantFiles(0)
	})
}

// TestKeeps: what is not accepted will be on disk if the last write worked.
func TestKeeps(t *testing.T) {
	f := &fake{}
	s := newStand(t, nil, one(f))
	if s.invoke("A"); s.Keeps() {
		t.Error("nothing was written yet")
	}
	f.answer = down
	if s.invoke("B"); !s.Keeps() {
		t.Error("it was written")
	}
	s.complain(fmt.Errorf("no space left"))
	if s.Keeps() {
		t.Error("it could not be written")
	}
}

// TestWhatWasAcceptedInTimeIsNotSentAgain: although the time is over when the last of them is.
func TestWhatWasAcceptedInTimeIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{answer: map[string]func(context.Context) error{otlplog.Traces: func(ctx context.Context) error {
			<-ctx.Done()
			return &export.Error{Retry: true, Text: "no answer"}
		}}}
		s := crowded(t, c, true)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		s.last = s.Flush(ctx, false)
		s.wantFiles(1)
		c.answer = nil
		s.flush(true)
		if c.got() != allOfThem {
			t.Errorf("accepted %q", c.accepted)
		}
	})
}

package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// A scriptedAPI gives its events one after the other and checks that nobody asks twice at a time. After the last one it blocks.
type scriptedAPI struct {
	t      *testing.T
	script []any // lambdaapi.Event or error
	early  int   // requests sent ahead
	asked  int
	busy   atomic.Bool
}

func (a *scriptedAPI) Ask(context.Context) { a.early++ }

func (a *scriptedAPI) Next(ctx context.Context) (lambdaapi.Event, error) {
	if !a.busy.CompareAndSwap(false, true) {
		a.t.Error("a second next while the first is open")
	}
	defer a.busy.Store(false)
	a.asked++
	if a.asked > len(a.script) {
		<-ctx.Done()
		return lambdaapi.Event{}, ctx.Err()
	}
	switch s := a.script[a.asked-1].(type) {
	case string:
		panic(s)
	case error:
		return lambdaapi.Event{}, s
	case lambdaapi.Event:
		return s, nil
	}
	panic("script")
}

// A workerFunc is a Worker that does the same for every event.
type workerFunc func(lambdaapi.Event)

func (f workerFunc) Invoke(_ context.Context, e lambdaapi.Event)   { f(e) }
func (f workerFunc) Shutdown(_ context.Context, e lambdaapi.Event) { f(e) }

var (
	invoke   = lambdaapi.Event{Type: lambdaapi.Invoke, RequestID: "A"}
	shutdown = lambdaapi.Event{Type: lambdaapi.Shutdown, Reason: "spindown"}
	refused  = &lambdaapi.Error{Status: 500}
)

func TestRun(t *testing.T) {
	const secret = "hunter2"
	tests := []struct {
		name     string
		script   []any
		setUp    func() (Worker, error)
		worker   workerFunc
		wantSeen string
		wantCode int
		wantLog  string
	}{
		{name: "invocations and the end", script: []any{invoke, invoke, shutdown}, wantSeen: "INVOKE INVOKE SHUTDOWN"},
		{name: "the end alone", script: []any{shutdown}, wantSeen: "SHUTDOWN"},
		{name: "an event that is not known", script: []any{lambdaapi.Event{Type: "RESTORE"}, invoke, shutdown}, wantSeen: "INVOKE SHUTDOWN"},
		{name: "next fails for a while", script: []any{refused, refused, invoke, errors.New("reset"), shutdown}, wantSeen: "INVOKE SHUTDOWN", wantLog: "cannot get the next event"},
		{name: "asking panics", script: []any{secret, secret, invoke, secret, shutdown}, wantSeen: "INVOKE SHUTDOWN", wantLog: "a bug in Afterglow"},
		{name: "switched off", script: []any{invoke, shutdown}, setUp: func() (Worker, error) { return nil, nil }},
		{name: "setting up fails", script: []any{invoke, invoke, shutdown}, setUp: func() (Worker, error) { return nil, errors.New("no") }, wantLog: "idle"},
		{name: "setting up panics", script: []any{invoke, invoke, shutdown}, setUp: func() (Worker, error) { panic(secret) }, wantLog: "a bug in Afterglow"},
		{name: "an invocation panics", script: []any{invoke, invoke, shutdown}, worker: func(e lambdaapi.Event) { panic(secret) }, wantSeen: "INVOKE", wantLog: `"panic":"string","at":"loop_test.go`},
		{name: "a shutdown panics", script: []any{shutdown}, worker: func(e lambdaapi.Event) { _ = []int{}[len(e.Type)] }, wantSeen: "SHUTDOWN", wantLog: "index out of range [8] with length 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen []string
				var log bytes.Buffer
				api := &scriptedAPI{t: t, script: test.script}
				setUp := func(context.Context) (Worker, error) {
					return workerFunc(func(e lambdaapi.Event) {
						seen = append(seen, string(e.Type))
						if test.worker != nil {
							test.worker(e)
						}
					}), nil
				}
				if test.setUp != nil {
					setUp = func(context.Context) (Worker, error) { return test.setUp() }
				}
				code := Run(t.Context(), api, zerolog.New(&log), setUp)
				if got := strings.Join(seen, " "); code != test.wantCode || got != test.wantSeen || api.asked != len(test.script) {
					t.Errorf("code %d, saw %q, asked %d times", code, got, api.asked)
				}
				if !strings.Contains(log.String(), test.wantLog) || (test.wantLog == "") != (log.Len() == 0) || strings.Count(log.String(), "\n") > 3 || strings.Contains(log.String(), secret) {
					t.Errorf("log: %s", log.String())
				}
			})
		})
	}
}

func TestNextIsAskedForBeforeSettingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &scriptedAPI{t: t, script: []any{shutdown}}
		Run(t.Context(), api, zerolog.Nop(), func(context.Context) (Worker, error) {
			if api.early != 1 {
				t.Error("the request was not sent before anything else")
			}
			synctest.Wait()
			if api.asked != 1 {
				t.Error("next was not asked for")
			}
			return nil, nil
		})
	})
}

// TestNobodyAnswers: a process whose environment is gone must not stay for ever.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var script []any
		for range mostUnanswered {
			script = append(script, errors.New("connection refused"))
		}
		var log bytes.Buffer
		start := time.Now()
		code := Run(t.Context(), &scriptedAPI{t: t, script: script}, zerolog.New(&log), func(context.Context) (Worker, error) { return nil, nil })
		if took := time.Since(start); code != 1 || took < 30*time.Second || took > 2*time.Minute || strings.Count(log.String(), "\n") != 2 {
			t.Errorf("code %d after %v, log: %s", code, took, log.String())
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if code := Run(ctx, &scriptedAPI{t: t}, zerolog.Nop(), func(context.Context) (Worker, error) { return nil, nil }); code != 1 {
			t.Errorf("code %d", code)
		}
	})
}

// TestSomebodyAnswers: whatever it is that is answered, this process must not end before it is told to.
func TestSomebodyAnswers(t *testing.T) {
	const times = 100 * mostUnanswered
	for name, answer := range map[string]error{
		"forbidden":      &lambdaapi.Error{Status: 403, Type: "Forbidden"},
		"not an event":   fmt.Errorf("wait: %w", &lambdaapi.Error{Status: 200}),
		"now and then":   nil,
		"internal error": &lambdaapi.Error{Status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var script []any
				for n := range times {
					switch {
					case answer != nil:
						script = append(script, answer)
					case n%mostUnanswered == mostUnanswered-1:
						script = append(script, refused)
					default:
						script = append(script, errors.New("connection reset"))
					}
				}
				api := &scriptedAPI{t: t, script: append(script, shutdown)}
				start := time.Now()
				code := Run(t.Context(), api, zerolog.Nop(), func(context.Context) (Worker, error) { return nil, nil })
				if code != 0 || api.asked != times+1 || time.Since(start) < (times-10)*longestPause {
					t.Errorf("code %d after %d questions in %v", code, api.asked, time.Since(start))
				}
			})
		})
	}
}

// Package lifecycle leads the stages through the life of an environment.
//
// It takes Lambda's events and the ends of invocations, which are renames in the spool, and lets the stages do their work in the time that
// is left then: intake, enrich, correlate, mask, limit, span, export. It decides when; the stages know what.
//
// It promises: Next is asked for again before the invocation's deadline less the margin, whatever a stage, the spool or the collector does;
// a panic costs the invocation whose data caused it, or all of Afterglow's work, but never the function's; and the process does not end
// before SHUTDOWN.
package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// An API is what lifecycle needs of Lambda. There is never more than one Next at a time, and Ask comes only before the first: it sends that one's request and does not wait.
type API interface {
	Ask(ctx context.Context)
	Next(ctx context.Context) (lambdaapi.Event, error)
}

// A Worker is what is done about events. Both methods return in time for the deadline of their event.
type Worker interface {
	Invoke(ctx context.Context, e lambdaapi.Event)
	Shutdown(ctx context.Context, e lambdaapi.Event)
}

const (
	// firstPause is the wait after a Next that failed; it doubles up to longestPause. Nothing is known to make Next fail on Lambda; what did
	// may be over soon, and every moment without a Next is one in which the invocation cannot end.
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
	// mostUnanswered in a row, about a minute of them, and there is no environment left that this process could harm by ending. Whoever answers,
	// with whatever, may be one.
	mostUnanswered = 60
)

// Run asks for events and has them worked on until SHUTDOWN. It asks for the first one at once and sets up meanwhile: the
// environment is not ready before all of its extensions have asked. Without a worker, because setting up failed, gave none or
// something panicked, it only asks. The result is the exit code.
func Run(ctx context.Context, api API, log zerolog.Logger, setUp func(context.Context) (Worker, error)) int {
	l := &loop{api: api, log: log}
	first := make(chan answer, 1)
	// Before setting up, not beside it: where the share of the CPU is small, whatever runs at the same time on the other core takes from it.
	l.guard("first request", func() { api.Ask(ctx) })
	go func() {
		defer func() {
			if r := recover(); r != nil {
				logPanic(log, "first event", r)
				first <- answer{ok: true} // an event of no type: ask again
			}
		}()
		first <- l.next(ctx)
	}()
	l.guard("set up", func() {
		var err error
		if l.worker, err = setUp(ctx); err != nil {
			l.worker = nil
			log.Error().Err(err).Msg("idle: nothing of this environment will be exported")
		}
	})
	for a := <-first; ; a = l.next(ctx) {
		if !a.ok {
			return 1
		}
		if l.worker == nil {
			if a.event.Type == lambdaapi.Shutdown {
				return 0
			}
			continue
		}
		switch a.event.Type {
		case lambdaapi.Invoke:
			l.guard("invocation", func() { l.worker.Invoke(ctx, a.event) })
		case lambdaapi.Shutdown:
			l.guard("shutdown", func() { l.worker.Shutdown(ctx, a.event) })
			return 0
		}
	}
}

type loop struct {
	api    API
	log    zerolog.Logger
	worker Worker // nil: idle

	panicked bool // while asking; it is told once
}

type answer struct {
	event lambdaapi.Event
	ok    bool // false: there is nobody to ask any more
}

// next asks until there is an answer that tells of an event.
func (l *loop) next(ctx context.Context) answer {
	pause := firstPause
	unanswered := 0
	for failures := 1; ; failures++ {
		e, err := l.ask(ctx)
		if err == nil {
			return answer{e, true}
		}
		unanswered++
		if isAnswer(err) {
			unanswered = 0
		}
		if failures == 1 || unanswered == mostUnanswered {
			l.log.Error().Err(err).Int("failures", failures).Msg("cannot get the next event")
		}
		if unanswered == mostUnanswered {
			return answer{}
		}
		select {
		case <-ctx.Done():
			return answer{}
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// errPanic stands for an answer on which our own code broke.
var errPanic = errors.New("panic")

func isAnswer(err error) bool {
	var refused *lambdaapi.Error
	return errors.Is(err, errPanic) || errors.As(err, &refused)
}

// ask asks once.
func (l *loop) ask(ctx context.Context) (e lambdaapi.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errPanic
			if !l.panicked {
				logPanic(l.log, "next", r)
			}
			l.panicked = true
		}
	}()
	return l.api.Next(ctx)
}

// guard runs fn. If it panics there is no worker any more.
func (l *loop) guard(doing string, fn func()) {
	defer func() {
		if r := recover(); r != nil {
			l.worker = nil
			logPanic(l.log, doing, r)
		}
	}()
	fn()
}

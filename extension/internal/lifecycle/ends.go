package lifecycle

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// Endings waits for the ends of invocations. Ends is the real one.
type Endings interface {
	// Await returns when the invocation has ended, when nobody will tell of its end, or when the context is done.
	Await(ctx context.Context, a Attempt) Ending
}

// An Attempt is one run of an invocation. Lambda gives another attempt at the same one the same id.
type Attempt struct {
	ID       string
	Deadline time.Time // zero if Lambda gave none
	Again    bool      // nobody has awaited an earlier attempt, which may have left files
}

// An Ending is why Await returned.
type Ending int

// Endings of Await.
const (
	Ended   Ending = iota // the handler is done and its records are in the spool, or the runtime is done and there will be no more
	NoHook                // no hook has written anything in this environment
	Silent                // there are hooks, but none has told of this invocation
	Expired               // the context was done first
)

// mostUntold ends in a row of which Lambda was expected to tell and did not, and none is waited for any more until it has told of one.
const mostUntold = 1

// Ends puts together what tells that an invocation has ended: the hook's rename, which comes first and costs nothing, and Lambda's platform.runtimeDone, which comes
// where there is no hook, and where its process has ended. Neither is waited for beyond the context.
type Ends struct {
	Watch    *Watch
	Platform Platform // nil: nothing is told
	Log      zerolog.Logger

	untold int
	last   <-chan struct{} // of the invocation before
}

// Await implements Endings.
func (e *Ends) Await(ctx context.Context, a Attempt) Ending {
	if e.Platform == nil || !e.Platform.Told() {
		return e.Watch.Await(ctx, a)
	}
	if e.last != nil && isClosed(e.last) {
		e.untold = 0
	}
	done := e.Platform.Ended(a.ID)
	e.last = done
	either, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer func() {
			if r := recover(); r != nil {
				logPanic(e.Log, "end of the invocation", r)
			}
		}()
		select {
		case <-done:
			stop()
		case <-either.Done():
		}
	}()
	began := time.Now()
	got := e.Watch.Await(either, a)
	switch {
	case isClosed(done):
		return Ended
	case got == Ended, got == Expired, e.untold >= mostUntold:
		return got
	}
	return e.awaitLambda(ctx, done, began, got)
}

// awaitLambda waits for what Lambda tells, because no hook will: otherwise is what is known without it. As long as nothing at all has come from Lambda it is
// given as much time as a hook. What it tells of the init may come as late as that.
func (e *Ends) awaitLambda(ctx context.Context, done <-chan struct{}, began time.Time, otherwise Ending) Ending {
	if !e.Platform.Heard() {
		timer := time.NewTimer(time.Until(began.Add(e.Watch.appearance)))
		defer timer.Stop()
		select {
		case <-done:
			return Ended
		case <-ctx.Done():
			return Expired
		case <-timer.C:
		}
		if !e.Platform.Heard() {
			return otherwise
		}
	}
	select {
	case <-done:
		return Ended
	case <-ctx.Done():
		e.untold++
		return Expired
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

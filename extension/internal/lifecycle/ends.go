package lifecycle

import (
	"context"
	"slices"
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

const (
	// leastPatience is the least that an end is waited for which only Lambda can tell; else it is patienceTimes what the longest of the invocations
	// before took. An end that is lost on the way would hold up the function until its deadline.
	leastPatience = time.Second
	patienceTimes = 4
	// After an end that got lost, none is waited for until Lambda has told of firstTrust others. That doubles with each one lost, up to mostTrust.
	firstTrust = 4
	mostTrust  = 64
	// mostPending ends are looked out for after nobody has waited for them: an end may come only when the environment thaws for the next invocation.
	mostPending = 8
)

// Ends puts together what tells that an invocation has ended: the hook's rename, which comes first and costs nothing, and Lambda's platform.runtimeDone, which comes
// where there is no hook, and where its process has ended. Neither is waited for beyond the context.
type Ends struct {
	Watch    *Watch
	Platform Platform // nil: nothing is told
	Log      zerolog.Logger

	took    [recent]time.Duration // of the last invocations whose ends were awaited
	taken   int
	pending []<-chan struct{} // of invocations whose ends have not come yet, oldest first
	trust   int               // ends that Lambda has to tell of before it is waited for again
	next    int               // trust that the next lost end costs
	slow    time.Duration     // for which the last end was awaited, which may be late and not lost; 0 if it came
}

// Await implements Endings.
func (e *Ends) Await(ctx context.Context, a Attempt) Ending {
	if e.Platform == nil || !e.Platform.Told() {
		return e.Watch.Await(ctx, a)
	}
	e.catchUp()
	done := e.Platform.Ended(a.ID)
	e.pending = append(e.pending, done)
	if len(e.pending) > mostPending {
		e.pending = e.pending[1:]
	}
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
		got = Ended
	case got == Ended, got == Expired, e.trust > 0:
	default:
		got = e.awaitLambda(ctx, done, began, got)
	}
	if got == Ended {
		e.lasted(time.Since(began))
	}
	return got
}

// catchUp notes which ends have come meanwhile.
func (e *Ends) catchUp() {
	told := 0
	if e.slow > 0 && len(e.pending) > 0 {
		if isClosed(e.pending[len(e.pending)-1]) {
			e.lasted(patienceTimes * e.slow) // it was late: the function has become slow
		} else {
			e.next = min(max(2*e.next, firstTrust), mostTrust)
			e.trust = e.next
		}
		e.slow = 0
	}
	e.pending = slices.DeleteFunc(e.pending, func(c <-chan struct{}) bool {
		if isClosed(c) {
			told++
			return true
		}
		return false
	})
	e.trust = max(0, e.trust-told)
}

// lasted notes how long an invocation took.
func (e *Ends) lasted(d time.Duration) {
	e.took[e.taken%recent] = d
	e.taken++
}

// patience is how long an end is waited for; ok is false as long as nothing tells how long invocations take.
func (e *Ends) patience() (d time.Duration, ok bool) {
	return max(leastPatience, patienceTimes*slices.Max(e.took[:])), e.taken > 0
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
	var over <-chan time.Time
	if patience, ok := e.patience(); ok {
		timer := time.NewTimer(time.Until(began.Add(patience)))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-done:
		return Ended
	case <-ctx.Done():
		e.slow = time.Since(began)
		return Expired
	case <-over:
		e.slow = time.Since(began)
		return otherwise
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

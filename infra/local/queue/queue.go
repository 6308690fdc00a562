// Package queue holds asynchronous invocations, as Lambda does: whoever sends one is answered at once, and the queue
// invokes the function, tries again, and tells a destination what became of it.
//
// It takes invocations with a way to try them, what a function's settings are, and a way to send records. It promises
// Lambda's rules (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html): after an error of
// the function two more tries, one minute and two minutes later; after a refusal for lack of concurrency or an error of
// the platform further tries, from one second to five minutes apart, until the event is six hours old; the same request
// id for every try. What is held is bounded, in number and in bytes, and so is how many are tried at once.
package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Lambda's own settings for a function that has none (MaximumRetryAttempts, MaximumEventAgeInSeconds), and its intervals.
const (
	defaultRetries = 2
	defaultMaxAge  = 6 * time.Hour
	leastMaxAge    = time.Minute // that a function can have

	retryInterval  = time.Minute // after the first error; the second waits twice as long
	firstBackoff   = time.Second // after the first refusal; each one waits twice as long as the one before
	longestBackoff = 5 * time.Minute
)

// What the queue holds at most: enough for a load test on one machine, and no more memory than that has.
const (
	maxHeld      = 10_000
	maxHeldBytes = 256 << 20
)

// Invocation is one event for a function.
type Invocation struct {
	Function  string // by which tries are counted
	ARN       string // for records; with a qualifier if there was one
	RequestID string
	Payload   []byte

	// Try invokes the function once.
	Try func(ctx context.Context) Outcome
}

// Verdict is what the queue has to know of a try.
type Verdict int

// The verdicts.
const (
	Succeeded Verdict = iota
	Failed            // by the function: an error, a timeout, a crash
	Refused           // for now: no concurrency was left, or the platform failed
	Forbidden         // for good: the function's reserved concurrency is zero
	Gone              // for good: there is no such function any more, and nobody to tell
)

// Outcome is what came of a try.
type Outcome struct {
	Verdict       Verdict
	Payload       []byte // of the response or the error
	FunctionError string // "Unhandled"
	Version       string // that was executed
	Err           error  // why it was refused
}

// Settings are a function's own (FunctionEventInvokeConfig, DeadLetterConfig). Targets are ARNs, "" for none.
type Settings struct {
	Retries                          int
	MaxAge                           time.Duration
	OnSuccess, OnFailure, DeadLetter string
}

// Defaults are the settings of a function that has none of its own.
func Defaults() Settings { return Settings{Retries: defaultRetries, MaxAge: defaultMaxAge} }

// Options of New.
type Options struct {
	// Settings tells a function's settings. It is asked for an invocation when they matter for the first time.
	Settings func(ctx context.Context, in Invocation) (Settings, error)

	// Send sends what became of an invocation to a target.
	Send func(ctx context.Context, target string, r Report) error

	// AtOnce is how many of a function are tried at once.
	AtOnce int

	// Haste divides all intervals: 60 makes a minute a second. 0 means 1.
	Haste float64

	// Log receives what nobody else is told.
	Log func(string)
}

// ErrFull says that the queue holds as much as it may.
var ErrFull = errors.New("too many asynchronous invocations wait already")

// errClosed says that the queue takes no more.
var errClosed = errors.New("asynchronous invocations are not taken any more: everything is being stopped")

// Queue holds asynchronous invocations.
type Queue struct {
	opt    Options
	ctx    context.Context
	cancel context.CancelFunc
	busy   sync.WaitGroup // goroutines

	mu        sync.Mutex
	closed    bool
	functions map[string]*line
	waiting   map[*entry]*time.Timer // for their next try
	held      int
	bytes     int
	dropped   int
}

// line is the invocations of one function that can be tried now, and how many are being tried.
type line struct {
	ready   []*entry
	running int
}

// entry is an invocation on its way.
type entry struct {
	Invocation
	accepted time.Time
	tries    int // that the function has seen
	refusals int
	settings *Settings // nil until they were asked for
}

// New makes a queue. It works until Close.
func New(ctx context.Context, opt Options) *Queue {
	q := &Queue{opt: opt, functions: map[string]*line{}, waiting: map[*entry]*time.Timer{}}
	q.ctx, q.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if q.opt.Haste <= 0 {
		q.opt.Haste = 1
	}
	return q
}

// Add takes an invocation and returns at once.
func (q *Queue) Add(in Invocation) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return errClosed
	case q.held >= maxHeld || q.bytes+len(in.Payload) > maxHeldBytes:
		return ErrFull
	}
	q.held++
	q.bytes += len(in.Payload)
	q.enqueueLocked(&entry{Invocation: in, accepted: time.Now()})
	return nil
}

// enqueueLocked makes an invocation one that can be tried, and has somebody try it.
func (q *Queue) enqueueLocked(e *entry) {
	l := q.functions[e.Function]
	if l == nil {
		l = &line{}
		q.functions[e.Function] = l
	}
	l.ready = append(l.ready, e)
	if l.running >= max(q.opt.AtOnce, 1) {
		return
	}
	l.running++
	q.busy.Add(1)
	go q.work(e.Function, l)
}

// work tries a function's invocations until none is left that can be tried now.
func (q *Queue) work(function string, l *line) {
	defer q.busy.Done()
	for {
		q.mu.Lock()
		if len(l.ready) == 0 || q.ctx.Err() != nil {
			l.running--
			if l.running == 0 && len(l.ready) == 0 {
				delete(q.functions, function)
			}
			q.mu.Unlock()
			return
		}
		e := l.ready[0]
		l.ready = l.ready[1:]
		q.mu.Unlock()
		q.try(e)
	}
}

// try tries an invocation once, and decides what comes next.
func (q *Queue) try(e *entry) {
	// It may have waited for its turn. Before the least age that can be set nobody is asked.
	if age := time.Since(e.accepted); age > q.scaled(leastMaxAge) && age > q.scaled(q.settings(e).MaxAge) {
		q.settle(e, Outcome{}, EventAgeExceeded)
		return
	}
	out := e.Try(q.ctx)
	var wait time.Duration
	switch out.Verdict {
	case Succeeded:
		e.tries++
		q.settle(e, out, Success)
		return
	case Forbidden:
		q.settle(e, out, ZeroReservedConcurrency)
		return
	case Gone:
		q.mu.Lock()
		defer q.mu.Unlock()
		q.releaseLocked(e)
		return
	case Failed:
		e.tries++
		if e.tries > q.settings(e).Retries {
			q.settle(e, out, RetriesExhausted)
			return
		}
		wait = retryInterval * time.Duration(e.tries)
	case Refused:
		wait = min(firstBackoff<<min(e.refusals, 10), longestBackoff)
		e.refusals++
	}
	wait = q.scaled(wait)
	if time.Since(e.accepted)+wait > q.scaled(q.settings(e).MaxAge) {
		q.settle(e, out, EventAgeExceeded)
		return
	}
	q.later(e, wait)
}

// later has an invocation tried again after a while.
func (q *Queue) later(e *entry, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		q.dropLocked(e)
		return
	}
	q.waiting[e] = time.AfterFunc(wait, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if _, still := q.waiting[e]; still { // Close takes all of them
			delete(q.waiting, e)
			q.enqueueLocked(e)
		}
	})
}

func (q *Queue) dropLocked(e *entry) {
	q.dropped++
	q.releaseLocked(e)
}

func (q *Queue) releaseLocked(e *entry) {
	q.held--
	q.bytes -= len(e.Payload)
}

func (q *Queue) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) / q.opt.Haste) }

// settings asks for a function's settings, once for an invocation. Without an answer they are Lambda's own.
func (q *Queue) settings(e *entry) Settings {
	if e.settings == nil {
		s, err := q.opt.Settings(q.ctx, e.Invocation)
		if err != nil {
			if q.ctx.Err() == nil {
				q.opt.Log(fmt.Sprintf("settings for asynchronous invocations of %s: %v; Lambda's own are used", e.Function, err))
			}
			s = Defaults()
		}
		e.settings = &s
	}
	return *e.settings
}

// settle ends an invocation: those who want to hear of it do.
func (q *Queue) settle(e *entry, out Outcome, condition Condition) {
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.releaseLocked(e)
	}()
	if q.ctx.Err() != nil {
		return // it did not end by itself
	}
	s := q.settings(e)
	report := Report{
		Invocation: e.Invocation, Outcome: out, Condition: condition, Tries: e.tries, Time: time.Now(),
	}
	targets := []string{s.OnFailure, s.DeadLetter}
	if condition == Success {
		targets = []string{s.OnSuccess, ""}
	} else if s.OnFailure == "" && s.DeadLetter == "" {
		q.opt.Log(fmt.Sprintf("the asynchronous invocation %s of %s was given up (%s after %d tries), and nobody wants to hear of it", e.RequestID, e.Function, condition, e.tries))
	}
	for i, target := range targets {
		if target == "" {
			continue
		}
		report.DeadLetter = i == 1
		if err := q.opt.Send(q.ctx, target, report); err != nil {
			q.opt.Log(fmt.Sprintf("tell %s what became of invocation %s of %s: %v", target, e.RequestID, e.Function, err))
		}
	}
}

// Close drops what waits for another try, waits for the tries that go on and those that can be made at once, as long as
// ctx allows, and ends the others. It says how many invocations were dropped.
func (q *Queue) Close(ctx context.Context) {
	q.mu.Lock()
	q.closed = true
	for e, timer := range q.waiting {
		timer.Stop()
		q.dropLocked(e)
	}
	clear(q.waiting)
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		q.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	q.cancel()
	<-done
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.functions {
		for _, e := range l.ready {
			q.dropLocked(e)
		}
		l.ready = nil
	}
	if q.dropped > 0 {
		q.opt.Log(fmt.Sprintf("%d asynchronous invocations waited for another try and were dropped", q.dropped))
	}
}

package lambdalocal

import (
	"context"
	"fmt"
	"time"
)

// Invoke delivers an event and returns as soon as the runtime has posted its response; extensions may
// still be working then. It waits for the end of an earlier invocation's phase first. An error is never
// the function's: that is Result.FunctionError.
//
// An environment with SnapStart that cannot be restored makes it a *RestoreError.
//
// If ctx is done earlier, Invoke returns its error and the invocation goes on, as it does on Lambda when
// a caller hangs up.
func (e *Environment) Invoke(ctx context.Context, in Invocation) (Result, error) {
	if err := e.takeTurn(ctx); err != nil {
		return Result{}, err
	}
	if in.RequestID == "" {
		in.RequestID = newUUID()
	}
	if in.TraceHeader == "" {
		in.TraceHeader = newTraceHeader(time.Now())
	}
	if len(in.Payload) == 0 {
		in.Payload = []byte("{}") // what Lambda makes of an empty event
	}
	stream, detach := detachable(in.Stream)
	defer detach()
	in.Stream = stream
	answer, refused := make(chan Result, 1), make(chan *RestoreError, 1)
	// The phase has a deadline of its own and no other end.
	whole := context.WithoutCancel(ctx)
	go func() {
		defer e.giveTurn()
		run := e.phase
		if e.fn.onInstances() {
			run = e.managedPhase
		}
		if err := run(whole, in, func(r Result) { answer <- r }); err != nil {
			refused <- err
		}
	}()
	select {
	case r := <-answer:
		return r, nil
	case err := <-refused:
		return Result{}, fmt.Errorf("restore %s: %w", e.fn.Name, err)
	case <-ctx.Done():
		return Result{}, fmt.Errorf("wait for the answer of %s: %w", e.fn.Name, ctx.Err())
	}
}

// phase runs a whole invocation (reference 2.2): init if there has to be one, INVOKE to the extensions,
// the event to the runtime, the answer to the caller the moment it is there, then the wait for every
// next, all within the function's timeout; and at its end the freeze, or the reset.
//
// With SnapStart the environment is restored before, on the platform's time; only that can fail without an
// answer.
func (e *Environment) phase(ctx context.Context, in Invocation, answer func(Result)) *RestoreError {
	e.stayFrozen(ctx)
	p := &phase{
		e: e, answer: answer, span: randomHex(8), init: e.firstInit, waited: e.firstInit,
		inv: &invocation{Invocation: in, arn: e.fn.ARN},
	}
	e.firstInit = 0
	if err := p.restore(ctx); err != nil {
		return err
	}
	p.inv.started = time.Now()
	p.inv.deadline = p.inv.started.Add(e.fn.Timeout)
	ctx, cancel := context.WithDeadlineCause(ctx, p.inv.deadline, errTimeIsUp)
	defer cancel()
	e.logs.begin()
	f, err := p.run(ctx)
	p.finish(f, err)
	return nil
}

// phase is one invocation's way through its environment.
type phase struct {
	e        *Environment
	inv      *invocation
	answer   func(Result)
	answered bool
	held     *Result // an answer that waits for the log's tail
	failed   bool
	took     time.Duration // the whole phase, once it has ended
	init     time.Duration // what REPORT shows as Init Duration
	waited   time.Duration // for an init: that one, or one inside this invocation
	span     string        // the function's own segment in the trace

	restored, hooks time.Duration // what a restore took, and the runtime's part of it
}

func (p *phase) run(ctx context.Context) (*failure, error) {
	e := p.e
	if e.usable {
		e.usable = false // until the phase has ended well
		// What was frozen in the middle of something goes on with it at once, and writes of it: in this invocation.
		p.tellStart()
		e.gen.stream.Resume()
		e.thaw(e.gen)
	} else {
		took, f, err := e.initialise(ctx, phaseInvoke, p.answerInitError)
		p.waited = took
		if f == nil && err == nil && e.fn.InitType == SnapStart {
			f, err = e.runRestore(ctx, e.gen) // there is nothing in between
			e.restored = true
		}
		p.tellStart()
		if f != nil || err != nil {
			return f, err
		}
	}
	g := e.gen
	g.update(func() { g.dispatch(p.inv, time.Now()) })
	if f, err := g.await(ctx, func() bool { return p.inv.response != nil }); f != nil || err != nil {
		return f, err
	}
	p.answerWith(*p.inv.response)
	if f, err := g.await(ctx, func() bool { return !p.inv.readyAt.IsZero() }); f != nil || err != nil {
		return f, err
	}
	// A subscriber may wait for this before it calls next.
	p.tellRuntimeDone(nil, nil)
	return g.await(ctx, func() bool {
		return g.all(func(x *extension) bool { return !x.subscribed(eventInvoke) || x.idle() })
	})
}

// answerInitError gives the caller at once what the runtime tells of an init inside the invocation, whether or not the
// runtime ends then (RIE rapidcore/server.go SendInitErrorResponse: "during suppressed init").
func (p *phase) answerInitError(f failure) {
	if len(f.payload) == 0 {
		f.payload = errorPayload(p.inv.RequestID, f.errorType, "the runtime told of an error in its init")
	}
	p.waited = time.Since(p.inv.started)
	p.answerWith(response{payload: f.payload, functionError: "Unhandled", errorType: f.errorType})
}

// answerWith gives the caller its answer; the first one counts.
func (p *phase) answerWith(res response) {
	if p.answered {
		return
	}
	p.answered = true
	r := Result{
		RequestID: p.inv.RequestID, Payload: res.payload, FunctionError: res.functionError,
		ErrorType: res.errorType, ContentType: res.contentType, Init: p.waited, Restore: p.restored,
	}
	if !p.inv.dispatched.IsZero() {
		r.Latency = res.at.Sub(p.inv.dispatched)
	}
	if p.failed {
		r.Phase = p.took
	}
	if p.inv.LogTail {
		p.held = &r
		return
	}
	p.answer(r)
}

// answerHeld gives an answer that has waited for the end of the log, and so of the phase.
func (p *phase) answerHeld(r Report) {
	if p.held != nil {
		p.held.Status = r.Status
		p.held.LogTail = p.e.logs.tailNow()
		p.answer(*p.held)
	}
}

// finish ends a phase: report, then freeze or reset.
func (p *phase) finish(f *failure, err error) {
	e, g := p.e, p.e.gen
	report := p.report(f, err)
	if f == nil && err == nil {
		e.logs.settle(settleLimit)
		e.logs.endLines() // what it has begun to write after its next
		g.update(func() { g.release(p.inv) })
		// The report is said when everybody waits in next already, so nobody gets it before the next
		// invocation or the shutdown (reference 3.7).
		g.stream.Pause()
		p.tellReport(report)
		p.answerHeld(report)
		e.freeze(g)
		e.usable = true
	} else {
		p.reset(report, f, err)
	}
	e.mu.Lock()
	e.last = report
	e.mu.Unlock()
	if e.opt.Report != nil {
		e.opt.Report(report)
	}
}

// reset ends a phase that failed, and its processes. First comes runtimeDone with how it ended, even if
// one told before that the runtime was done: the extensions, which were not, failed the invocation (RIE
// rapid/handlers.go handleReset sends it whenever the reason is a failure or a timeout). Then come SIGTERM
// and SHUTDOWN.
//
// The caller is told of a crash before the reset, but of a timeout after it (RIE rapidcore/server.go:
// Invoke sends what failed as soon as it has failed, and on a timeout waits for Reset before it answers).
func (p *phase) reset(report Report, f *failure, err error) {
	e := p.e
	if f != nil {
		p.fail(f.errorType, f.message, f.payload)
	}
	e.logs.settle(settleLimit)
	p.tellRuntimeDone(f, err)
	p.tellReport(report)
	if err == nil {
		p.answerHeld(report)
		e.shutdown(e.gen, reasonFailure)
		return
	}
	e.shutdown(e.gen, reasonTimeout)
	p.fail(timedOut, timeoutMessage(e.fn), nil)
	p.answerHeld(report)
}

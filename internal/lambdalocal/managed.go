package lambdalocal

import (
	"context"
	"fmt"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// A managed instance's environment takes several invocations at once, is never frozen and never reset: a
// process that exits ends it, and a timeout ends nothing but the caller's patience (LMIENV; RIE-LMI
// invoke/running_invoke.go, rapid/shutdown.go). Extensions see none of its invocations.

// managedInitLimit is how long its init may take (LRE).
const managedInitLimit = 15 * time.Minute

// onInstances tells whether the function runs on managed instances.
func (fn Function) onInstances() bool { return fn.InitType == ManagedInstances }

// places is how many invocations an environment takes at once.
func (fn Function) places() int {
	if fn.onInstances() {
		return fn.MaxConcurrency
	}
	return 1
}

// settleManaged is called at the end of a managed instance's init, with what went wrong in it.
func (e *Environment) settleManaged(ctx context.Context, g *generation, f *failure, err error) {
	switch {
	case err != nil: // RIE-LMI rapid/handlers.go resolveGateError
		g.fail(failure{errorType: "Sandbox.Timedout", message: "the initialisation took too long"})
	case f != nil:
		g.fail(*f) // a launch that failed has told so already
	}
	life := context.WithoutCancel(ctx) // it ends with the shutdown
	go func() {
		f, _ := g.await(life, func() bool { return g.down })
		if f != nil {
			e.endManaged(reasonFailure)
		}
	}()
}

// endManaged shuts a managed instance's environment down, once; whoever comes second waits for it.
func (e *Environment) endManaged(reason string) {
	e.ending.Do(func() { e.shutdown(e.gen, reason) })
}

// ended tells whether the environment takes no invocations any more.
func (e *Environment) ended() bool {
	if !e.fn.onInstances() {
		return false
	}
	g := e.api.current.Load()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure != nil || g.down
}

// managedPhase runs an invocation on a managed instance: it ends with the response, whatever the runtime
// and the extensions do after it.
func (e *Environment) managedPhase(ctx context.Context, in Invocation, answer func(Result)) *RestoreError {
	now := time.Now()
	p := &phase{
		e: e, answer: answer, span: randomHex(8),
		inv: &invocation{Invocation: in, arn: e.fn.ARN, started: now, deadline: now.Add(e.fn.Timeout)},
	}
	e.mu.Lock()
	p.waited, e.firstInit = e.firstInit, 0
	e.mu.Unlock()
	ctx, cancel := context.WithDeadline(ctx, p.inv.deadline)
	defer cancel()
	p.tellStart()
	g := e.gen
	g.update(func() { g.dispatch(p.inv, time.Now()) })
	f, err := g.await(ctx, func() bool { return p.inv.response != nil })
	g.update(func() {
		g.release(p.inv)
		if err != nil {
			p.inv.expired = true
			g.expired[p.inv.RequestID] = true
		}
	})
	report := p.managedReport(f, err)
	switch {
	case err != nil:
		p.fail(timedOut, timeoutMessage(e.fn), nil)
	case f != nil:
		p.fail(f.errorType, f.message, f.payload)
	default:
		p.answerWith(*p.inv.response)
	}
	p.tellManagedReport(report)
	p.answerHeld(report) // without a tail: whose lines are whose nobody knows
	e.mu.Lock()
	e.last = report
	e.mu.Unlock()
	if e.opt.Report != nil {
		e.opt.Report(report)
	}
	return nil
}

// timedOut is the error type of a function that took longer than it may (RIE-LMI rapid/model).
const timedOut = "Sandbox.Timedout"

func timeoutMessage(fn Function) string {
	return fmt.Sprintf("Task timed out after %.2f seconds", fn.Timeout.Seconds())
}

// managedReport measures an invocation. An error that the runtime reported is the invocation's, unlike that
// of an on-demand function (RIE-LMI invoke/metrics.go SendInvokeFinishedEvent).
func (p *phase) managedReport(f *failure, err error) Report {
	p.took = time.Since(p.inv.started)
	status, errorType := outcome(f, err)
	if err != nil {
		errorType = timedOut
	}
	r := Report{RequestID: p.inv.RequestID, Status: status, ErrorType: errorType, Duration: p.took}
	if f != nil || err != nil {
		return r
	}
	p.e.gen.mu.Lock()
	defer p.e.gen.mu.Unlock()
	res := p.inv.response
	r.Latency = res.at.Sub(p.inv.dispatched)
	if res.functionError != "" {
		r.Status, r.ErrorType = telemetry.StatusError, res.errorType
	}
	return r
}

// tellManagedReport tells durations only: who is busy with what in between nobody can say.
func (p *phase) tellManagedReport(r Report) {
	_, spans, _ := p.measure()
	p.e.logs.tell(telemetry.Report, telemetry.ReportRecord{
		RequestID: r.RequestID, Status: r.Status, ErrorType: r.ErrorType, Tracing: p.tracing(),
		Metrics: telemetry.ReportMetrics{DurationMs: inMilliseconds(r.Duration)}, Spans: spans,
	}, r.Status != telemetry.StatusSuccess, "END RequestId: "+r.RequestID,
		fmt.Sprintf("REPORT RequestId: %s\tDuration: %s ms", r.RequestID, milliseconds(r.Duration)))
}

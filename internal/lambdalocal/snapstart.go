package lambdalocal

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// SnapStart: an environment is initialised, frozen, and restored by its first invocation. The memory of its
// processes cannot be copied here, so the restored environment is the very one that was initialised, and
// several environments have had several inits. What the code sees of a snapshot is all there: restore/next,
// the hooks, credentials by HTTP, the init's telemetry once more with its old times.

// restoreLimit is how long a runtime and its after-restore hooks may take (LRE "Restore phase").
const restoreLimit = 10 * time.Second

// RestoreError is the error of an Invoke whose environment could not be restored. It is no error of the
// function: Lambda's Invoke answers with it in place of a result.
type RestoreError struct {
	Code      string // "SnapStartTimeoutException" or "SnapStartException"
	Status    int    // of Invoke's answer, by HTTP
	Message   string
	ErrorType string // "Runtime.ExitError", what the runtime told by restore/error, …; "" for a timeout
}

func (e *RestoreError) Error() string {
	if e.ErrorType == "" {
		return e.Code + ": " + e.Message
	}
	return fmt.Sprintf("%s: %s (%s)", e.Code, e.Message, e.ErrorType)
}

// newRestoreError says what went wrong in the words of Lambda's API (AWS: Invoke, errors).
func newRestoreError(f *failure) *RestoreError {
	if f == nil {
		return &RestoreError{
			Code: "SnapStartTimeoutException", Status: http.StatusRequestTimeout,
			Message: "Lambda couldn't restore the snapshot within the timeout limit.",
		}
	}
	return &RestoreError{
		Code: "SnapStartException", Status: http.StatusBadRequest, ErrorType: f.errorType,
		Message: "The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs.",
	}
}

// restoreRoutes are what only SnapStart has (RIE rapi/router.go).
func (a *apiServer) restoreRoutes(mux *http.ServeMux) {
	if a.fn.InitType != SnapStart {
		return
	}
	handle(mux, "GET", "/2018-06-01/runtime/restore/next", a.restoreNext)
	handle(mux, "POST", "/2018-06-01/runtime/restore/error", a.restoreError)
	handle(mux, "GET", credentialsPath, a.serveCredentials)
}

// restoreNext says that the runtime can be copied, and is answered in the copy: without any content.
func (a *apiServer) restoreNext(w http.ResponseWriter, r *http.Request) {
	g := a.current.Load()
	var err error
	g.update(func() { err = g.runtime.restoreNext() })
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
		return
	}
	err = g.awaitEvenFailed(r.Context(), func() bool { return g.runtime.name == runtimeRestoring })
	if err != nil {
		return // the runtime is gone
	}
	w.WriteHeader(http.StatusOK)
}

func (a *apiServer) restoreError(w http.ResponseWriter, r *http.Request) {
	g := a.current.Load()
	body, err := readLimited(r.Body, maxResponse)
	if err != nil {
		body = nil // the type in the header still tells something
	}
	g.update(func() { err = g.runtime.restoreError(toldFailure(r, body)) })
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
		return
	}
	accept(w)
}

// snapshot makes a new snapshot where the last one was used up: Lambda would restore the one that it has once
// more, in a new environment. That takes an init here, which is none of the invocation's time.
func (e *Environment) snapshot(ctx context.Context) (took time.Duration) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.fn.initLimit(), errTimeIsUp)
	defer cancel()
	took, f, err := e.initialise(ctx, phaseSnapStart, nil)
	if f != nil || err != nil {
		e.shutdown(e.gen, reasonOf(err))
		return took
	}
	e.usable, e.restored = true, false
	return took
}

// restore brings a snapshot to where it takes invocations (RIE rapid/handlers.go handleRestore). A runtime
// that never asked for restore/next has nothing to do.
func (e *Environment) restore(ctx context.Context) (whole, hooks time.Duration, failed *RestoreError) {
	g := e.gen
	begun := time.Now()
	e.api.credentials.renew(begun)
	g.stream.Resume()
	e.thaw(g)
	e.tellRestoreStart()
	e.logs.tellInitAgain()
	f, err := e.runRestore(ctx, g)
	hooks = time.Since(begun)
	e.logs.settle(answerSettleLimit)
	e.tellRestoreRuntimeDone(f, err)
	whole = time.Since(begun)
	e.tellRestoreReport(whole, f, err)
	e.restored = true
	if f != nil || err != nil {
		e.usable = false
		// Too slow a restore is told as an error, too (see tellRestoreRuntimeDone).
		e.shutdown(g, reasonFailure)
		return whole, hooks, newRestoreError(f)
	}
	return whole, hooks, nil
}

func (e *Environment) runRestore(ctx context.Context, g *generation) (*failure, error) {
	limit := e.opt.restoreLimit
	if limit == 0 {
		limit = restoreLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	g.update(g.runtime.restore)
	f, err := g.await(ctx, func() bool { return g.runtime.name == runtimeReady || g.runtime.name == runtimeRestoreError })
	if f != nil || err != nil {
		return f, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.runtime.restoreFailure, nil
}

func (e *Environment) tellRestoreStart() {
	e.logs.tell(telemetry.RestoreStart, telemetry.InitStartRecord{
		FunctionName: e.fn.Name, FunctionVersion: e.fn.Version,
		InstanceID: e.env.logStream, InstanceMaxMemory: e.fn.MemoryMB << 20,
	}, false)
}

// tellRestoreRuntimeDone has an error for a timeout, too, of a type that tells nothing (RIE rapid/handlers.go
// getFirstFatalError).
func (e *Environment) tellRestoreRuntimeDone(f *failure, err error) {
	status, errorType := outcome(f, err)
	if err != nil {
		status, errorType = telemetry.StatusError, "Runtime.Unknown"
	}
	e.logs.tell(telemetry.RestoreRuntimeDone, telemetry.InitDoneRecord{Status: status, ErrorType: errorType}, status != telemetry.StatusSuccess)
}

func (e *Environment) tellRestoreReport(took time.Duration, f *failure, err error) {
	status, errorType := outcome(f, err)
	failed := status != telemetry.StatusSuccess
	line := fmt.Sprintf("RESTORE_REPORT Restore Duration: %s ms", milliseconds(took))
	if failed {
		line += "\tStatus: " + status
	}
	if errorType != "" {
		line += "\tError Type: " + errorType
	}
	e.logs.tell(telemetry.RestoreReport, telemetry.InitDoneRecord{
		Status: status, ErrorType: errorType, Metrics: &telemetry.PhaseMetrics{DurationMs: inMilliseconds(took)},
	}, failed, line)
}

// restore is the phase's part of it: a new snapshot, if the last one has been used up, and its restore, if it
// is one still. The invocation's own time begins after it. An init that fails is tried again within the
// invocation, as everywhere.
func (p *phase) restore(ctx context.Context) (failed *RestoreError) {
	e := p.e
	if e.fn.InitType != SnapStart {
		return nil
	}
	if !e.usable && e.restored {
		p.waited = e.snapshot(ctx)
	}
	if e.usable && !e.restored {
		p.restored, p.hooks, failed = e.restore(ctx)
	}
	return failed
}

package metric

import (
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// Words of Lambda for how something ended.
const (
	statusSuccess = "success"
	statusTimeout = "timeout"
)

// Kinds of errors, for error.type, beside Lambda's own such as Runtime.ExitError. Names of exceptions are the function's words, and none of them.
const (
	kindException   = "exception"     // the handler raised one, or its runtime could not run it
	kindOutOfMemory = "out-of-memory" // Lambda has a word for it in some runtimes only
	kindKilled      = "killed"
	kindOther       = "_OTHER" // the conventions' word
)

// An ending is the counter that an invocation belongs to, and for errors their kind.
type ending struct {
	counter int
	kind    string
}

// endingOf tells how an invocation ended, and whether nothing can come any more that would change it. A handler that raises is an error although Lambda
// calls it a success of the runtime (github.com/aws-samples/aws-lambda-extensions/issues/85: intended); what Lambda calls no success is none, though the
// handler was content: a process that exits after it, a response that is too large.
func endingOf(inv event.Invocation) (end ending, sure bool) {
	done, of := inv.Platform.Status, inv.Platform.ErrorType
	last := ""
	if r := inv.Platform.Report; r != nil {
		if last = r.Status; failed(last) {
			done, of = r.Status, r.ErrorType
		}
	}
	switch {
	case inv.Outcome == event.OutcomeTimeout, done == statusTimeout:
		return ending{counter: timeouts}, true
	case inv.Outcome == event.OutcomeOutOfMemory:
		return ending{failures, kindOutOfMemory}, true
	case inv.Error != nil:
		return ending{failures, kindException}, true
	case failed(done):
		return ending{failures, kindOf(of)}, true
	case inv.Outcome == event.OutcomeKilled:
		return ending{failures, kindKilled}, true
	case inv.Outcome != "":
		return ending{failures, kindOther}, true
	case done == statusSuccess || last == statusSuccess:
		return ending{counter: invocations}, true
	case inv.Open:
		return ending{failures, kindOther}, false
	}
	return ending{counter: invocations}, false
}

// told gives what becomes of an ending that was not sure when Lambda has told its own.
func (e ending) told(status, errorType string) ending {
	switch {
	case status == statusTimeout:
		return ending{counter: timeouts}
	case failed(status):
		return ending{failures, kindOf(errorType)}
	case status == statusSuccess:
		return ending{counter: invocations}
	}
	return e
}

func failed(status string) bool { return status != "" && status != statusSuccess }

// kindOf takes Lambda's word for an error if it looks like one: it is shown as it stands. RAPID lets nothing else through
// (aws-lambda-runtime-interface-emulator, fatalerror.go).
func kindOf(errorType string) string {
	const longest = 64
	group, name, ok := strings.Cut(errorType, ".")
	if !ok || len(errorType) > longest || strings.Trim(name, letters) != "" || name == "" {
		return kindOther
	}
	switch group {
	case "Runtime", "Function", "Sandbox", "Extension":
		return errorType
	}
	return kindOther
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// lasted gives how long the function's own work took: as the hook measured it, else Lambda, else as long as it was allowed to. 0 is unknown.
func lasted(inv event.Invocation) time.Duration {
	r := inv.Platform.Report
	switch {
	case inv.Duration > 0:
		return inv.Duration
	case inv.Platform.Duration > 0:
		return inv.Platform.Duration
	case r != nil && r.Duration > 0:
		return r.Duration
	case inv.Outcome == event.OutcomeTimeout && !inv.Start.IsZero() && inv.Deadline.After(inv.Start):
		return inv.Deadline.Sub(inv.Start)
	}
	return 0
}

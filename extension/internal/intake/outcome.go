package intake

import (
	"cmp"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// Words of Lambda's: statuses of runtimeDone and report, types of errors, and reasons of SHUTDOWN, which its documentation prints in capitals and its code in
// small letters.
const (
	statusSuccess = "success"
	statusTimeout = "timeout"

	errorOutOfMemory = "Runtime.OutOfMemory"
	errorExit        = "Runtime.ExitError"
	errorTimedOut    = "Sandbox.Timedout"
	errorTimeout     = "Sandbox.Timeout"

	reasonTimeout = "timeout"
	reasonFailure = "failure"
)

// toldOutcome reads why an invocation did not end by itself out of what Lambda told. Lambda's own word goes first: a function that timed out may
// well have used all of its memory. Where a process was ended and all memory was used, that was the reason, though Lambda names it for some runtimes only.
func toldOutcome(p event.Platform) string {
	status, kind, full := p.Status, p.ErrorType, false
	if r := p.Report; r != nil {
		if status == "" || status == statusSuccess {
			status = cmp.Or(r.Status, status)
		}
		kind = cmp.Or(kind, r.ErrorType)
		full = r.MemorySize > 0 && r.MemoryUsed >= r.MemorySize
	}
	switch {
	case kind == errorOutOfMemory:
		return event.OutcomeOutOfMemory
	case status == statusTimeout, kind == errorTimedOut, kind == errorTimeout:
		return event.OutcomeTimeout
	case status == "", status == statusSuccess:
		return ""
	case kind == "", kind == errorExit, strings.HasPrefix(kind, "Extension."), strings.HasPrefix(kind, "Sandbox."):
		if full {
			return event.OutcomeOutOfMemory
		}
		return event.OutcomeKilled
	}
	return "" // an error that the runtime reported itself: it ended
}

// An ending is what else is known of how invocations ended: of those of this life because the environment ends, of those of an earlier one because a new life
// has begun.
type ending struct {
	reason string    // of SHUTDOWN
	last   bool      // it was the invocation that ran
	past   bool      // of an earlier life
	known  time.Time // a moment at which it had ended
}

// guessOutcome says why an invocation has no end where Lambda did not. An environment is begun anew when an invocation timed out, and when a process ended;
// before the deadline it can only have been the latter.
func guessOutcome(inv event.Invocation, e ending) string {
	hasDeadline := !inv.Deadline.IsZero()
	switch {
	case e.past && hasDeadline && e.known.Before(inv.Deadline):
		return event.OutcomeKilled
	case e.past, !e.last:
		return ""
	case strings.EqualFold(e.reason, reasonTimeout):
		return event.OutcomeTimeout
	case strings.EqualFold(e.reason, reasonFailure):
		return event.OutcomeKilled
	case hasDeadline && !e.known.Before(inv.Deadline):
		return event.OutcomeTimeout
	}
	return ""
}

// conclude says how an invocation ended, and how long it took where its hook did not live to tell.
func conclude(inv *event.Invocation, ended bool, e ending) {
	p := &inv.Platform
	inv.Outcome = toldOutcome(*p)
	switch {
	case !inv.Open || inv.Outcome != "":
	case p.Status != "" || p.Report != nil:
		inv.Open = false // it ended, and only its record is missing
	default:
		inv.Outcome = guessOutcome(*inv, e)
	}
	if ended || inv.Start.IsZero() {
		return
	}
	end := time.Time{}
	switch {
	case p.Duration > 0 && !p.Start.IsZero():
		end = endOf(*p, inv.Start)
	case !p.Done.IsZero():
		end = p.Done
	case inv.Outcome == event.OutcomeTimeout:
		end = inv.Deadline
	case p.Report != nil:
		end = inv.Start.Add(p.Report.Duration)
	}
	if d := end.Sub(inv.Start); !end.IsZero() && d > 0 && d <= longest {
		inv.Duration = d
	}
}

// endOf is when an invocation ended that began then and that Lambda told start and duration of. The duration counts from when the runtime had the event, which is
// later than the start that was told, by the thaw of the environment and by whatever a busy machine puts in between (RIE rapid/handlers.go doInvoke, SetRuntimeStartedTime); the hook's own beginning is
// later still. The moment when Lambda told of the end is no earlier than the end.
func endOf(p event.Platform, began time.Time) time.Time {
	end, latest := p.Start.Add(p.Duration), began.Add(p.Duration)
	if !p.Done.IsZero() && p.Done.Before(latest) {
		latest = p.Done
	}
	if latest.After(end) {
		end = latest
	}
	return end
}

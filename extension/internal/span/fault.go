package span

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
)

// phaseInvoke is the phase of an init that happens within an invocation (Telemetry API, platform.initStart).
const phaseInvoke = "invoke"

// A fault is why a span has failed, if nothing was raised.
type fault struct{ kind, message string }

// invocationFault says in plain words why an invocation failed.
func invocationFault(inv mask.Invocation) fault {
	kind := platformError(inv)
	switch inv.Outcome.String() {
	case event.OutcomeTimeout:
		return fault{errorTimeout, "timed out" + after(inv) + waiting(inv)}
	case event.OutcomeOutOfMemory:
		return fault{errorOutOfMemory, "ran out of memory" + memory(inv) + waiting(inv)}
	case event.OutcomeKilled:
		if kind == "" {
			kind = errorKilled
		}
		return fault{kind, "was ended before its handler was done" + waiting(inv)}
	}
	switch {
	case inv.Open:
		return fault{errorOpen, "its end was not seen" + waiting(inv)}
	case failedLater(inv):
		if kind == "" {
			kind = errorOther
		}
		return fault{kind, "Lambda told of an error"}
	case inv.Trigger.HTTP && inv.ResponseStatus >= 500: // 4xx is the caller's fault, on the server's side
		return fault{strconv.Itoa(inv.ResponseStatus), ""}
	}
	return fault{}
}

// failedLater tells whether Lambda speaks of an error: one that came after the handler was done, as of a response that is too large, or of which no hook told.
func failedLater(inv mask.Invocation) bool {
	isError := func(status mask.Text) bool { return status.Len() > 0 && status.String() != "success" }
	return isError(inv.Platform.Status) || inv.Platform.Report != nil && isError(inv.Platform.Report.Status)
}

// platformError is the type of error that Lambda told of.
func platformError(inv mask.Invocation) string {
	if kind := inv.Platform.ErrorType.String(); kind != "" || inv.Platform.Report == nil {
		return kind
	}
	return inv.Platform.Report.ErrorType.String()
}

// after says how much of its time it took, to a hundredth of a second. After a reset the environment is set up in that time, before there is a handler whose own
// could be taken: docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
func after(inv mask.Invocation) string {
	took, p := inv.Duration, &inv.Platform
	switch {
	case p.Report != nil && p.Report.Duration > took:
		took = p.Report.Duration
	case p.Init != nil && p.Init.Phase.String() == phaseInvoke && took > 0:
		took += p.Init.Duration
	}
	if took <= 0 {
		return ""
	}
	return fmt.Sprintf(" after %v", took.Round(10*time.Millisecond))
}

func memory(inv mask.Invocation) string {
	if r := inv.Platform.Report; r != nil && r.MemorySize > 0 {
		return fmt.Sprintf(" (%d of %d MB)", r.MemoryUsed/bytesPerMB, r.MemorySize/bytesPerMB)
	}
	return ""
}

// waiting names the call that was in flight, the last one if there are several.
func waiting(inv mask.Invocation) string {
	for _, c := range slices.Backward(inv.Calls) {
		if c.Open {
			name := callName(&c)
			for _, kv := range appendServer(nil, c.URL.String()) {
				if kv.Key == "server.address" {
					name += fmt.Sprintf(" %v", kv.Value.Any())
				}
			}
			return ", waiting for " + name
		}
	}
	return ""
}

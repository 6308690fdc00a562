// Package correlate places an invocation and its calls in a flow.
package correlate

import "github.com/afterglow-lambda/afterglow/extension/internal/event"

// Environment is what tells this execution environment from every other.
type Environment struct {
	Instance string // drawn once per extension process; used where the hook did not report the log stream
}

// Apply fills Identity of the invocation and of its calls.
func Apply(inv *event.Invocation, env Environment) {}

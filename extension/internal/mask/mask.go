// Package mask turns an event.Invocation into a mask.Invocation.
package mask

import "github.com/afterglow-lambda/afterglow/extension/internal/event"

// Options are the user's additions to the built-in rules.
type Options struct {
	Keys      []string // further keys whose values are hidden
	AllowKeys []string // keys that are shown although a rule for keys would hide them
	Domains   []string // further hosts whose headers and bodies are never shown; a leading dot means every host below
}

// A Masker holds the rules. It is safe for concurrent use.
type Masker struct{}

// New makes a Masker.
func New(o Options) *Masker { return &Masker{} }

// Apply masks.
func (m *Masker) Apply(inv event.Invocation) Invocation {
	return Invocation{ID: Text{inv.ID}}
}

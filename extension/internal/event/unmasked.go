package event

import (
	"fmt"
	"io"
)

// hidden is what unmasked data shows of itself.
const hidden = "[unmasked]"

// Text is text of the user's that was not masked. It prints as [unmasked].
type Text string

// Bytes is content of the user's that was not masked. It prints as [unmasked].
type Bytes []byte

// Reveal gives the content. Only the stages up to mask may call it.
func (t Text) Reveal() string { return string(t) }

// Reveal gives the content. Only the stages up to mask may call it.
func (b Bytes) Reveal() []byte { return []byte(b) }

// Format prints [unmasked] for every verb and flag.
func (t Text) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// Format prints [unmasked] for every verb and flag.
func (b Bytes) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// String is for loggers that ask for a fmt.Stringer.
func (t Text) String() string { return hidden }

// String is for loggers that ask for a fmt.Stringer.
func (b Bytes) String() string { return hidden }

// MarshalText is for loggers and encoders that marshal.
func (t Text) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalText is for loggers and encoders that marshal.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Format prints the type of the error and hides the rest. fmt shows what a nested pointer leads to without asking its fields' methods when
// the verb does not suit a pointer (%s does not), so a type that holds Text and is held by pointer needs a method of its own.
func (e Error) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{%s %s}", e.Type, hidden) }

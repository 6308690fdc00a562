package event

import (
	"fmt"
	"io"
)

// hidden is what unmasked data shows of itself.
const hidden = "[unmasked]"

// Text is text of the user's that was not masked. It prints as [unmasked]. It is a struct and not a string so that no conversion can
// open it: Reveal is the only way in, and who uses it is held by a test.
type Text struct{ s string }

// Bytes is content of the user's that was not masked, of the same make as Text.
type Bytes struct{ b []byte }

// TextOf takes text that was not masked.
func TextOf(s string) Text { return Text{s} }

// BytesOf takes content that was not masked. It keeps b itself, not a copy.
func BytesOf(b []byte) Bytes { return Bytes{b} }

// Reveal gives the content. Only the stages up to mask may call it.
func (t Text) Reveal() string { return t.s }

// Reveal gives the content. Only the stages up to mask may call it.
func (b Bytes) Reveal() []byte { return b.b }

// Len tells how long the content is.
func (t Text) Len() int { return len(t.s) }

// IsZero tells whether there is no content, which an empty one is not.
func (b Bytes) IsZero() bool { return b.b == nil }

// Len tells how long the content is.
func (b Bytes) Len() int { return len(b.b) }

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

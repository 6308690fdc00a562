package mask

// Text is text that was masked: it may be shown. Other packages can read and shorten it, but not make one that holds anything.
type Text struct{ s string }

// String gives the text.
func (t Text) String() string { return t.s }

// Len is the number of bytes.
func (t Text) Len() int { return len(t.s) }

// Shorten gives at most n bytes of the text.
func (t Text) Shorten(n int) Text {
	if len(t.s) <= n {
		return t
	}
	return Text{t.s[:n]}
}

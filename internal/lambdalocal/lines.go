package lambdalocal

import (
	"bytes"
	"sync"
	"unicode/utf8"
)

// lineCutter cuts what a process writes into lines.
type lineCutter struct {
	write func(string)

	mu       sync.Mutex
	part     []byte // what has come of a line without an end
	searched int    // how much of it has no end for sure
	flushed  bool   // the line's beginning has been written: its end alone is no line
}

// add takes what was written next.
func (c *lineCutter) add(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	whole := append(c.part, p...)
	rest, searched := whole, c.searched
	for {
		length := len(rest) + 1 // more than there is
		if at := bytes.IndexByte(rest[searched:], '\n'); at >= 0 {
			length = searched + at + 1
		}
		switch {
		case length <= maxLine+1 && length <= len(rest):
			c.line(rest[:length])
		case len(rest) > maxLine:
			length = wholeRunes(rest[:maxLine])
			c.line(rest[:length])
		default:
			c.part, c.searched = append(whole[:0], rest...), len(rest)
			return
		}
		rest, searched = rest[length:], 0
	}
}

// line writes a line. The end alone of one that has been written is none.
func (c *lineCutter) line(text []byte) {
	text = bytes.TrimRight(text, "\r\n")
	if len(text) > 0 || !c.flushed {
		c.write(string(text))
	}
	c.flushed = false
}

// flush writes what there is of a line, but for a character that is not whole yet.
func (c *lineCutter) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if length := wholeRunes(c.part); length > 0 {
		c.line(c.part[:length])
		c.part, c.flushed = append(c.part[:0], c.part[length:]...), true
		c.searched = len(c.part)
	}
}

// end writes what is left.
func (c *lineCutter) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.part) > 0 {
		c.line(c.part)
		c.part = nil
	}
}

// wholeRunes is the length of a text without a character at its end that has only begun.
func wholeRunes(p []byte) int {
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax; i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				return i
			}
			break
		}
	}
	return len(p)
}

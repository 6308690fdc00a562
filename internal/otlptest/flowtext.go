package otlptest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
)

// A style is the inner part of an ANSI colour sequence.
type style string

const (
	plain      style = ""
	dim        style = "2"
	bold       style = "1"
	styleError style = "31"
	styleGood  style = "32"
	styleMask  style = "1;33"
	styleCold  style = "34"
	styleName  style = "1;36"
	styleMsg   style = "35"
	styleNote  style = "33"
)

// masked is what the extension puts in place of a secret.
const masked = "****"

// ellipsis is one column wide.
const ellipsis = "…"

// A piece is text in one style; a line is made of pieces so that its width can be known before it is coloured.
type piece struct {
	text  string
	style style
}

type line []piece

func (l line) add(s style, format string, args ...any) line {
	return append(l, piece{text: clean(fmt.Sprintf(format, args...)), style: s})
}

func (l line) width() int {
	sum := 0
	for _, p := range l {
		sum += width(p.text)
	}
	return sum
}

// cut shortens a line to a width, with an ellipsis when anything went.
func (l line) cut(columns int) line {
	if l.width() <= columns {
		return l
	}
	var kept line
	left := columns
	for _, p := range l {
		if w := width(p.text); w < left {
			kept, left = append(kept, p), left-w
			continue
		}
		return append(kept, piece{text: cut(p.text, left-1) + ellipsis, style: p.style})
	}
	return kept
}

// render gives the line's bytes without trailing blanks.
func (l line) render(color bool) string {
	var b strings.Builder
	for _, p := range l {
		if !color || p.style == plain || strings.TrimSpace(p.text) == "" {
			b.WriteString(p.text)
			continue
		}
		b.WriteString("\x1b[" + string(p.style) + "m" + p.text + "\x1b[0m")
	}
	return strings.TrimRight(b.String(), " ")
}

// clean makes foreign text fit for one line of a terminal: no control sequence, no line break, no text direction mark.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
}

// squeeze makes runs of blanks one, so that indented JSON becomes readable on one line.
func squeeze(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// width is the number of terminal columns that clean text takes.
func width(s string) int {
	sum := 0
	for _, r := range s {
		sum += runeWidth(r)
	}
	return sum
}

// runeWidth knows the blocks that terminals show two columns wide and the marks that take none. It is coarse: what it
// guards is the right edge.
func runeWidth(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000:
		return 2
	}
	return 1
}

// cut is the longest beginning of s that fits.
func cut(s string, columns int) string {
	sum := 0
	for i, r := range s {
		if sum += runeWidth(r); sum > columns {
			return s[:i]
		}
	}
	return s
}

// cutBody shortens content to one line. When the first masked value would be cut away, the middle goes instead, because
// what is hidden is what the reader looks for.
func cutBody(s string, columns int) string {
	const (
		before = 24 // columns shown before the masked value, enough for its key
		gap    = " " + ellipsis + " "
	)
	s = squeeze(s)
	if width(s) <= columns {
		return s
	}
	at := strings.Index(s, masked)
	if at < 0 || width(s[:at+len(masked)]) < columns || columns < 2*before {
		return cut(s, columns-1) + ellipsis
	}
	from := at
	for sum := 0; from > 0 && sum < before; sum++ {
		from = strings.LastIndexFunc(s[:from], func(rune) bool { return true })
	}
	tail := s[from:]
	if room := columns / 2; width(tail) > room {
		tail = cut(tail, room-1) + ellipsis
	}
	return cut(s, columns-width(gap)-width(tail)) + gap + tail
}

// highlight splits text so that masked values stand out.
func (l line) highlight(s style, text string) line {
	for {
		before, after, found := strings.Cut(text, masked)
		if before != "" {
			l = append(l, piece{before, s})
		}
		if !found {
			return l
		}
		l = append(l, piece{masked, styleMask})
		text = after
	}
}

// duration prints in ten columns with the unit at a fixed place, so that a column of them can be compared at a glance.
func duration(d time.Duration) string {
	if d >= 10*time.Second {
		return fmt.Sprintf("%7.2f s ", d.Seconds())
	}
	return fmt.Sprintf("%7.1f ms", float64(d)/float64(time.Millisecond))
}

// spell prints a duration inside a sentence.
func spell(d time.Duration) string { return strings.TrimSpace(duration(d)) }

// isTerminal says whether colours would reach a screen and are wanted there (https://no-color.org).
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

package otlptest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
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

// cutBody shortens content to one line. Masked values that would be cut away are shown with what stands before them, as many as
// there is room for, because what is hidden is what the reader looks for.
func cutBody(s string, columns int) string {
	const least = 16 // columns for the beginning, without which the line is not known again
	s = squeeze(s)
	if width(s) <= columns {
		return s
	}
	windows := maskedWindows(s)
	for {
		room := columns - width(ellipsis)
		for _, w := range windows {
			room -= width(gap) + width(s[w.from:w.to])
		}
		head := cut(s, max(room, 0))
		switch {
		case room < 0 && len(windows) > 0, room < least && len(windows) > 1: // too many
			if last := &windows[len(windows)-1]; last.to > last.enough {
				last.to = last.enough
			} else {
				windows = windows[:len(windows)-1]
			}
		case len(windows) > 0 && width(s[:windows[0].from]) <= width(head)+width(gap): // the beginning reaches it by itself
			if len(head) < windows[0].to {
				windows[0].from = 0
				return joinWindows("", s, windows, columns)
			}
			windows = windows[1:]
		default:
			return joinWindows(head, s, windows, columns)
		}
	}
}

// gap stands for what was left out of the middle.
const gap = " " + ellipsis + " "

// A window is a part of a text that is shown, in bytes. It is enough to show its first masked value.
type window struct{ from, enough, to int }

// maskedWindows finds the masked values, each with its key.
func maskedWindows(s string) []window {
	const before = 20 // columns before a masked value at most: a key, and the quotes and colon of JSON
	var windows []window
	for start := 0; ; {
		at := strings.Index(s[start:], masked)
		if at < 0 {
			return windows
		}
		at += start
		from := at
		for sum := 0; from > start && sum < before; sum++ {
			_, size := utf8.DecodeLastRuneInString(s[:from])
			from -= size
		}
		if key := strings.LastIndexAny(s[from:at], ",{;&"); key >= 0 { // the key begins here
			from += key + 1
		}
		from += len(s[from:at]) - len(strings.TrimLeft(s[from:at], " "))
		to := at + len(masked)
		if strings.HasPrefix(s[to:], `"`) {
			to++
		}
		if last := len(windows) - 1; last >= 0 && from <= windows[last].to+len(gap) {
			windows[last].to = to // nothing would be gained by leaving out what is between
		} else {
			windows = append(windows, window{from, to, to})
		}
		start = to
	}
}

func joinWindows(head, s string, windows []window, columns int) string {
	line := head
	for _, w := range windows {
		if line != "" {
			line += gap
		}
		line += s[w.from:w.to]
	}
	if len(windows) > 0 && windows[len(windows)-1].to == len(s) {
		return line
	}
	return cut(line, columns-width(ellipsis)) + ellipsis
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

package mask

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Text is text that was masked: it may be shown. Other packages can read and shorten it, but not make one that holds anything.
type Text struct{ s string }

// String gives the text.
func (t Text) String() string { return t.s }

// Len is the number of bytes.
func (t Text) Len() int { return len(t.s) }

// ellipsis stands where a text was shortened.
const ellipsis = "…"

// Shorten gives at most n bytes of the text. It ends with a whole character and an ellipsis; JSON is closed again, so that it stays JSON.
func (t Text) Shorten(n int) Text {
	if len(t.s) <= n {
		return t
	}
	if s := strings.TrimLeft(t.s, " \t\r\n"); strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		if short, ok := shortenJSON(t.s, n); ok {
			return Text{short}
		}
	}
	if n < len(ellipsis) {
		return Text{}
	}
	return Text{t.s[:wholeRunes(t.s, n-len(ellipsis))] + ellipsis}
}

// wholeRunes gives the largest index up to n that does not cut a character.
func wholeRunes(s string, n int) int {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

// shortenJSON gives the beginning of a JSON document with a last string cut and everything closed, in at most n bytes. It is false where there is no room for
// anything.
func shortenJSON(s string, n int) (short string, ok bool) {
	var closers []byte
	safe, depth := -1, 0 // the longest beginning that can be closed as it stands, and how many containers are open there
	closed := func(beginning, tail string, depth int) (string, bool) {
		b := append([]byte(beginning), tail...)
		for _, c := range slices.Backward(closers[:depth]) { // one that was taken off since is still there
			b = append(b, c)
		}
		return string(b), true
	}
	isKey := false
	for i := 0; i < len(s) && i+len(closers) <= n; {
		switch c := s[i]; c {
		case '{', '[':
			closers = append(closers, c+2) // } and ] in ASCII
			isKey = c == '{'
			if i++; i+len(closers) <= n {
				safe, depth = i, len(closers)
			}
			continue
		case '}', ']':
			if len(closers) == 0 || closers[len(closers)-1] != c || i+1 < len(s) && !endsValue(s[i+1]) {
				return "", false // no JSON after all
			}
			closers = closers[:len(closers)-1]
		case ',':
			isKey = len(closers) > 0 && closers[len(closers)-1] == '}'
			i++
			continue
		case ':':
			isKey = false
			i++
			continue
		case '"':
			end := stringEnd(s, i)
			if room := n - len(closers) - len(ellipsis) - 1; !isKey && end+len(closers) > n && room > i+1 {
				return closed(s[:cutString(s, i+1, room)], ellipsis+`"`, len(closers))
			}
			i = end - 1
		}
		if i++; !isKey && i+len(closers) <= n && (i >= len(s) || endsValue(s[i])) {
			safe, depth = i, len(closers)
		}
	}
	if safe < 0 {
		return "", false
	}
	return closed(s[:safe], "", depth)
}

// endsValue tells whether a value is complete where c follows it.
func endsValue(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

// stringEnd gives the index behind the string that begins at i.
func stringEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// cutString gives the largest index up to n, at or behind from, that cuts neither a character nor an escape of a string's content.
func cutString(s string, from, n int) int {
	cut := from
	for i := from; i <= n && i < len(s); {
		cut = i
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == 'u':
			i += len(`\u0000`)
		case s[i] == '\\':
			i += len(`\n`)
		default:
			_, size := utf8.DecodeRuneInString(s[i:])
			i += size
		}
	}
	return cut
}

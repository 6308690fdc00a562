package redact

import (
	"bytes"
	"unicode/utf8"
)

// Flags of an open container. The stack is a byte a level, so that a document of a million opening brackets costs a megabyte and no recursion.
const (
	inObject   byte = 1 << iota // else in a list
	hideAll                     // it is the value of a secret key: every text and number in it is hidden
	hideText                    // the same, but numbers are shown
	secretName                  // a member of it said that the member called value is secret
)

// What the grammar expects next.
type expected byte

const (
	aValue expected = iota
	aValueOrEnd
	aKey
	aKeyOrEnd
	aColon
	aCommaOrEnd
)

// json hides secrets in one JSON document or several behind each other, from i on. A document may end anywhere. It follows the grammar strictly,
// since a document that others would read differently would be masked wrongly, and returns where that is left, and whether all that is below
// there is secret.
func (w *work) json(e *edit, i int, cut Cut, depth int) (end int, secret bool) {
	base := len(w.stack)
	defer func() { w.stack = w.stack[:base] }()
	in := e.in
	next, top, key, keyAt := aValue, byte(0), anything, i
	leave := func() (int, bool) {
		if next == aColon || next == aValue && top&inObject != 0 { // the key is read again, as text
			i = max(keyAt, e.from)
		}
		return i, top&(hideAll|hideText) != 0
	}
	for i < len(in) {
		c := in[i]
		switch {
		case isSpace(c):
			i++
		case c == '"' && (next == aKey || next == aKeyOrEnd):
			end, whole := stringEnd(in, i)
			if key = anything; whole {
				key = w.judgeQuoted(in[i+1 : end-1])
			}
			if !whole || key&leaks != 0 || end-i > maxKey {
				w.jsonString(e, i+1, contentEnd(end, whole), cutOfString(cut, end-i, whole), depth)
			}
			i, keyAt, next = end, i, aColon
		case c == ':' && next == aColon:
			i, next = i+1, aValue
		case c == ',' && next == aCommaOrEnd && len(w.stack) > base:
			i++
			if next, key = aValue, anything; top&inObject != 0 {
				next = aKey
			}
		case c == '}' && (next == aCommaOrEnd || next == aKeyOrEnd) && top&inObject != 0,
			c == ']' && (next == aCommaOrEnd || next == aValueOrEnd) && top&inObject == 0 && len(w.stack) > base:
			w.stack = w.stack[:len(w.stack)-1]
			if top = 0; len(w.stack) > base {
				top = w.stack[len(w.stack)-1]
			}
			i, next = i+1, aCommaOrEnd
		case next > aValueOrEnd && (next != aCommaOrEnd || len(w.stack) > base || c != '{' && c != '['):
			return leave() // documents in a row are objects or lists
		case c == '{' || c == '[':
			top = w.inherited(top, key)
			key, next = anything, aValueOrEnd
			if c == '{' {
				top |= inObject
				next = aKeyOrEnd
			}
			w.stack = append(w.stack, top)
			i++
		case c == '"':
			end, whole := stringEnd(in, i)
			hide := w.inherited(top, key)
			switch {
			case hide&(hideAll|hideText) != 0:
				if last := contentEnd(end, whole); last > i+1 {
					e.hide(i+1, last)
				}
			default:
				w.jsonString(e, i+1, contentEnd(end, whole), cutOfString(cut, end-i, whole), depth)
				if key&isName != 0 && whole && w.judgeQuoted(in[i+1:end-1])&hides != 0 {
					top |= secretName
					w.stack[len(w.stack)-1] = top
				}
			}
			i, next = end, aCommaOrEnd
		default:
			end, number := literal(in, i)
			if end < 0 {
				return leave()
			}
			if number && (w.inherited(top, key)&hideAll != 0 || end-i >= minCard && isCardNumber(in[i:end])) {
				e.replace(i, end, `"`+Mask+`"`)
			}
			i, next = end, aCommaOrEnd
		}
	}
	return len(in), false
}

// shortened is the length from which on a string counts as shortened where strings may be: hooks leave short ones as they are.
const shortened = 64

// cutOfString gives what may be missing of one string of a document.
func cutOfString(document Cut, size int, whole bool) Cut {
	cut := document & CutInside
	if !whole || cut != 0 && size >= shortened {
		cut |= CutEnd
	}
	return cut
}

// inherited gives what holds for a value: what holds for its container, and what its key says.
func (w *work) inherited(container byte, key verdict) byte {
	hide := container & (hideAll | hideText)
	switch {
	case key&hides != 0 && key&numbers != 0:
		hide |= hideText
	case key&hides != 0, key&isValue != 0 && container&secretName != 0:
		hide |= hideAll
	}
	return hide
}

// judgeQuoted judges a key that may be written with escapes.
func (w *work) judgeQuoted(key []byte) verdict {
	if bytes.IndexByte(key, '\\') < 0 {
		return w.judge(key)
	}
	from := len(w.plain)
	w.plain = unescape(w.plain, key)
	v := w.judge(w.plain[from:])
	w.plain = w.plain[:from]
	return v
}

// jsonString hides secrets in the content of a string. One that holds escapes is read without them, whatever is in it, and written again if
// something was hidden.
func (w *work) jsonString(e *edit, i, j int, cut Cut, depth int) {
	const shortest = len("pw=x")
	if j-i < shortest {
		return
	}
	if bytes.IndexByte(e.in[i:j], '\\') < 0 {
		if !w.base64(e, i, j, cut, depth) {
			w.text(e, i, j, cut)
		}
		return
	}
	from := len(w.plain)
	w.plain = unescape(w.plain, e.in[i:j])
	plain := w.plain[from:]
	if out := w.content(plain, cut, depth+1); !same(out, plain) {
		e.replace(i, j, string(escape(out)))
	}
	w.plain = w.plain[:from]
}

// same tells whether a redaction left its input as it was, which it then is an alias of.
func same(out, in []byte) bool {
	return len(out) == len(in) && (len(in) == 0 || &out[0] == &in[0])
}

// stringEnd gives the index behind the string that begins at i.
func stringEnd(in []byte, i int) (end int, whole bool) {
	for at := i + 1; ; {
		q := bytes.IndexByte(in[at:], '"')
		if q < 0 {
			return len(in), false
		}
		at += q
		escapes := at - 1
		for escapes > i && in[escapes] == '\\' {
			escapes--
		}
		at++
		if (at-escapes)%2 == 0 {
			return at, true
		}
	}
}

// contentEnd gives the index behind a string's content, before its closing quote.
func contentEnd(end int, whole bool) int {
	if whole {
		return end - 1
	}
	return end
}

// literal gives the index behind a number, true, false, null or what programs write instead; -1 if there is none of these.
func literal(in []byte, i int) (end int, number bool) {
	end = i
	for end < len(in) && in[end] > ' ' && in[end] != ',' && in[end] != '}' && in[end] != ']' {
		if c := in[end]; c == '"' || c == ':' || c == '{' || c == '[' {
			return -1, false
		}
		end++
	}
	word := in[i:end]
	if len(word) == 0 {
		return -1, false
	}
	if c := word[0]; c == '-' || c >= '0' && c <= '9' {
		for _, c := range word[1:] {
			if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
				return -1, false
			}
		}
		return end, true
	}
	for _, known := range [...]string{"true", "false", "null", "NaN", "Infinity"} {
		if string(word) == known || end == len(in) && len(word) < len(known) && known[:len(word)] == string(word) {
			return end, false
		}
	}
	return -1, false
}

// unescape appends a JSON string's content without its escapes. What is no escape stays as it is.
func unescape(to, in []byte) []byte {
	for len(in) > 0 {
		at := bytes.IndexByte(in, '\\')
		if at < 0 {
			return append(to, in...)
		}
		if at+1 == len(in) || in[at+1] == 'u' && at+len(`\u0000`) > len(in) { // cut in the middle of an escape
			return append(to, in[:at]...)
		}
		to = append(to, in[:at]...)
		c := in[at+1]
		in = in[at+2:]
		switch c {
		case '"', '\\', '/':
			to = append(to, c)
		case 'n':
			to = append(to, '\n')
		case 't':
			to = append(to, '\t')
		case 'r':
			to = append(to, '\r')
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'u':
			r, n := codePoint(in)
			if n == 0 {
				to = append(to, '\\', 'u')
				continue
			}
			to = utf8.AppendRune(to, r)
			in = in[n:]
		default:
			to = append(to, '\\', c)
		}
	}
	return to
}

// codePoint reads what follows \u: four hexadecimal digits, or a pair of surrogates.
func codePoint(in []byte) (r rune, n int) {
	high, ok := hex4(in)
	if !ok {
		return 0, 0
	}
	if high < 0xd800 || high > 0xdbff || len(in) < 10 || in[4] != '\\' || in[5] != 'u' {
		return high, 4
	}
	low, ok := hex4(in[6:])
	if !ok || low < 0xdc00 || low > 0xdfff {
		return high, 4 // AppendRune writes U+FFFD for half a pair
	}
	return (high-0xd800)<<10 + (low - 0xdc00) + 0x10000, 10
}

func hex4(in []byte) (r rune, ok bool) {
	if len(in) < 4 {
		return 0, false
	}
	for _, c := range in[:4] {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// escape writes content for the inside of a JSON string.
func escape(in []byte) []byte {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, len(in)+len(in)/8)
	for _, c := range in {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			out = append(out, c)
		}
	}
	return out
}

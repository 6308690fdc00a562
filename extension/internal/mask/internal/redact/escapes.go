package redact

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// unescape appends a JSON string's content without its escapes. What is no escape stays as it is; half of one at the end is left out.
func unescape(to, in []byte) []byte {
	n := len(to)
	to = slices.Grow(to, len(in))[:n+len(in)] // no escape stands for more than it takes
	for i := 0; i < len(in); i++ {
		run := to[n:]
		from := in[i:]
		run = run[:len(from)]
		k := 0
		for k < len(from) && from[k] != '\\' {
			run[k] = from[k]
			k++
		}
		n += k
		if i += k + 1; i >= len(in) {
			break
		}
		plain := unescaped(in[i])
		switch {
		case plain != 0:
			to[n] = plain
			n++
		case in[i] == 'u':
			if i+len("0000") >= len(in) {
				return to[:n]
			}
			r, size := codePoint(in[i+1:])
			if size == 0 {
				n += copy(to[n:], `\u`)
				continue
			}
			n += utf8.EncodeRune(to[n:], r)
			i += size
		default:
			to[n], to[n+1] = '\\', in[i]
			n += 2
		}
	}
	return to[:n]
}

// unescaped gives what the letter behind a backslash stands for, 0 if for nothing.
func unescaped(letter byte) byte {
	switch letter {
	case '"', '\\', '/':
		return letter
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	}
	return 0
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

// escapes opens what is written with the escapes of JSON, from the word before the backslash at i to the end of the string that it stands in, and writes it again
// if there is a secret in it: .NET and Go write quotes and angle brackets as \u0022 and \u003c, PHP slashes as \/. It returns where to go on: the digits of an
// escape are no part of the word behind it.
func (w *work) escapes(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	letter := i + 1
	for letter < s.end && in[letter] == '\\' { // of a string in a string
		letter++
	}
	next := letter
	if letter < s.end && in[letter] == 'u' {
		if _, ok := hex4(in[letter+1:]); !ok {
			return next
		}
		next += len("u0022")
	} else if i == s.begin || in[i-1] != ':' || !bytes.HasPrefix(in[letter:], []byte(`/`+string(in[i:letter])+`/`)) {
		return next
	}
	if i < s.escapes || w.depth >= maxDepth {
		return next
	}
	from, end := i, i
	for begin := max(s.begin, e.from, i-maxLookBack); from > begin && !endsEscaped(in[from-1]); {
		from--
	}
	holds := in[letter] == '/'
	for end < s.end && !endsEscaped(in[end]) {
		run := end
		for end < s.end && in[end] == '\\' {
			end++
		}
		holds = holds || end > run && end < s.end && in[end] == 'u' && escapesMark(in[end+1:])
		if (end-run)%2 != 0 || end == run { // what stands behind the run belongs to it, or there is none
			end = min(end+1, s.end)
		}
	}
	s.escapes = end
	w.steps += end - from
	if !holds {
		return next
	}
	at := len(w.plain)
	w.plain = unescape(w.plain, in[from:end])
	plain := w.plain[at:]
	if out := w.content(plain, lastCut(s.cut, end == s.end), w.depth+1); !same(out, plain) {
		e.replace(from, end, string(escape(out)))
		next = end
	}
	w.plain = w.plain[:at]
	return next
}

// endsEscaped tells whether a string, or what is nearest to one, ends or begins at a character without an escape before it.
func endsEscaped(c byte) bool { return c == '"' || c == '\n' || c == '\r' }

// escapesMark tells whether four digits behind \u stand for what may stand around a key or a value.
func escapesMark(digits []byte) bool {
	r, ok := hex4(digits)
	return ok && r <= '@' && bytes.IndexByte([]byte("\"%&'-/:<=>@"), byte(r)) >= 0
}

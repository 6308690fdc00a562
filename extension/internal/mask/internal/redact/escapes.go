package redact

import (
	"slices"
	"unicode/utf8"
)

// unescape appends a JSON string's content without its escapes. What is no escape stays as it is; half of one at the end is left out.
func unescape(to, in []byte) []byte {
	to = slices.Grow(to, len(in))
	for i := 0; i < len(in); i++ {
		c := in[i]
		if c != '\\' {
			to = append(to, c)
			continue
		}
		if i++; i == len(in) {
			return to
		}
		switch c = in[i]; c {
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
			if i+len("0000") >= len(in) {
				return to
			}
			r, n := codePoint(in[i+1:])
			if n == 0 {
				to = append(to, '\\', 'u')
				continue
			}
			to = utf8.AppendRune(to, r)
			i += n
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

package redact

import (
	"bytes"
	"unicode/utf8"
)

// percents opens what is written with percent signs, which begins with the one at i or with the word before it, and hides all of it if there
// is a secret in it. It returns where to go on: an escaped character is a boundary, its digits are no part of the word behind it.
func (w *work) percents(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	if i+2 >= s.end || hexDigit(in[i+1]) < 0 || hexDigit(in[i+2]) < 0 {
		return i + 1
	}
	if end := w.rules.tokens.track1(e, i+1, s.end, s.cut); end > i+1 {
		return end
	}
	next := i + len("%20")
	if i < s.percents || w.depth >= maxDepth {
		return next
	}
	from, end := i, i
	for begin := max(s.begin, e.from, i-maxLookBack); from > begin && isKeyChar(in[from-1]); {
		from--
	}
	holds := false // what may stand around a key or a value, or more percent signs
	for end < s.end && !endsEncoded(in[end]) {
		holds = holds || in[end] == '%' && holdsMark(in[end+1:])
		end++
	}
	s.percents = end
	w.steps += end - from
	if !holds {
		return next
	}
	cut, last := lastCut(s.cut, end == s.end), end
	if at := bytes.LastIndexByte(in[i:end], '%') + i; cut&CutEnd != 0 && at > end-len("%20") { // cut in the middle of an escape
		last = at
	}
	plain := bytes.Clone(decode(in[from:last])) // a copy, so that same tells
	if same(w.content(plain, cut, w.depth+1), plain) {
		return next
	}
	e.hide(from, end)
	return end
}

func endsEncoded(c byte) bool {
	return c <= ' ' || c == '"' || c == '<' || c == '>' || c == '&' || c == '\\'
}

// holdsMark tells whether two digits behind a percent sign stand for one of " % & ' - : < =
func holdsMark(digits []byte) bool {
	if len(digits) < 2 {
		return false
	}
	high, low := digits[0], digits[1]|0x20
	return high == '2' && (low == '2' || low == '5' || low == '6' || low == '7' || low == 'd') || high == '3' && (low == 'a' || low == 'c' || low == 'd')
}

// entities opens what is written with the entities of XML and HTML, from the key before the one at i to the next tag, and writes it again if
// there is a secret in it. It returns where to go on.
func (w *work) entities(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	if i < s.entities || w.depth >= maxDepth {
		return i + 1
	}
	if _, n := entity(in[i:]); n == 0 {
		return i + 1
	}
	from := i
	for begin := max(s.begin, e.from, i-maxLookBack); from > begin; from-- {
		if c := in[from-1]; !isKeyChar(c) && c != '=' && c != ':' && c != ' ' {
			break
		}
	}
	end := i + indexOr(in[i:], '<', s.end-i)
	s.entities = end
	w.steps += end - from
	plain := make([]byte, 0, end-from)
	for at := from; at < end; {
		c, n := entity(in[at:end])
		if n == 0 {
			c, n = in[at], 1
		}
		plain = append(plain, c)
		at += n
	}
	out := w.content(plain, lastCut(s.cut, end == s.end), w.depth+1)
	if same(out, plain) {
		return i + 1
	}
	e.replace(from, end, escapeEntities(out))
	return end
}

// entity reads an entity that stands for something that keys and values have around them; n is its length, 0 if there is none. Others stay as
// they are: a line end in their place would break what they are in.
func entity(in []byte) (c byte, n int) {
	if code, n := codeOfEntity(in); n > 0 {
		switch c := byte(code & 0x7f); c {
		case '"', '\'', '<', '>', '&', ':', '=', '{', '}':
			if int(c) == code {
				return c, n
			}
		}
		return 0, 0
	}
	for _, known := range [...]struct {
		name string
		c    byte
	}{{"&quot;", '"'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&apos;", '\''}} {
		if bytes.HasPrefix(in, []byte(known.name)) {
			return known.c, len(known.name)
		}
	}
	return 0, 0
}

// codeOfEntity reads a numeric entity; n is its length, 0 if there is none.
func codeOfEntity(in []byte) (code, n int) {
	const longest = len("&#x000022;")
	if !bytes.HasPrefix(in, []byte("&#")) {
		return 0, 0
	}
	end := bytes.IndexByte(in[:min(len(in), longest)], ';')
	if end < len("&#3") {
		return 0, 0
	}
	base, digits := 10, in[len("&#"):end]
	if digits[0]|0x20 == 'x' {
		base, digits = 16, digits[1:]
	}
	for _, c := range digits {
		d := hexDigit(c)
		if d < 0 || d >= base {
			return 0, 0
		}
		code = code*base + d
	}
	return code, end + 1
}

// withoutEntities gives a key without the numeric entities that stand for characters of ASCII.
func withoutEntities(key []byte) []byte {
	if !bytes.Contains(key, []byte("&#")) {
		return key
	}
	plain := make([]byte, 0, len(key))
	for at := 0; at < len(key); {
		c, n := key[at], 1
		if code, size := codeOfEntity(key[at:]); size > 0 && code < utf8.RuneSelf {
			c, n = byte(code), size
		}
		plain = append(plain, c)
		at += n
	}
	return plain
}

func escapeEntities(in []byte) string {
	out := make([]byte, 0, len(in)+len(in)/4)
	for _, c := range in {
		switch c {
		case '"':
			out = append(out, "&quot;"...)
		case '\'':
			out = append(out, "&#39;"...)
		case '<':
			out = append(out, "&lt;"...)
		case '>':
			out = append(out, "&gt;"...)
		case '&':
			out = append(out, "&amp;"...)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

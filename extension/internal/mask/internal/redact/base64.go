package redact

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// minBase64 is the shortest text that is tried as base64: shorter ones are words.
const minBase64 = 16

// base64 opens in[i:j] if all of it is base64 of text: function URLs deliver form bodies that way, Kinesis its records, basic credentials their
// password. It is written again, in the same alphabet, if something in it was hidden. It returns whether it was such a text.
func (w *work) base64(e *edit, i, j int, cut Cut, depth int) bool {
	in := e.in[i:j]
	if len(in) < minBase64 {
		return false
	}
	if w.rules.packed && isPacked(in) {
		return w.hidePacked(e, i, j)
	}
	if depth >= maxDepth || !headIsText(in) { // most ids, digests and texts are told by their beginning
		return false
	}
	w.steps += len(in)
	encoding, ok := base64Alphabet(in)
	if !ok {
		return false
	}
	digits := bytes.TrimRight(in, "=")
	padded := len(digits) < len(in)
	if cut&CutEnd != 0 {
		digits = digits[:len(digits)/4*4]
	}
	if len(digits) < minBase64 {
		return false
	}
	plain := make([]byte, encoding.DecodedLen(len(digits)))
	n, err := encoding.Decode(plain, digits)
	plain = plain[:n]
	if err != nil {
		return false
	}
	out := w.content(plain, cut, depth+1)
	if same(out, plain) {
		// What decodes to text without secrets may still be one as it stands: a JWT's header does.
		return false
	}
	if padded {
		encoding = encoding.WithPadding(base64.StdPadding)
	}
	e.replace(i, j, encoding.EncodeToString(out))
	return true
}

// Lengths of base64 in the middle of text: from which on it is looked at, and of the lines that it is wrapped to at least.
const (
	minBase64Head = 16
	minBase64Run  = 24
	minBase64Line = 60
)

// base64Run opens base64 in the middle of text, as in data: URLs, mails and XML, wrapped to lines or not. A word of it ends at i. It returns
// where to go on.
func (w *work) base64Run(e *edit, s *scan, from, i int) int {
	in := e.in[:s.end]
	c := in[from] // text begins with a byte below 128
	if from < s.digits || s.end-from < minBase64Run || c > 'f' || c < 'A' {
		return i
	}
	packed := w.rules.packed && isPacked(in[from:])
	if !packed && (w.depth >= maxDepth || !headIsText(in[from:])) {
		return i
	}
	end, wrapped := base64End(in, from)
	s.digits = end
	w.steps += end - from
	switch {
	case end-from < minBase64Run, !wrapped && from == s.begin && end == s.end: // the whole was tried
		return i
	case packed:
		e.hide(from, end)
		return end
	}
	cut := lastCut(s.cut, end == s.end)
	if !wrapped {
		if w.base64(e, from, end, cut, w.depth) {
			return end
		}
		return i
	}
	lines := make([]byte, 0, end-from)
	for _, c := range in[from:end] {
		if c != '\r' && c != '\n' {
			lines = append(lines, c)
		}
	}
	joined := edit{in: lines}
	if !w.base64(&joined, 0, len(lines), cut, w.depth) {
		return i
	}
	e.replace(from, end, string(joined.done()))
	return end
}

// isPacked tells whether in begins with base64 of what is compressed: gzip, zip, Zstandard, bzip2, zlib. What CloudWatch hands to functions is, and what many write
// to Kinesis; nobody can tell what is in it.
func isPacked(in []byte) bool {
	switch in[0] {
	case 'H':
		return bytes.HasPrefix(in, []byte("H4sI"))
	case 'U':
		return bytes.HasPrefix(in, []byte("UEsDB"))
	case 'K':
		return bytes.HasPrefix(in, []byte("KLUv/")) || bytes.HasPrefix(in, []byte("KLUv_"))
	case 'Q':
		return bytes.HasPrefix(in, []byte("Qlpo"))
	case 'e':
		return isZlib(in)
	}
	return false
}

// isZlib tells whether in begins with base64 of zlib's two bytes, at one of its four levels, and goes on like something compressed: names may begin so as well.
func isZlib(in []byte) bool {
	const enough = 48
	level := in[2]
	switch in[1] {
	case 'J':
		level -= 'w'
	case 'N':
		level -= 'o'
	case 'A':
		level -= 'E'
	case 'F':
		level -= '4'
	default:
		return false
	}
	return level < 4 && isDrawn(in[:min(len(in), enough)], minBase64)
}

// hidePacked hides in[i:j], which begins with base64 of what is compressed, if it goes on like that. Its lines may be wrapped.
func (w *work) hidePacked(e *edit, i, j int) bool {
	end, _ := base64End(e.in[:j], i)
	if w.steps += end - i; end < j {
		return false
	}
	e.hide(i, j)
	return true
}

// headIsText tells whether in begins with base64 of text. Most words, paths and ids do not.
func headIsText(in []byte) bool {
	if isDigit(in[0]) && !continues(in[1]) { // most ids that begin with a digit end here
		return false
	}
	var digits [minBase64Head]byte
	for k, c := range in[:minBase64Head] {
		switch {
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		case !isLetterOrDigit(c) && c != '+' && c != '/':
			return false
		}
		digits[k] = c
	}
	var head [minBase64Head / 4 * 3]byte
	_, err := base64.RawStdEncoding.Decode(head[:], digits[:])
	return err == nil && (head[0] == '{' || head[0] == '[' || isText(head[:]))
}

// continues tells whether a second digit of base64 makes the second byte one that can stand behind the first of several, which is what begins with a digit.
func continues(digit byte) bool {
	switch digit {
	case 'I', 'J', 'K', 'L', 'Y', 'Z', 'a', 'b', 'o', 'p', 'q', 'r', '4', '5', '6', '7':
		return true
	}
	return false
}

// base64End gives the index behind the base64 that begins at i, and whether there are line ends in it.
func base64End(in []byte, i int) (end int, wrapped bool) {
	line := i
	for ; i < len(in); i++ {
		switch c := in[i]; {
		case isLetterOrDigit(c) || c == '+' || c == '/' || c == '-' || c == '_':
		case c == '\r' || c == '\n':
			next := i
			for next < len(in) && next-i < len("\r\n") && (in[next] == '\r' || in[next] == '\n') {
				next++
			}
			if i-line < minBase64Line || next >= len(in) || !isLetterOrDigit(in[next]) {
				return i, wrapped
			}
			i, line, wrapped = next-1, next, true
		default:
			for padding := 0; padding < 2 && i < len(in) && in[i] == '='; padding++ {
				i++
			}
			return i, wrapped
		}
	}
	return i, wrapped
}

// base64Alphabet finds out whether all of in is of one of base64's alphabets, and which.
func base64Alphabet(in []byte) (*base64.Encoding, bool) {
	std, url := true, true
	n := len(in)
	for n > 0 && len(in)-n < 2 && in[n-1] == '=' {
		n--
	}
	if n < minBase64 {
		return nil, false
	}
	for _, c := range in[:n] {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
		case c == '+' || c == '/':
			url = false
		case c == '-' || c == '_':
			std = false
		default:
			return nil, false
		}
	}
	switch {
	case std:
		return base64.RawStdEncoding, true
	case url:
		return base64.RawURLEncoding, true
	}
	return nil, false
}

// isText tells whether bytes can be read by a person. A character may be cut at the end.
func isText(in []byte) bool {
	for len(in) > 0 {
		r, n := utf8.DecodeRune(in)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(in)
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		in = in[n:]
	}
	return true
}

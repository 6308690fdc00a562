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
	if len(in) < minBase64 || depth >= maxDepth {
		return false
	}
	encoding, ok := base64Alphabet(in)
	if !ok {
		return false
	}
	digits := bytes.TrimRight(in, "=")
	padded := len(digits) < len(in)
	if cut&CutEnd != 0 {
		digits = digits[:len(digits)/4*4]
	}
	// Reading the first few is enough to know that most ids and digests are no text. What follows may be in any encoding.
	var head [12]byte
	if _, err := encoding.Decode(head[:], digits[:16]); err != nil || head[0] != '{' && head[0] != '[' && !isText(head[:]) {
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

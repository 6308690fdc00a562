package redact

import "bytes"

// keyBefore gives the key that ends before i, and whether it is in quotes: spaces, quotes and escapes of quotes may stand in between.
func keyBefore(in []byte, begin, i int) (key []byte, quoted bool) {
	for i > begin && (in[i-1] == ' ' || in[i-1] == '\t') {
		i--
	}
	for i > begin && (in[i-1] == '"' || in[i-1] == '\'' || in[i-1] == '`' || in[i-1] == '\\') {
		quoted = true
		i--
	}
	end := i
	for i > begin && isKeyChar(in[i-1]) {
		i--
	}
	return in[i:end], quoted
}

func isKeyChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '[' || c == ']' || c == '%'
}

// value gives the extent of the value that begins at i: what is quoted, what is in brackets, or what reaches to the next thing.
func value(in []byte, i int, toLine bool) (from, to int) {
	escapes := 0
	for i < len(in) && in[i] == '\\' {
		escapes++
		i++
	}
	if i >= len(in) {
		return i, i
	}
	switch c := in[i]; c {
	case '"', '\'', '`':
		if from, to = i+1, closingQuote(in, i+1, c, escapes); from == to {
			return blockString(in, i-escapes, i+1)
		}
		return from, to
	case '{', '[', '(':
		return i, closingBracket(in, i, c)
	}
	end := i
	if toLine {
		return i, lineEnd(in, i)
	}
	for end < len(in) && !endsValue(in, end) {
		end++
	}
	if end < len(in) && in[end] == ' ' && isScheme(in[i:end]) { // Authorization: Bearer …
		end = lineEnd(in, i)
	}
	return i, end
}

// blockString gives the extent of what stands between three quotes, as GraphQL and Python write texts of several lines, where in[i:j] is the first of them with
// its escapes. Two are an empty text.
func blockString(in []byte, i, j int) (from, to int) {
	quotes := bytes.Repeat(in[i:j], 3)
	if !bytes.HasPrefix(in[i:], quotes) {
		return j, j
	}
	from = i + len(quotes)
	size := bytes.Index(in[from:], quotes)
	if size < 0 {
		size = len(in) - from
	}
	return from, from + size
}

// closingQuote gives the index of the quote that ends a value; quotes with more escapes before them than the opening one had are inside.
func closingQuote(in []byte, i int, quote byte, escapes int) int {
	before := 0
	for ; i < len(in); i++ {
		switch in[i] {
		case '\\':
			before++
			continue
		case quote:
			if before <= escapes {
				return i - before
			}
		}
		before = 0
	}
	return len(in)
}

// closingBracket gives the index behind the bracket that closes the one at i. Brackets in quotes are not told apart: too much is hidden rather than
// too little.
func closingBracket(in []byte, i int, open byte) int {
	closing := open + 2 // {} and [] in ASCII
	if open == '(' {
		closing = ')'
	}
	depth := 0
	for ; i < len(in); i++ {
		switch in[i] {
		case open:
			depth++
		case closing:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(in)
}

// valueBelow gives where the value of a key begins behind which its line ends: on the next one if something in quotes or brackets stands there. Programs that
// print documents put long values so.
func valueBelow(in []byte, i int) int {
	at := i
	for at < len(in) && isSpace(in[at]) {
		at++
	}
	if at == len(in) || bytes.IndexByte([]byte("\"'`[{("), in[at]) < 0 {
		return i
	}
	return at
}

func lineEnd(in []byte, i int) int {
	for i < len(in) && in[i] != '\n' && in[i] != '\r' && in[i] != '"' && in[i] != '\\' {
		i++
	}
	return i
}

// endsValue tells whether a bare value ends before i. Passwords hold marks of every kind, so a mark ends one only where something else begins
// behind it.
func endsValue(in []byte, i int) bool {
	switch in[i] {
	case ' ', '\t', '\n', '\r', '&':
		return true
	case '<':
		return true
	case ',', ';':
		return i+1 >= len(in) || isSpace(in[i+1]) || keyFollows(in, i+1)
	case '"', '\'', '`', ')', ']', '}', '>', '\\':
		return i+1 >= len(in) || !isKeyChar(in[i+1]) || in[i] == '\\' && (in[i+1] == 'n' || in[i+1] == 'r')
	}
	return false
}

// keyFollows tells whether key= or key: stands at i.
func keyFollows(in []byte, i int) bool {
	begin := i
	for i < len(in) && i-begin < maxLookBack && (isKeyChar(in[i]) || in[i] == '"' || in[i] == '\'') {
		i++
	}
	return i > begin && i < len(in) && (in[i] == '=' || in[i] == ':')
}

// isScheme tells whether a word is an authentication scheme, behind which the credentials follow.
func isScheme(in []byte) bool {
	for _, scheme := range [...]string{"bearer", "basic", "digest", "token", "negotiate", "apikey", "aws4-hmac-sha256", "hmac"} {
		if len(in) == len(scheme) && bytes.EqualFold(in, []byte(scheme)) {
			return true
		}
	}
	return false
}

func isNumber(in []byte) bool {
	for _, c := range in {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

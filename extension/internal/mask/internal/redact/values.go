package redact

import "bytes"

// keyBefore gives the key that ends before i, and whether it is in quotes: spaces, quotes, escapes of quotes and colours may stand in between.
func keyBefore(in []byte, begin, i int) (key []byte, quoted bool) {
	for i > begin && (in[i-1] == ' ' || in[i-1] == '\t') {
		i--
	}
	i = beforeColours(in, begin, i)
	for i > begin && (in[i-1] == '"' || in[i-1] == '\'' || in[i-1] == '`' || in[i-1] == '\\') {
		quoted = true
		i--
	}
	i = beforeColours(in, begin, i)
	end := i
	for i > begin && isKeyChar(in[i-1]) {
		i--
	}
	if i > begin && (in[i-1] == escapeByte || in[i-1] == ';') {
		return withoutColour(in, in[i:end], end), quoted
	}
	return in[i:end], quoted
}

// isEscapeLetter tells whether a letter makes white space with a backslash before it.
func isEscapeLetter(c byte) bool { return c == 'n' || c == 'r' || c == 't' }

// judgeEscaped gives the verdict on a key whose first letter may be the one of an escape, as in text that a program printed in quotes: \ntoken=x. The key is the last one of
// before, and v the verdict on it with the letter.
func (w *work) judgeEscaped(before, key []byte, v verdict) verdict {
	at := len(before)
	for at > 0 && !isKeyChar(before[at-1]) {
		at--
	}
	if at -= len(key); at < 1 || before[at-1] != '\\' || len(key) == 1 {
		return v
	}
	return v | w.judge(decode(key[1:]))
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
			if from, to = doubledQuotes(in, i, escapes); from == to {
				return blockString(in, i-escapes, i+1)
			}
		}
		return from, to
	case '{':
		return i, closingBrace(in, i)
	case '[', '(':
		return i, closingBracket(in, i, c)
	case '-':
		if bytes.HasPrefix(in[i:], []byte("-----BEGIN")) {
			return i, keyEnd(in, i)
		}
	}
	end := i
	if toLine {
		return i, lineEnd(in, i)
	}
	if quote := prefixedQuote(in, i); quote > i {
		return value(in, quote, false)
	}
	for end < len(in) && !endsValue(in, end) {
		if end++; in[end-1] == '(' && end-1 > i && isArgument(in, end) {
			end = closingBracket(in, end-1, '(')
		}
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

// closingQuote gives the index of the quote that ends a value; quotes with more escapes before them than the opening one had are inside, and so are two of them in
// the middle, which is how SQL, CSV and PowerShell write one.
func closingQuote(in []byte, i int, quote byte, escapes int) int {
	before := 0
	for begin := i; i < len(in); i++ {
		switch in[i] {
		case '\\':
			before++
			continue
		case quote:
			switch {
			case before > escapes:
			case i > begin && escapes+before == 0 && isDoubled(in, i):
				i++
			default:
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
		case escapeByte: // whose bracket is none
			i += max(0, colour(in[i:])-1)
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

// closingBrace is closingBracket for braces. In a value that ODBC has in them they are written twice.
func closingBrace(in []byte, i int) int {
	end := closingBracket(in, i, '{')
	for end+1 < len(in) && in[end] == '}' && isLetterOrDigit(in[end+1]) {
		end += indexOr(in[end+1:], '}', len(in)-end-2) + 2
	}
	return end
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

// lineEnd gives where the value of a header ends that begins at i: at the end of the line, or of the text in quotes that the line stands in. Quotes around a
// parameter of it, as in Digest username="x", response="y", are its own.
func lineEnd(in []byte, i int) int {
	for i < len(in) && in[i] != '\n' && in[i] != '\r' {
		if in[i] == '"' || in[i] == '\\' {
			end := parameterEnd(in, i)
			if end == i {
				break
			}
			i = end
			continue
		}
		i++
	}
	return i
}

// parameterEnd gives the index behind a quoted parameter of a header whose first quote, with an escape before it perhaps, is at i: i if there is none. It stands
// behind an equals sign, like the quote behind base64, behind which no value begins.
func parameterEnd(in []byte, i int) int {
	from := i + 1
	if in[i] == '\\' {
		from++
	}
	if i == 0 || in[i-1] != '=' || from >= len(in) || in[from-1] != '"' || !isTokenChar(in[from]) {
		return i
	}
	for at := from; at < len(in) && in[at] != '\n' && in[at] != '\r'; at++ {
		if in[at] == '"' {
			return at + 1
		}
	}
	return len(in)
}

// endsValue tells whether a bare value ends before i. Passwords hold marks of every kind, so a mark ends one only where something else begins
// behind it.
func endsValue(in []byte, i int) bool {
	switch in[i] {
	case ' ', '\t', '\n', '\r', '&', '<', escapeByte:
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

// Lengths from which on a value may look drawn at random.
const (
	leastDrawn = 12
	leastLong  = 32 // of 256 bits in base64 there are 43 characters
)

// isSecretValue tells whether a value is secret though its key alone does not say so.
func (v verdict) isSecretValue(value []byte) bool {
	return v&ifDrawn != 0 && isDrawn(value, leastDrawn) || v&ifLong != 0 && isDrawn(value, leastLong)
}

// isDrawn tells whether a value looks drawn at random: one word with a digit in it, in which every third letter or digit is of another kind than the one before it.
// Of ids in base64 it is every second one, of those in hexadecimal digits nearly so; of names, with their words in camel case or dashes between them, hardly a fourth.
func isDrawn(value []byte, least int) bool {
	if len(value) < least {
		return false
	}
	changes, digits := 0, false
	before := byte(0)
	for _, c := range value {
		kind := byte(0)
		switch {
		case isDigit(c):
			kind, digits = '0', true
		case c >= 'a' && c <= 'z':
			kind = 'a'
		case c >= 'A' && c <= 'Z':
			kind = 'A'
		case !isTokenChar(c):
			return false
		}
		if kind != before && kind != 0 && before != 0 {
			changes++
		}
		before = kind
	}
	return digits && 3*changes >= len(value)
}

// isTokenChar tells whether a character may stand in an id, in base64, or in either as a form writes it.
func isTokenChar(c byte) bool {
	return isLetterOrDigit(c) || c == '-' || c == '_' || c == '.' || c == '~' || c == '+' || c == '/' || c == '=' || c == '%'
}

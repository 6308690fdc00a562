package redact

import "bytes"

// isDoubled tells whether the quote at i is the first one of two in the middle of a value: something goes on behind them.
func isDoubled(in []byte, i int) bool {
	return i+2 < len(in) && in[i+1] == in[i] && !isSpace(in[i+2]) && bytes.IndexByte([]byte(",;:)]}>\"'`\\"), in[i+2]) < 0
}

// prefixedQuote gives where the quote stands that belongs to what begins at i, as in N'x' of SQL, b'x' of Python, @"x" of C# and &"x" of Go: i if there is none.
func prefixedQuote(in []byte, i int) int {
	const mostPrefix = 2
	for at := i; at < min(len(in), i+mostPrefix+1); at++ {
		if in[at] == '"' || in[at] == '\'' && in[i] != '&' { // which is a reference's in Rust
			return at
		}
		if bytes.IndexByte([]byte("NnBbRrUuFfEeXxLl@$&"), in[at]) < 0 {
			break
		}
	}
	return i
}

// doubledQuotes gives the extent of what stands between quotes that are doubled since they stand in quotes themselves: of "password=""x""" in a line of CSV. It is
// empty if there is nothing.
func doubledQuotes(in []byte, i, escapes int) (from, to int) {
	from = i + 2
	if escapes > 0 || from >= len(in) || in[i+1] != in[i] || !isLetterOrDigit(in[from]) {
		return from, from
	}
	size := bytes.IndexByte(line(in[from:min(len(in), from+maxValueAhead)]), in[i])
	switch to = from + size; {
	case size < 0 && from+maxValueAhead >= len(in):
		return from, len(in)
	case size < 0 || to+1 < len(in) && in[to+1] != in[i]:
		return from, from
	}
	return from, to
}

// isArgument tells whether what is in the bracket that opens before i begins with something in quotes, perhaps in a call of its own: SecretStr('x'), md5(concat('x', 'y')).
func isArgument(in []byte, i int) bool {
	for end := min(len(in), i+maxLookBack/2); i < end; i++ {
		switch c := in[i]; {
		case c == '"' || c == '\'':
			return true
		case c == ' ' && in[i-1] == '(':
		case !isLetterOrDigit(c) && c != '_' && c != '.' && c != '(' && c != '\\':
			return false
		}
	}
	return false
}

// isLiteral tells whether something in quotes begins at i, with what belongs before them, or a call with it.
func isLiteral(in []byte, i int) bool {
	if isQuote(in, i) || prefixedQuote(in, i) > i {
		return true
	}
	at := i
	for at < min(len(in), i+maxLookBack/2) && isKeyChar(in[at]) {
		at++
	}
	return at < len(in) && in[at] == '(' && isArgument(in, at+1)
}

// compared hides what a secret key is compared with, in quotes, or in brackets and quotes: token <> 'x', token LIKE 'x', token NOT IN ('x', 'y'). The operator begins at
// i, and its other side at at. It returns the index behind that, or next.
func (w *work) compared(e *edit, begin, i, at, j, next int) int {
	in := e.in[:j]
	for at < j && in[at] == ' ' {
		at++
	}
	if !isLiteral(in, at) {
		return next
	}
	if before := in[max(begin, i-len("NOT ")):i]; hasPrefixFold(before, "NOT ") {
		i -= len(before)
	}
	key, _ := keyBefore(in, max(begin, i-maxLookBack), i)
	if w.steps += len(key); len(key) == 0 || w.judge(decode(key))&hides == 0 {
		return next
	}
	from, to := value(in, at, false)
	if w.steps += to - i; from == to {
		return next
	}
	e.hide(from, to)
	return to
}

// operator is compared for the words of SQL, in capitals: in others, they are prose.
func (w *work) operator(e *edit, begin, i, j int) int {
	for _, word := range [...]string{"IN", "LIKE", "ILIKE"} {
		if hasWordAt(e.in[:j], i, word) {
			return w.compared(e, begin, i, i+len(word), j, i)
		}
	}
	return i
}

// initial hides what a variable has at first where its type stands between both, which was taken for the value and ends before i: password: str = "x" in Python,
// $password: String! = "x" in GraphQL. It returns the index behind it, or i.
func (w *work) initial(e *edit, s *scan, i int) int {
	in := e.in[:min(s.end, i+maxLookBack)]
	at := i
	for at < len(in) && (isKeyChar(in[at]) || bytes.IndexByte([]byte("<>()?!|& ."), in[at]) >= 0) {
		if in[at] == ' ' && at+1 < len(in) && isLetterOrDigit(in[at+1]) && in[at-1] != '|' {
			return i // two words are no type
		}
		at++
	}
	if at+1 < len(in) && in[at] == ':' {
		at++
	}
	if at == len(in) || in[at] != '=' {
		return i
	}
	for at++; at < len(in) && in[at] == ' '; {
		at++
	}
	if w.steps += at - i; !isLiteral(e.in[:s.end], at) {
		return i
	}
	from, to := value(e.in[:s.end], at, false)
	if w.steps += to - i; from == to {
		return i
	}
	e.hide(from, to)
	return to
}

// declared hides what a variable of PL/SQL has at first, whose name stands some words before the := at i. It returns the index behind it, or next.
func (w *work) declared(e *edit, s *scan, i, next int) int {
	in := e.in[:s.end]
	at := skipSpaces(in, i+len(":="))
	if !isLiteral(in, at) {
		return next
	}
	before := in[max(s.begin, e.from, i-maxLookBack):i]
	before = before[bytes.LastIndexAny(before, "\n;,{}&\"'")+1:]
	if w.steps += at - i; !w.mentions(before) {
		return next
	}
	from, to := value(in, at, false)
	if w.steps += to - i; from == to {
		return next
	}
	e.hide(from, to)
	return to
}

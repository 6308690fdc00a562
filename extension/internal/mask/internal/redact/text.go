package redact

import "bytes"

// text hides secrets in in[i:j], whatever it is: prose, a log line, a stack trace, a query, SQL. It stops at what can begin a secret: the
// beginning of a word, and the few marks that stand between a key and its value. Each place is looked at once and no look goes back further
// than a key is long.
func (w *work) text(e *edit, i, j int, cut Cut) { w.textFrom(e, i, i, j, cut) }

// textFrom is text for in[i:j] where a key may begin before i, but not before begin.
func (w *work) textFrom(e *edit, begin, i, j int, cut Cut) {
	in, classes := e.in[:j], &w.rules.tokens.classes
	for i < j {
		class := classes[in[i]]
		switch {
		case class&starter != 0:
			if end := w.token(e, begin, i, j, cut); end > i {
				i = end
				continue
			}
			fallthrough
		case class&word != 0:
			for i++; i < j && classes[in[i]]&word != 0; i++ {
			}
		case class&mark == 0:
			i++
		default:
			i = w.mark(e, begin, i, j, cut)
		}
	}
}

// mark looks at what may stand between a key and a value, or begin something with a frame of its own. It returns where to go on.
func (w *work) mark(e *edit, begin, i, j int, cut Cut) int {
	in := e.in[:j]
	switch in[i] {
	case '=':
		return w.assigned(e, begin, i, j)
	case ':':
		if bytes.HasPrefix(in[i:], []byte("://")) {
			return w.userInfo(e, i+len("://"), j, cut)
		}
		if i+1 < j && in[i+1] == ':' { // a name in a namespace
			return i + 2
		}
		return w.assigned(e, begin, i, j)
	case '-':
		return pem(e, i, j)
	case '<':
		return w.element(e, i, j)
	case '%': // an escaped character is a boundary; its digits are no part of the word behind it
		if i+2 < j && hexDigit(in[i+1]) >= 0 && hexDigit(in[i+2]) >= 0 {
			return i + len("%20")
		}
	}
	return i + 1
}

// maxLookBack is how far a key may reach back from the mark behind it.
const maxLookBack = 80

// assigned looks at key = value and key: value, with or without quotes around either, and hides the value of a secret key.
func (w *work) assigned(e *edit, begin, i, j int) int {
	in := e.in[:j]
	key := keyBefore(in, max(begin, i-maxLookBack), i)
	if len(key) == 0 {
		return i + 1
	}
	v := w.judge(decode(key))
	if v&hides == 0 || in[i] == ':' && v&atEnd == 0 { // "TokenExpiredError: jwt expired" is a message, not an assignment
		return i + 1
	}
	at := i + 1
	for at < j && (in[at] == '=' || in[at] == '>' || in[at] == ' ' || in[at] == '\t') {
		at++
	}
	from, to := value(in, at, v&toLine != 0)
	if from == to || v&numbers != 0 && isNumber(in[from:to]) {
		return max(i+1, to)
	}
	e.hide(from, to)
	return to
}

// keyBefore gives the key that ends before i: spaces, quotes and escapes of quotes may stand in between.
func keyBefore(in []byte, begin, i int) []byte {
	for i > begin && (in[i-1] == ' ' || in[i-1] == '\t') {
		i--
	}
	for i > begin && (in[i-1] == '"' || in[i-1] == '\'' || in[i-1] == '`' || in[i-1] == '\\') {
		i--
	}
	end := i
	for i > begin && isKeyChar(in[i-1]) {
		i--
	}
	return in[i:end]
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
		return i + 1, closingQuote(in, i+1, c, escapes)
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

// userInfo hides what stands before the @ of a URL's authority, which begins at i. A password with a slash in it ends the authority too early: what
// looks like name:password is looked through to the end of the URL.
func (w *work) userInfo(e *edit, i, j int, cut Cut) int {
	const longest = 160 // so that a text full of "://" costs its length and no more
	j = min(j, i+longest)
	in := e.in[:j]
	end, at, colon := i, -1, -1
	for ; end < j && !isSpace(in[end]) && in[end] != '"' && in[end] != '\'' && in[end] != '<' && in[end] != '>'; end++ {
		c := in[end]
		if c == '@' {
			at = end
		} else if c == ':' && colon < 0 {
			colon = end
		} else if c == '/' || c == '?' || c == '#' {
			if at >= 0 || colon < 0 || isNumber(in[colon+1:end]) {
				break
			}
		}
	}
	switch {
	case at > i:
		e.hide(i, at)
		return at
	case end == len(e.in) && cut&CutEnd != 0 && colon > 0 && !isNumber(in[colon+1:end]):
		e.hide(i, end)
		return end
	}
	return i
}

// pem hides a private key between its first and last line.
func pem(e *edit, i, j int) int {
	const begin, end, longest = "-----BEGIN ", "-----END", 64
	in := e.in[:j]
	if !bytes.HasPrefix(in[i:], []byte(begin)) {
		for i < j && in[i] == '-' {
			i++
		}
		return i
	}
	at := i + len(begin)
	label, _, whole := bytes.Cut(in[at:min(j, at+longest)], []byte("-----"))
	if whole && !bytes.Contains(label, []byte("PRIVATE KEY")) {
		return at + len(label)
	}
	at += len(label)
	if whole {
		at += len("-----")
	}
	to := bytes.Index(in[at:], []byte(end))
	if to < 0 {
		to = j
	} else {
		to += at
	}
	e.hide(at, to)
	return to
}

// element hides the content of <secret>content</secret> in text that is no XML as a whole.
func (w *work) element(e *edit, i, j int) int {
	in := e.in[:j]
	name := i + 1
	end := name
	for end < j && end-name < maxLookBack && (isKeyChar(in[end]) || in[end] == ':' || in[end] == '.') {
		end++
	}
	if end == name || end >= j || in[end] != '>' || w.judge(in[name:end])&hides == 0 {
		return i + 1
	}
	content := end + 1
	to := bytes.IndexByte(in[content:], '<')
	if to <= 0 || content+to+1 < j && in[content+to+1] != '/' {
		return content
	}
	e.hide(content, content+to)
	return content + to
}

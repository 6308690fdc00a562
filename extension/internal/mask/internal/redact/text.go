package redact

import (
	"bytes"
	"strings"
)

// text hides secrets in in[i:j], whatever it is: prose, a log line, a stack trace, a query, SQL. It stops at what can begin a secret: the
// beginning of a word, and the few marks that stand between a key and its value. Each place is looked at once and no look goes back further
// than a key is long.
func (w *work) text(e *edit, i, j int, cut Cut) { w.textFrom(e, i, i, j, cut) }

// A scan is what is remembered while one text is read.
type scan struct {
	begin, end int // of the text
	cut        Cut
	named      int  // up to where a value counts as the one of a secret name before it
	operands   bool // an expression named a secret word
	percents   int  // up to where percent signs were tried
	entities   int  // the same of entities
	escapes    int  // the same of the escapes of JSON
	digits     int  // the same of base64
	single     int  // up to where no part of a JSON Web Token has another one behind it
	ahead           // of documents in it
}

// textFrom is text for in[i:j] where a key may begin before i, but not before begin.
func (w *work) textFrom(e *edit, begin, i, j int, cut Cut) {
	in, classes, between := e.in[:j], &w.rules.tokens.classes, w.rules.tokens.issuers
	s := scan{begin: begin, end: j, cut: cut}
	w.steps += j - i
	for i < j {
		class := classes[in[i]]
		switch {
		case class&starter != 0:
			if end := w.token(e, &s, i); end > i {
				i = end
				continue
			}
			fallthrough
		case class&word != 0:
			from := i
			for i++; i < j && classes[in[i]]&word != 0; i++ {
			}
			if i-from >= minBase64Head || i < j && classes[in[i]]&joint != 0 {
				i = w.base64Run(e, &s, from, i)
			}
			if between && e.from <= from { // cards between letters
				i = max(i, w.cardInWord(e, &s, from, i))
			}
		case class&mark == 0:
			i++
		default:
			i = w.mark(e, &s, i)
		}
	}
}

// mark looks at what may stand between a key and a value, or begin something with a frame of its own. It returns where to go on.
func (w *work) mark(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	switch in[i] {
	case '=':
		return w.assigned(e, s, i)
	case ':':
		return w.colon(e, s, i)
	case '-':
		if i+1 < s.end {
			switch in[i+1] {
			case '-':
				return w.option(e, s, i)
			case 'u', 'p', 'a':
				return w.shortOption(e, s, i)
			}
		}
	case '@':
		return w.sourceName(e, s, i)
	case '\\':
		if i+1 < s.end && isEscapeLetter(in[i+1]) { // it is no part of the word behind it
			return i + 2
		}
		return w.escapes(e, s, i)
	case '\t':
		if i > s.begin && !isSpace(in[i-1]) {
			return w.column(e, s, i)
		}
	case escapeByte:
		return i + max(1, colour(in[i:]))
	case '<':
		return w.element(e, s, i)
	case '{':
		return w.document(e, s, i)
	case '%':
		return w.percents(e, s, i)
	case '&':
		return w.entities(e, s, i)
	}
	return i + 1
}

// colon looks at what a colon at i stands between: the scheme and the rest of a URL, names of namespaces, a key and its value.
func (w *work) colon(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	if bytes.HasPrefix(in[i:], []byte("://")) {
		host := w.userInfo(e, i+len("://"), s.end, s.cut)
		return max(host, w.hideWebhook(e, host, s.end))
	}
	if i+1 < s.end && in[i+1] == ':' {
		return i + 2
	}
	if i > s.begin {
		switch in[i-1] {
		case 'n', 'i':
			if bytes.HasSuffix(in[s.begin:i], []byte("oracle:thin")) || bytes.HasSuffix(in[s.begin:i], []byte("oracle:oci")) {
				return w.oracleUser(e, s, i)
			}
		case 'y', 'e':
			if w.isNamedBefore(in, s.begin, i) {
				from, to := value(in, w.valueAt(in, i+1), false)
				if w.steps += to - i; from < to {
					e.hide(from, to)
					return to
				}
			}
		}
	}
	next := w.assigned(e, s, i)
	if next == i+1 && next < s.end && in[next] == '=' {
		return w.declared(e, s, i, next)
	}
	return next
}

// document follows the paths in a JSON document that stands in text: behind a prefix, in a call, in a line of an event stream. Secret keys are found without it.
func (w *work) document(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	at := skipSpaces(in, i+1)
	w.steps += at - i
	if at == s.end || in[at] != '"' {
		return at
	}
	all := e.in
	e.in = in
	known := w.ahead
	w.ahead = s.ahead
	end, secret := w.jsonBehind(e, i, s.cut, w.depth)
	s.ahead, w.ahead = w.ahead, known
	e.in = all
	if secret {
		e.hide(end, s.end)
		return s.end
	}
	return max(i+1, end)
}

// maxLookBack is how far a key may reach back from the mark behind it.
const maxLookBack = 80

// maxNameToValue is how far the value may be behind the name that says that it is secret.
const maxNameToValue = 160

// maxValueAhead is how long a value may be for the name behind it to count.
const maxValueAhead = 1 << 10

// assigned looks at key = value and key: value, with or without quotes around either, and hides the value of a secret key.
func (w *work) assigned(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	key, quoted := keyBefore(in, max(s.begin, i-maxLookBack), i)
	w.steps += len(key)
	if len(key) == 0 || len(key) == 1 && key[0] == ']' {
		return w.keyless(e, s, i)
	}
	v := w.judge(decode(key))
	if v&hides == 0 && isEscapeLetter(key[0]) && s.begin+len(key) < i {
		v = w.judgeEscaped(in[s.begin:i], key, v)
	}
	secret := v&hides != 0 && (in[i] == '=' || quoted || v&atEnd != 0) // "TokenExpiredError: jwt expired" is a message, not an assignment
	if !secret && v&(ifDrawn|ifLong) != 0 {
		if end := w.drawn(e, s, i, v); end > i {
			return end
		}
	}
	if !secret && v&(isName|isPath|isValue|isExpression|isNames|isOperand) == 0 || !secret && v&isOperand != 0 && !s.operands || !secret && v&behind != 0 && i >= s.named {
		return i + 1
	}
	at := w.valueAt(in, i+1)
	if !secret && v&isPath != 0 {
		w.patch(in, s, i, at)
		return i + 1
	}
	if secret && in[i] == ':' {
		at = valueBelow(in, at)
	}
	if reach := at + valueReach(v); !secret && v&isOperand == 0 && (v&isValue == 0 || i >= s.named) && reach < s.end { // it is only looked at, and what is in it again
		in = in[:reach]
	}
	from, to := value(in, at, v&toLine != 0)
	w.steps += to - i
	switch {
	case secret:
		if from == to || v&numbers != 0 && isNumber(in[from:to]) {
			return max(i+1, to)
		}
	case v&(isExpression|isNames) != 0:
		s.operands = s.operands || w.mentions(in[from:to])
		return i + 1
	case v&isName != 0:
		if s.named = 0; to-from <= maxKey && w.judge(decode(in[from:to]))&hides != 0 {
			s.named = to + maxNameToValue
		}
		return i + 1
	case v&isOperand == 0 && i >= s.named && !w.nameFollows(e.in[:s.end], to):
		return i + 1
	case from == to:
		return i + 1
	default:
		s.named = 0
	}
	e.hide(from, to)
	if in[i] == ':' && isLetterOrDigit(in[from]) {
		return w.initial(e, s, to)
	}
	return to
}

// valueReach gives how far a value is looked at that is not secret by its key: a name's is short.
func valueReach(v verdict) int {
	if v&(isName|isValue|isExpression|isNames) == isName {
		return maxKey + 1
	}
	return maxValueAhead
}

// drawn hides a value that looks drawn at random, of a key that says little, behind the mark at i. It returns the index behind it, or i.
func (w *work) drawn(e *edit, s *scan, i int, v verdict) int {
	const enough = 4 * leastLong
	in := e.in[:s.end]
	from := w.valueAt(in, i+1)
	for from < s.end && strings.IndexByte("\"'`\\", in[from]) >= 0 {
		from++
	}
	to := from
	for to < min(s.end, from+enough) && isTokenChar(in[to]) {
		to++
	}
	if w.steps += to - i; !v.isSecretValue(in[from:to]) {
		return i
	}
	for to < s.end && isTokenChar(in[to]) {
		to++
	}
	e.hide(from, to)
	return to
}

// column hides what stands in the column behind a secret key: tools print keys and values with a tab between them.
func (w *work) column(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	key, _ := keyBefore(in, max(s.begin, i-maxLookBack), i)
	w.steps += len(key)
	if len(key) == 0 || w.judge(key)&(hides|atEnd) != hides|atEnd {
		return i + 1
	}
	from, to := value(in, w.valueAt(in, i+1), false)
	if w.steps += to - i; from == to {
		return i + 1
	}
	e.hide(from, to)
	return to
}

// option hides the value of --secret value on a command line. What else begins with dashes may be a private key.
func (w *work) option(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	name := i + len("--")
	end := name
	for end < s.end && end-name < maxLookBack && isKeyChar(in[end]) {
		end++
	}
	if end-name == len("user") && string(in[name:end]) == "user" {
		return w.userOption(e, s, i, skipBetween(in, end))
	}
	if end == name || in[name] == '-' || end+1 >= s.end || in[end] != ' ' || in[end+1] == '-' || w.judge(in[name:end])&(hides|atEnd) != hides|atEnd {
		return w.pem(e, i, s.end)
	}
	from, to := value(in, end+1, false)
	w.steps += to - i
	if from == to {
		return end
	}
	e.hide(from, to)
	return to
}

// userInfo hides what stands before the @ of a URL's authority, which begins at i. A password with a slash in it ends the authority too early: what
// looks like name:password is looked through to the end of the URL.
func (w *work) userInfo(e *edit, i, j int, cut Cut) int {
	if w.rules.tokens.on&URLs == 0 {
		return i
	}
	in := e.in[:j]
	end, at, colon := i, -1, -1
	port := true // what stands behind the colon is a number so far
loop:
	for ; end < j; end++ {
		switch c := in[end]; c {
		case ' ', '\t', '\r', '\n', '"', '\'', '<', '>':
			break loop
		case '@':
			at = end
		case ':':
			if bytes.HasPrefix(in[end:], []byte("://")) { // the next URL, so that a text full of them costs its length and no more
				break loop
			}
			if port = port && colon < 0; colon < 0 {
				colon = end
			}
		case '/', '?', '#':
			if at >= 0 || colon < 0 || port && end > colon+1 {
				break loop
			}
		default:
			port = port && (colon < 0 || isDigit(c))
		}
	}
	w.steps += end - i
	switch {
	case at > i:
		e.hide(i, at)
		return at
	case end == j && cut&CutEnd != 0 && colon > 0 && !port && in[i] != '[': // nor an address of IPv6
		e.hide(i, end)
		return end
	}
	return i
}

// element hides the content of <secret>content</secret>, and that of <value> behind <name>secret</name>, in text that is no XML as a whole.
func (w *work) element(e *edit, s *scan, i int) int {
	in := e.in[:s.end]
	name := i + 1
	end := name
	for end < s.end && end-name < maxLookBack && (isKeyChar(in[end]) || in[end] == ':' || in[end] == '.') {
		end++
	}
	if end == name && end < s.end && in[end] == '>' {
		return w.compared(e, s.begin, i, i+len("<>"), s.end, i+1)
	}
	if end == name || end >= s.end || in[end] != '>' && in[end] != ' ' {
		return i + 1
	}
	v := w.judge(in[name:end])
	if v&(hides|isName|isValue) == 0 {
		return i + 1
	}
	if attributes := in[end:min(s.end, end+maxLookBack)]; in[end] == ' ' {
		size := bytes.IndexByte(attributes, '>')
		if size < 0 || attributes[size-1] == '/' || bytes.IndexByte(attributes[:size], '=') < 0 {
			return i + 1
		}
		w.text(e, end, end+size, 0)
		end += size
	}
	content := end + 1
	to := bytes.IndexByte(in[content:], '<')
	if w.steps += to; to < 0 {
		w.steps += s.end - content
	}
	switch {
	case to < 0 && s.cut&CutEnd != 0:
		to = s.end - content
	case to >= 0 && (content+to+1 >= s.end || in[content+to+1] == '/'):
	default:
		return content
	}
	switch {
	case v&isName != 0:
		if s.named = 0; to <= maxKey && w.judge(in[content:content+to])&hides != 0 {
			s.named = content + to + maxNameToValue
		}
		return content
	case v&hides == 0 && i >= s.named:
		return content
	case to > 0:
		e.hide(content, content+to)
	}
	return content + to
}

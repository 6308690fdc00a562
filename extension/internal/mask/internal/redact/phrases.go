package redact

import "bytes"

// phrase hides the secret that a phrase announces which begins at i, the beginning of a word: statements and commands have no mark between what is a key to
// people and its value. It returns the index behind it, or i. A phrase is told by its first letters, so that words cost one look.
func (w *work) phrase(e *edit, begin, i, j int, cut Cut) int {
	in := e.in[:j]
	switch in[i] {
	case 'A':
		if w.rules.phrases && hasWordAt(in, i, "AUTH") {
			return w.authCommand(e, i, j, cut)
		}
	case 'B', 'b':
		if w.rules.phrases && hasPrefixFold(in[i:], "by ") {
			return w.identifiedBy(e, begin, i, j)
		}
	case 'D':
		return w.duplicateEntry(e, i, j)
	case 'd':
		return w.duplicateKey(e, begin, i, j)
	case 'F':
		return w.failingRow(e, i, j)
	case 'I', 'L':
		if at := i + len("IN"); at < j && (in[at] == ' ' || in[at] == 'K' || in[at] == 'I') { // of IN, LIKE and ILIKE
			return w.operator(e, begin, i, j)
		}
	case 'P', 'p':
		if w.rules.phrases {
			return w.passwordPhrase(e, i, j, cut)
		}
	case 'r':
		if w.rules.phrases && hasWordAt(in, i, "requirepass") {
			return w.requirePass(e, begin, i, j)
		}
	}
	return i
}

// hasWordAt tells whether a whole word stands at i, with something behind it.
func hasWordAt(in []byte, i int, word string) bool {
	end := i + len(word)
	return end < len(in) && string(in[i:end]) == word && !isKeyChar(in[end])
}

// betweenWords stands between the words of a command: of one as people type it, as a list, and as Redis' protocol has it with the length of each word before it.
const betweenWords = " \t\r\n\"',$\\"

func skipBetween(in []byte, at int) int {
	for at < len(in) && bytes.IndexByte([]byte(betweenWords), in[at]) >= 0 {
		if in[at] == '\\' && at+1 < len(in) && (in[at+1] == 'r' || in[at+1] == 'n') { // an escape
			at++
		}
		at++
	}
	return at
}

// tokenEnd gives where the run of a token's characters ends that begins at i.
func tokenEnd(in []byte, i int) int {
	for i < len(in) && isTokenChar(in[i]) {
		i++
	}
	return i
}

// authCommand hides the password of Redis' AUTH, and what follows SMTP's, where it looks drawn at random: AUTH is also a word of messages.
func (w *work) authCommand(e *edit, i, j int, cut Cut) int {
	const mostWords = 4 // $7 default $16 and the password
	in := e.in[:min(j, i+maxNameToValue)]
	at := i + len("AUTH")
	for n := range mostWords {
		from := skipBetween(in, at)
		if from == at {
			break
		}
		if at = tokenEnd(in, from); isDrawn(in[from:at], leastAt(cut, at == j)) && (n == 0 || !isUUID(in[from:at])) {
			at = tokenEnd(e.in[:j], at)
			w.steps += at - i
			e.hide(from, at)
			return at
		}
	}
	w.steps += at - i
	return i
}

// leastAt gives how long a word has to be to look drawn at random: at a cut, the rest of it may be missing.
func leastAt(cut Cut, atEnd bool) int {
	if atEnd && cut&CutEnd != 0 {
		return 1
	}
	return leastDrawn
}

// isUUID tells whether a word is one, which in a message is an id.
func isUUID(word []byte) bool {
	if len(word) != len("8f14e45f-ceea-467f-9af0-1b2c3d4e5f60") {
		return false
	}
	for k, c := range word {
		if dash := k == 8 || k == 13 || k == 18 || k == 23; dash != (c == '-') || !dash && hexDigit(c) < 0 {
			return false
		}
	}
	return true
}

// identifiedBy hides the password of a user of a database: IDENTIFIED BY 'x', and the bare word that Oracle takes. In lower case and without quotes it is prose.
func (w *work) identifiedBy(e *edit, begin, i, j int) int {
	in := e.in[:j]
	before := in[max(begin, i-maxLookBack):i]
	w.steps += len(before)
	word := max(bytes.LastIndex(before, []byte("IDENTIFIED ")), bytes.LastIndex(before, []byte("identified ")))
	if word < 0 {
		return i
	}
	if between := before[word+len("identified "):]; len(between) > 0 && !hasPrefixFold(between, "with ") { // a plugin of MySQL
		return i
	}
	at := i + len("by ")
	for _, word := range [...]string{"PASSWORD ", "password ", "VALUES ", "values "} {
		if bytes.HasPrefix(in[at:], []byte(word)) {
			at += len(word)
		}
	}
	at = skipSpaces(in, at)
	if at == j || in[i] == 'b' && !isQuote(in, at) {
		return i
	}
	from, to := value(in, at, false)
	w.steps += to - i
	if from == to {
		return i
	}
	e.hide(from, to)
	return to
}

// isQuote tells whether a quote begins at i, with escapes before it perhaps.
func isQuote(in []byte, i int) bool {
	for i < len(in) && in[i] == '\\' {
		i++
	}
	return i < len(in) && (in[i] == '"' || in[i] == '\'' || in[i] == '`')
}

// passwordPhrase hides what stands behind "password" without a mark: PASSWORD 'x' and password('x') of statements, and what a prompt shows behind
// "password for user bob:" or in SET PASSWORD FOR 'bob' =. Without quotes, only what looks drawn at random.
func (w *work) passwordPhrase(e *edit, i, j int, cut Cut) int {
	const lines = "Private-Lines:"
	in := e.in[:j]
	if bytes.HasPrefix(in[i:], []byte(lines)) {
		return w.puttyKey(e, i+len(lines), j)
	}
	at := i + len("password")
	if at >= j || !hasPrefixFold(in[i:], "password") {
		return i
	}
	switch c := in[at]; {
	case c == '(':
		return w.quotedOrDrawn(e, i, at+1, j, cut)
	case c != ' ':
		return i
	case isQuote(in, at+1):
		return w.quotedOrDrawn(e, i, at+1, j, cut)
	case hasPrefixFold(in[at:], " for "):
		whose := in[at:min(j, at+maxLookBack)]
		w.steps += len(whose)
		if mark := bytes.IndexAny(whose, ":=\n"); mark >= 0 && whose[mark] != '\n' {
			return w.quotedOrDrawn(e, i, skipSpaces(in, at+mark+1), j, cut)
		}
	}
	return i
}

// quotedOrDrawn hides one word in quotes that begins at at, or one without them that looks drawn at random.
func (w *work) quotedOrDrawn(e *edit, i, at, j int, cut Cut) int {
	in := e.in[:j]
	reach := in[:min(j, at+maxValueAhead/4)] // it may be looked at again
	if !isQuote(reach, at) {
		to := tokenEnd(reach, at)
		if w.steps += to - i; !isDrawn(reach[at:to], leastAt(cut, to == j)) || isUUID(reach[at:to]) {
			return i
		}
		to = tokenEnd(in, to)
		e.hide(at, to)
		return to
	}
	from, to := value(reach, at, false)
	if w.steps += to - i; from == to || bytes.IndexByte(reach[from:to], ' ') >= 0 || to == len(reach) && to < j {
		return i
	}
	e.hide(from, to)
	return to
}

// requirePass hides the password of Redis' configuration: on a line of its own, or behind CONFIG SET.
func (w *work) requirePass(e *edit, begin, i, j int) int {
	in := e.in[:j]
	before := in[begin:i]
	if n := len(before); n > 0 && in[i-1] != '\n' && in[i-1] != '"' && in[i-1] != '\'' && !hasPrefixFold(before[max(0, n-len("CONFIG SET ")):], "CONFIG SET ") {
		return i
	}
	from := skipBetween(in, i+len("requirepass"))
	to := from
	for to < j && bytes.IndexByte([]byte(betweenWords), in[to]) < 0 {
		to++
	}
	w.steps += to - i
	if from == to || in[from] == ':' || in[from] == '=' {
		return i
	}
	e.hide(from, to)
	return to
}

// puttyKey hides the private half of a key in PuTTY's format, whose lines are counted from i on: to the next field, which has a dash in its name and base64 has not.
func (w *work) puttyKey(e *edit, i, j int) int {
	in := e.in[:j]
	if w.rules.tokens.on&PEM == 0 {
		return i
	}
	const longest = 16 // what is behind the name: a number
	size := bytes.IndexAny(in[i:min(j, i+longest)], "\r\n\\")
	if size < 0 || !isNumber(bytes.TrimSpace(in[i:i+size])) {
		return i
	}
	from := i + size
	to := from + indexOr(in[from:], '-', j-from)
	for to < j && to > from && isLetterOrDigit(in[to-1]) {
		to--
	}
	w.steps += to - i
	if from < to {
		e.hide(from, to)
	}
	return to
}

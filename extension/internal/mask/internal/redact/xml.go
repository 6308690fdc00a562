package redact

import (
	"bytes"
	"strings"
)

// An element is one that is open, and how many of its name are, one in the other. None is one without a name.
type element struct {
	name  []byte
	depth int
}

func (l *element) open() bool { return len(l.name) > 0 }

// follow counts tags of the element's name.
func (l *element) follow(t tag) {
	switch {
	case !bytes.Equal(t.name, l.name):
	case t.closes:
		l.depth--
	case !t.empty:
		l.depth++
	}
	if l.depth == 0 {
		l.name = nil
	}
}

// A markup is where the reading of an XML document has come to.
type markup struct {
	w       *work
	e       *edit
	j       int // its end
	cut     Cut
	hiding  element // the secret one that is open
	showing element // the allowed one, where all others are secret
	named   bool    // the last name was a secret key
	beside  int     // how many elements are open behind it
	apart   bool    // one was closed since
	last    verdict // on the element that was opened last
}

// xml hides secrets in in[i:j], an XML or HTML document: the content of secret elements, whatever is below them, secret attributes, and the
// attribute value or the content of an element whose name or key attribute is a secret key. Everything else in it is text. A document may end anywhere.
func (w *work) xml(e *edit, i, j int, cut Cut) {
	const cdata = "<![CDATA["
	m, above := markup{w: w, e: e, j: j, cut: cut}, w.allowed
	for in := e.in[:j]; i < j; {
		switch {
		case in[i] != '<':
			end := i + indexOr(in[i:], '<', j-i)
			w.steps += end - i
			m.content(i, end)
			i = end
		case in[min(i+1, j-1)] == '!' && bytes.HasPrefix(in[i:], []byte(cdata)):
			i = m.cdata(i + len(cdata))
		default:
			t := readTag(in, i)
			w.steps += t.end - i
			m.tag(i, t)
			i = t.end
		}
		w.allowed = above || m.showing.open()
	}
	w.allowed = above
}

// content hides secrets in what stands between tags.
func (m *markup) content(i, j int) {
	in := m.e.in[i:j]
	if m.last&isName != 0 && !m.hiding.open() {
		m.named, m.beside, m.apart = m.w.isSecretName(in), 0, false
	}
	switch {
	case m.hiding.open() || m.w.strictly():
		if len(bytes.TrimSpace(in)) > 0 {
			m.e.hide(i, j)
		}
	case !m.w.base64(m.e, i, j, lastCut(m.cut, j == m.j), m.w.depth):
		m.w.text(m.e, i, j, lastCut(m.cut, j == m.j))
	}
}

// tag judges an element, and hides secrets in its attributes.
func (m *markup) tag(i int, t tag) {
	v := m.w.judge(t.name)
	secret := v&hides != 0
	t.empty = t.empty || v&isVoid != 0
	switch { // <name>secret</name><value>…</value>, or the other way round
	case t.closes:
		m.named = m.named && (v&(isName|isValue) != 0 || m.beside > 0) && (v|m.last)&isValue == 0
		m.apart = m.apart || m.beside > 0
		m.beside = max(0, m.beside-1)
		m.last = anything
	case v&isValue != 0 && !m.hiding.open() && (m.named && (v&behind == 0 || !m.apart) || m.w.nameElementFollows(m.e.in[:m.j], t.end)):
		secret = true
		m.last = v
	default:
		m.last = v
	}
	if !m.hiding.open() && !t.bare {
		secret = m.w.attributes(m.e, i+1, t.end, lastCut(m.cut, t.end == m.j), secret) || secret
	}
	opens := !t.closes && !t.empty
	if opens {
		m.beside++
	}
	switch {
	case m.hiding.open():
		m.hiding.follow(t)
	case secret && opens:
		m.hiding = element{t.name, 1}
	}
	switch {
	case m.showing.open():
		m.showing.follow(t)
	case v&isAllowed != 0 && opens && m.w.rules.strict:
		m.showing = element{t.name, 1}
	}
}

// isSecretName tells whether the content of a name element, or a name attribute, is a secret key.
func (w *work) isSecretName(in []byte) bool {
	in = bytes.TrimSpace(in)
	return len(in) <= maxKey && w.judge(withoutEntities(in))&hides != 0
}

// maxBetween is how many elements may stand between a value and the name behind it.
const maxBetween = 3

// nameElementFollows tells whether behind the value's content, from i on, stands <name>secret, at once or behind a few elements.
func (w *work) nameElementFollows(in []byte, i int) bool {
	for range 1 + maxBetween {
		end := bytes.IndexByte(in[i:], '<')
		if w.steps += end; end < 0 {
			w.steps += len(in) - i
		}
		if end < 0 || !bytes.HasPrefix(in[i+end:], []byte("</")) {
			return false
		}
		closing := readTag(in, i+end)
		at := skipSpaces(in, closing.end)
		w.steps += at - i
		if at+1 >= len(in) || in[at] != '<' || in[at+1] == '/' {
			return false
		}
		next := readTag(in, at)
		w.steps += next.end - at
		if w.judge(next.name)&isName != 0 {
			rest := in[next.end:min(len(in), next.end+maxKey)]
			return w.isSecretName(rest[:indexOr(rest, '<', len(rest))])
		}
		if next.empty {
			return false
		}
		i = next.end
	}
	return false
}

// cdata hides secrets in a section that begins at i. It returns where that ends.
func (m *markup) cdata(i int) int {
	const closing = "]]>"
	end, next := m.j, m.j
	if at := bytes.Index(m.e.in[i:m.j], []byte(closing)); at >= 0 {
		end = i + at
		next = end + len(closing)
	}
	m.w.steps += end - i
	m.content(i, end)
	return next
}

// A tag is what stands between < and >.
type tag struct {
	name          []byte
	end           int // behind the >
	closes, empty bool
	bare          bool // nothing but the name is in it
}

func readTag(in []byte, i int) tag {
	var t tag
	at := i + 1
	if at < len(in) && in[at] == '/' {
		t.closes = true
		at++
	}
	begin := at
	for at < len(in) && (isKeyChar(in[at]) || in[at] == ':' || in[at] == '.') {
		at++
	}
	t.name = in[begin:at]
	if at > begin && at < len(in) && in[at] == '>' {
		t.bare, t.end = true, at+1
		return t
	}
	quote := byte(0)
	for ; at < len(in); at++ {
		switch c := in[at]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			t.empty = in[at-1] == '/' || len(t.name) == 0
			t.end = at + 1
			return t
		}
	}
	t.end = len(in)
	t.empty = true
	return t
}

// attributes hides secret attributes in in[i:j], the inside of a tag. It returns whether a name or key attribute says that what the tag holds is
// secret, or its type that it is a password; then its value attribute is hidden too, as in the tag of a secret element.
func (w *work) attributes(e *edit, i, j int, cut Cut, secret bool) bool {
	if in := e.in[:j]; i >= j || in[i] == '!' || in[i] == '?' || in[i] == ' ' { // a comment, an instruction, no tag at all
		if bytes.HasPrefix(in[i:], []byte("?xml ")) || !w.strictly() {
			w.text(e, i, j, cut)
		} else if i+1 < j {
			w.hideDeclaration(e, i, j)
		}
		return false
	}
	w.eachAttribute(e.in[:j], i, func(name verdict, key []byte, from, to int) {
		switch value := e.in[from:to]; {
		case name&(isName|isID) != 0:
			secret = secret || w.isSecretName(value)
		case bytes.EqualFold(key, []byte("type")): // <input type="password" value="…">
			secret = secret || bytes.EqualFold(value, []byte("password"))
		}
	})
	done := i
	w.eachAttribute(e.in[:j], i, func(name verdict, key []byte, from, to int) {
		w.betweenAttributes(e, i, done, from, 0)
		done = to
		value := name&isValue != 0 || bytes.EqualFold(key, []byte("content")) // of HTML's <meta>
		if name&hides != 0 || secret && value || w.strictly() && name&isAllowed == 0 {
			e.hide(from, to)
		} else {
			w.text(e, from, to, lastCut(cut, to == j))
		}
	})
	w.betweenAttributes(e, i, done, j, cut)
	return secret
}

// betweenAttributes hides secrets in in[i:j], a piece of a tag that begins at tag: names of attributes, and perhaps words that are no attributes, which are
// content where every value is secret.
func (w *work) betweenAttributes(e *edit, tag, i, j int, cut Cut) {
	if !w.strictly() {
		w.text(e, i, j, cut)
		return
	}
	in, at := e.in[:j], i
	for at < j && i == tag && !isSpace(in[at]) && in[at] != '>' { // its name
		at++
	}
	for k := at; k < j; {
		begin := k
		for k < j && !isSpace(in[k]) && strings.IndexByte(`"'=/>`, in[k]) < 0 {
			k++
		}
		if k > begin && (k == j || in[k] != '=') {
			e.hide(at, j)
			return
		}
		k++
	}
}

// hideDeclaration hides what is in a comment or an instruction.
func (w *work) hideDeclaration(e *edit, i, j int) {
	opening, closing := "!", ">"
	if in := e.in[i:j]; bytes.HasPrefix(in, []byte("!--")) {
		opening, closing = "!--", "-->"
	}
	from, to := i+len(opening), j
	if bytes.HasSuffix(e.in[from:j], []byte(closing)) {
		to = j - len(closing)
	}
	if len(bytes.TrimSpace(e.in[from:to])) > 0 {
		e.hide(from, to)
	}
}

// eachAttribute calls visit with the attributes that are not empty, from i on.
func (w *work) eachAttribute(in []byte, i int, visit func(v verdict, key []byte, from, to int)) {
	for i < len(in) {
		eq := i + indexOr(in[i:], '=', len(in)-i)
		if eq == len(in) {
			return
		}
		end := eq
		for end > i && isSpace(in[end-1]) { // ends of lines as well
			end--
		}
		key, _ := keyBefore(in, i, end)
		from, to := value(in, skipSpaces(in, eq+1), false)
		w.steps += max(to, eq) - i + eq - end
		if to > from {
			visit(w.judge(key), key, from, to)
		}
		i = max(to, eq+1)
	}
}

func skipSpaces(in []byte, i int) int {
	for i < len(in) && isSpace(in[i]) {
		i++
	}
	return i
}

// isVoidElement tells whether an element of HTML never has an end.
func isVoidElement(name []byte) bool {
	for _, void := range [...]string{"input", "meta", "br", "img", "link", "hr", "source", "wbr", "embed", "col"} {
		if len(name) == len(void) && bytes.EqualFold(name, []byte(void)) {
			return true
		}
	}
	return false
}

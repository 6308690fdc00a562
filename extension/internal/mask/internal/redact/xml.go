package redact

import "bytes"

// xml hides secrets in in[i:j], an XML or HTML document: the content of secret elements, whatever is below them, secret attributes, and the
// attribute value or the content of an element whose name or key attribute is a secret key. Everything else in it is text. A document may end anywhere.
func (w *work) xml(e *edit, i, j int, cut Cut) {
	in := e.in[:j]
	var hiding []byte // name of the secret element that is open
	depth := 0        // how many elements of that name are
	named := false    // the last name was a secret key
	var last verdict  // on the element that was opened last
	for i < j {
		if in[i] != '<' {
			end := i + indexOr(in[i:], '<', j-i)
			if len(hiding) == 0 {
				if last&isName != 0 {
					named = w.isSecretName(in[i:end])
				}
				if !w.base64(e, i, end, lastCut(cut, end == j), w.depth) {
					w.text(e, i, end, lastCut(cut, end == j))
				}
			} else if len(bytes.TrimSpace(in[i:end])) > 0 {
				e.hide(i, end)
			}
			i = end
			continue
		}
		if bytes.HasPrefix(in[i:], []byte("<![CDATA[")) {
			i = w.cdata(e, i+len("<![CDATA["), j, len(hiding) > 0, cut)
			continue
		}
		tag := readTag(in, i)
		v := w.judge(tag.name)
		secret := v&hides != 0
		switch { // <name>secret</name><value>…</value>, or the other way round
		case tag.closes:
			named = named && v&(isName|isValue) != 0 && (v|last)&isValue == 0
			last = anything
		case v&isValue != 0 && len(hiding) == 0 && (named || w.nameElementFollows(in, tag.end)):
			secret = true
			fallthrough
		default:
			last = v
		}
		if len(hiding) == 0 {
			secret = w.attributes(e, i+1, tag.end, lastCut(cut, tag.end == j)) || secret
		}
		switch {
		case len(hiding) > 0 && bytes.Equal(tag.name, hiding):
			if tag.closes {
				depth--
			} else if !tag.empty {
				depth++
			}
			if depth == 0 {
				hiding = nil
			}
		case len(hiding) == 0 && secret && !tag.closes && !tag.empty:
			hiding, depth = tag.name, 1
		}
		i = tag.end
	}
}

// isSecretName tells whether the content of a name element is a secret key.
func (w *work) isSecretName(in []byte) bool {
	in = bytes.TrimSpace(in)
	return len(in) <= maxKey && w.judge(in)&hides != 0
}

// nameElementFollows tells whether behind the value's content, from i on, stands <name>secret.
func (w *work) nameElementFollows(in []byte, i int) bool {
	end := bytes.IndexByte(in[i:], '<')
	if end < 0 || !bytes.HasPrefix(in[i+end:], []byte("</")) {
		return false
	}
	at := skipSpaces(in, readTag(in, i+end).end)
	if at+1 >= len(in) || in[at] != '<' || in[at+1] == '/' {
		return false
	}
	next := readTag(in, at)
	if w.judge(next.name)&isName == 0 {
		return false
	}
	rest := in[next.end:min(len(in), next.end+maxKey)]
	return w.isSecretName(rest[:indexOr(rest, '<', len(rest))])
}

func (w *work) cdata(e *edit, i, j int, hide bool, cut Cut) int {
	const closing = "]]>"
	end, next := j, j
	if at := bytes.Index(e.in[i:j], []byte(closing)); at >= 0 {
		end = i + at
		next = end + len(closing)
	}
	if hide && end > i {
		e.hide(i, end)
	} else if !w.base64(e, i, end, lastCut(cut, end == j), w.depth) {
		w.text(e, i, end, lastCut(cut, end == j))
	}
	return next
}

// A tag is what stands between < and >.
type tag struct {
	name          []byte
	end           int // behind the >
	closes, empty bool
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
			t.empty = in[at-1] == '/' || len(t.name) == 0 || isVoid(t.name)
			t.end = at + 1
			return t
		}
	}
	t.end = len(in)
	t.empty = true
	return t
}

// attributes hides secret attributes in in[i:j], the inside of a tag. It returns whether a name or key attribute says that what the tag holds is
// secret; then its value attribute is hidden too.
func (w *work) attributes(e *edit, i, j int, cut Cut) (secret bool) {
	if in := e.in[:j]; i >= j || in[i] == '!' || in[i] == '?' || in[i] == ' ' { // a comment, an instruction, no tag at all
		w.text(e, i, j, cut)
		return false
	}
	w.eachAttribute(e.in[:j], i, func(name verdict, _ []byte, from, to int) {
		secret = secret || name&isName != 0 && w.judge(e.in[from:to])&hides != 0
	})
	done := i
	w.eachAttribute(e.in[:j], i, func(name verdict, key []byte, from, to int) {
		w.text(e, done, from, 0)
		done = to
		value := name&isValue != 0 || bytes.EqualFold(key, []byte("content")) // of HTML's <meta>
		if name&hides != 0 || secret && value {
			e.hide(from, to)
		} else {
			w.text(e, from, to, lastCut(cut, to == j))
		}
	})
	w.text(e, done, j, cut)
	return secret
}

// eachAttribute calls visit with the attributes that are not empty, from i on.
func (w *work) eachAttribute(in []byte, i int, visit func(v verdict, key []byte, from, to int)) {
	for i < len(in) {
		eq := i + indexOr(in[i:], '=', len(in)-i)
		if eq == len(in) {
			return
		}
		key, _ := keyBefore(in, i, eq)
		from, to := value(in, skipSpaces(in, eq+1), false)
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

// isVoid tells whether an element of HTML never has an end.
func isVoid(name []byte) bool {
	for _, void := range [...]string{"input", "meta", "br", "img", "link", "hr", "source", "wbr", "embed", "col"} {
		if len(name) == len(void) && bytes.EqualFold(name, []byte(void)) {
			return true
		}
	}
	return false
}

package redact

import (
	"bytes"
	"net/url"
	"strings"
)

// form hides secrets in in[i:j], fields of the kind a=b&c=d: of a form, or of a URL's query or fragment. Keys and values are judged without
// their percent signs. A value may be a document of its own: SQS' query protocol sends messages so.
func (w *work) form(e *edit, i, j int, cut Cut, depth int) {
	in := e.in[:j]
	root, named := w.root(), pairs{form: in[i:]}
	defer w.forget(root)
	for i < j {
		end := i + indexOr(in[i:], '&', j-i)
		w.steps += end - i + 1
		if eq := bytes.IndexByte(in[i:end], '='); eq < 0 {
			w.formValue(e, i, end, lastCut(cut, end == j), depth)
		} else {
			key := decode(in[i : i+eq])
			v := w.judge(key)
			if v&leaks != 0 || len(key) > maxKey { // a document, whose equals sign is the one behind a key without a value
				w.formValue(e, i, i+eq, 0, depth)
			}
			if !w.isSecretField(root, key, v, in[i+eq+1:end], &named) {
				w.within(root, key, func() { w.formValue(e, i+eq+1, end, lastCut(cut, end == j), depth) })
			} else if i+eq+1 < end {
				e.hide(i+eq+1, end)
			}
		}
		i = end + 1
	}
}

// isSecretField tells whether the value of a field is secret by its key, of which the verdict is v, or by a path, or by how it looks behind this key.
func (w *work) isSecretField(root int32, key []byte, v verdict, value []byte, named *pairs) bool {
	if root != nowhere {
		if _, hit := w.followField(root, key); hit {
			return true
		}
	}
	switch {
	case v&(hides|ifDrawn|ifLong|holdsValue) == 0:
		return false
	case v&hides != 0:
		return v&numbers == 0 || !isNumber(value)
	default:
		return v.isSecretValue(value) || v&holdsValue != 0 && named.hasValue(w, key)
	}
}

// within reads the value of a field, which is a document of its own.
func (w *work) within(root int32, key []byte, read func()) {
	outer, above := w.outer, w.allowed
	w.outer = nowhere
	if root != nowhere {
		w.outer, _ = w.followField(root, key)
	}
	w.allowed = above || w.rules.strict && w.judge(key)&isAllowed != 0
	read()
	w.outer, w.allowed = outer, above
}

// formValue hides secrets in one value, which is content of its own and written again if something was hidden in it.
func (w *work) formValue(e *edit, i, j int, cut Cut, depth int) {
	if i >= j {
		return
	}
	w.steps += j - i
	in := e.in[i:j]
	escaped := bytes.IndexByte(in, '%') >= 0 || bytes.IndexByte(in, '+') >= 0
	if at := bytes.LastIndexByte(in, '%'); cut&CutEnd != 0 && at >= 0 && at > len(in)-len("%20") { // cut in the middle of an escape
		in = in[:at]
	}
	plain, from := in, len(w.plain)
	if escaped {
		w.plain = appendDecoded(w.plain, in)
		plain = w.plain[from:]
	}
	out := []byte(Mask)
	if depth < maxDepth {
		out = w.content(plain, cut, depth+1)
	}
	switch {
	case same(out, plain):
	case escaped:
		e.replace(i, j, strings.ReplaceAll(url.QueryEscape(string(out)), "%2A", "*"))
	default:
		e.replace(i, j, string(out))
	}
	w.plain = w.plain[:from]
}

// decode takes percent signs and pluses out. Where one is broken it stays.
func decode(in []byte) []byte {
	if bytes.IndexByte(in, '%') < 0 && bytes.IndexByte(in, '+') < 0 {
		return in
	}
	return appendDecoded(make([]byte, 0, len(in)), in)
}

func appendDecoded(to, in []byte) []byte {
	for i := 0; i < len(in); i++ {
		switch c := in[i]; {
		case c == '+':
			to = append(to, ' ')
		case c == '%' && i+2 < len(in) && hexDigit(in[i+1]) >= 0 && hexDigit(in[i+2]) >= 0:
			to = append(to, byte(hexDigit(in[i+1])<<4|hexDigit(in[i+2])))
			i += 2
		default:
			to = append(to, c)
		}
	}
	return to
}

// lastCut gives what may be missing of the last piece of a content, or of another one.
func lastCut(cut Cut, last bool) Cut {
	if !last {
		cut &^= CutEnd
	}
	return cut
}

func indexOr(in []byte, c byte, otherwise int) int {
	if at := bytes.IndexByte(in, c); at >= 0 {
		return at
	}
	return otherwise
}

// URL hides secrets in a URL: user and password, secret fields of query and fragment, credentials anywhere in the path.
func (r *Rules) URL(in []byte) []byte {
	w := r.get()
	defer r.work.Put(w)
	return w.url(in)
}

// URLText is URL for text, see Text.
func (r *Rules) URLText(in string) string {
	w := r.get()
	defer r.put(w)
	w.input = append(w.input, in...)
	return textOf(in, w.input, w.url(w.input))
}

func (w *work) url(in []byte) []byte {
	e := edit{in: in}
	path, secret := 0, 0
	if at := bytes.Index(in, []byte("://")); at >= 0 {
		host := w.userInfo(&e, at+len("://"), len(in), 0)
		path = host + indexAnyOr(in[host:], "/?#", len(in)-host)
		secret = w.webhook(in[:path+indexAnyOr(in[path:], "?#", len(in)-path)], host)
	}
	query := path + indexAnyOr(in[path:], "?#", len(in)-path)
	if secret > 0 {
		e.hide(secret, query)
	} else {
		w.urlPath(&e, path, query)
	}
	fragment := query + indexOr(in[query:], '#', len(in)-query)
	if query < fragment {
		w.form(&e, query+1, fragment, 0, 0)
	}
	if fragment < len(in) {
		w.form(&e, fragment+1, len(in), 0, 0)
	}
	return e.done()
}

// urlPath hides credentials in the path of a URL. Where every value is secret, it hides what looks like one: a segment with a digit, a percent sign or an @ is
// somebody's, one of letters alone is the program's.
func (w *work) urlPath(e *edit, i, j int) {
	if !w.strictly() {
		w.text(e, i, j, 0)
		return
	}
	for i < j {
		end := i + 1 + indexOr(e.in[i+1:j], '/', j-i-1)
		from := i
		if e.in[i] == '/' {
			from++
		}
		if bytes.ContainsAny(e.in[from:end], "0123456789%@:=") {
			e.hide(from, end)
		}
		i = end
	}
}

func indexAnyOr(in []byte, any string, otherwise int) int {
	if at := bytes.IndexAny(in, any); at >= 0 {
		return at
	}
	return otherwise
}

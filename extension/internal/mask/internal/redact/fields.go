package redact

import "bytes"

// followField follows the key of a field from the root of its form. Brackets and dots in it are levels of a document: customer[phone] and customer.phone are both at the place customer.phone.
func (w *work) followField(root int32, key []byte) (to int32, hit bool) {
	to, hit = w.follow(root, key)
	if hit || bytes.IndexByte(key, '.') < 0 && bytes.IndexByte(key, '[') < 0 {
		return to, hit
	}
	at := root
	for rest := key; len(rest) > 0 && at != nowhere; {
		size := indexAnyOr(rest, ".[]", len(rest))
		name := rest[:size]
		rest = rest[min(len(rest), size+1):]
		if isNumber(name) { // between two marks, or an index of a list
			continue
		}
		if at, hit = w.follow(at, name); hit {
			return at, true
		}
	}
	if at != nowhere {
		return at, false
	}
	return w.follow(root, key)
}

// pairs are names and values of one form that stand in fields of their own. AWS' query protocol writes them so, with a number before each pair:
// MessageAttribute.1.Name=password&MessageAttribute.1.Value.StringValue=…
type pairs struct {
	form   []byte
	read   bool
	secret map[string]bool // what stands before the names that are secret keys
}

// hasValue tells whether a field is the value, or below it, of a name that is a secret key.
func (p *pairs) hasValue(w *work, key []byte) bool {
	if len(key) > maxKey {
		return false
	}
	if !p.read {
		p.read = true
		p.readNames(w)
	}
	for len(p.secret) > 0 && len(key) > 0 {
		before, last := cutField(key)
		if w.judge(last)&isValue != 0 && p.secret[string(before)] {
			return true
		}
		key = before
	}
	return false
}

// readNames looks for names that are secret keys, in front of their values or behind.
func (p *pairs) readNames(w *work) {
	w.steps += len(p.form)
	for rest := p.form; len(rest) > 0; {
		end := indexOr(rest, '&', len(rest))
		field := rest[:end]
		rest = rest[min(len(rest), end+1):]
		eq := bytes.IndexByte(field, '=')
		if eq < 0 || eq > maxKey || len(field)-eq > maxKey {
			continue
		}
		before, last := cutField(decode(field[:eq]))
		if w.judge(last)&isName == 0 || w.judge(decode(field[eq+1:]))&hides == 0 {
			continue
		}
		if p.secret == nil {
			p.secret = make(map[string]bool)
		}
		p.secret[string(before)] = true
	}
}

// cutField takes the last level off the key of a field: a.1.Name is a.1 and Name, a[1][name] is a[1] and name.
func cutField(key []byte) (before, last []byte) {
	key = bytes.TrimRight(key, "]")
	at := bytes.LastIndexAny(key, ".[") // of ASCII
	return key[:max(0, at)], key[at+1:]
}

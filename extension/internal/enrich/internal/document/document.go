// Package document looks things up in JSON that may be cut anywhere, or not be JSON at all.
//
// It takes bytes and gives views into them; nothing is decoded that nobody asks for. It promises: no input makes it panic, recurse or
// take more than time linear in the input for one pass; what stands before a cut is found; a string whose closing quote is missing is
// never given, because half an id is another id.
package document

import (
	"bytes"
	"encoding/json"
)

// A Value is one JSON value. The zero Value is none, and every question to it is answered with "no".
type Value struct {
	data []byte // begins at the value and runs to the end of the whole document
}

// Parse gives the value that data begins with.
func Parse(data []byte) Value {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // a byte order mark
	return Value{data[space(data, 0):]}
}

// IsObject tells whether v is an object.
func (v Value) IsObject() bool { return len(v.data) > 0 && v.data[0] == '{' }

// IsList tells whether v is an array.
func (v Value) IsList() bool { return len(v.data) > 0 && v.data[0] == '[' }

// Text gives the content of a string. It is false for everything else, a string without its closing quote included.
func (v Value) Text() (string, bool) {
	if len(v.data) == 0 || v.data[0] != '"' {
		return "", false
	}
	end, whole := stringEnd(v.data, 0)
	if !whole {
		return "", false
	}
	return unquote(v.data[:end])
}

// String is Text, with "" where there is none.
func (v Value) String() string {
	s, _ := v.Text()
	return s
}

// TextHolds tells whether v is a string with s in it as it is written, without decoding it.
func (v Value) TextHolds(s string) bool {
	if len(v.data) == 0 || v.data[0] != '"' {
		return false
	}
	end, whole := stringEnd(v.data, 0)
	return whole && bytes.Contains(v.data[:end], []byte(s))
}

// Fields calls visit with every member of an object until visit says false. It returns whether the object's end was reached: false where
// the document is cut or is no JSON from some point on. key must not be kept.
func (v Value) Fields(visit func(key []byte, value Value) bool) bool {
	if !v.IsObject() {
		return false
	}
	d, i := v.data, space(v.data, 1)
	for i < len(d) && d[i] == '"' {
		end, whole := stringEnd(d, i)
		if !whole {
			return false
		}
		key := d[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			plain, _ := unquote(d[i:end])
			key = []byte(plain)
		}
		if i = space(d, end); i >= len(d) || d[i] != ':' {
			return false
		}
		i = space(d, i+1)
		if i >= len(d) || !visit(key, Value{d[i:]}) {
			return false
		}
		if i = space(d, skip(d, i)); i >= len(d) || d[i] != ',' {
			break
		}
		i = space(d, i+1)
	}
	return i < len(d) && d[i] == '}'
}

// Items calls visit with every element of an array until visit says false. It returns whether the array's end was reached.
func (v Value) Items(visit func(Value) bool) bool {
	if !v.IsList() {
		return false
	}
	d, i := v.data, space(v.data, 1)
	for i < len(d) && d[i] != ']' {
		if !visit(Value{d[i:]}) {
			return false
		}
		next := skip(d, i)
		if next == i { // not the beginning of any value
			return false
		}
		if i = space(d, next); i >= len(d) || d[i] != ',' {
			break
		}
		i = space(d, i+1)
	}
	return i < len(d) && d[i] == ']'
}

// Get gives what is found under the keys, one object after the other; the zero Value if there is nothing. Where a key stands twice, the
// first one counts.
func (v Value) Get(keys ...string) Value {
	for _, key := range keys {
		var found Value
		v.Fields(func(k []byte, value Value) bool {
			if string(k) == key {
				found = value
				return false
			}
			return true
		})
		v = found
	}
	return v
}

// First gives the first element of an array.
func (v Value) First() Value {
	var first Value
	v.Items(func(item Value) bool {
		first = item
		return false
	})
	return first
}

// space steps over white space.
func space(d []byte, i int) int {
	for i < len(d) && (d[i] == ' ' || d[i] == '\n' || d[i] == '\r' || d[i] == '\t') {
		i++
	}
	return i
}

// stringEnd gives the index behind the closing quote of the string that begins at i.
func stringEnd(d []byte, i int) (end int, whole bool) {
	for at := i + 1; ; {
		q := bytes.IndexByte(d[at:], '"')
		if q < 0 {
			return len(d), false
		}
		at += q
		escapes := 0
		for at-escapes-1 > i && d[at-escapes-1] == '\\' {
			escapes++
		}
		at++
		if escapes%2 == 0 {
			return at, true
		}
	}
}

// skip gives the index behind the value that begins at i. Containers are stepped over by counting brackets outside of strings, without
// recursion: a document of a million opening brackets costs its length.
func skip(d []byte, i int) int {
	switch d[i] {
	case '"':
		end, _ := stringEnd(d, i)
		return end
	case '{', '[':
	default:
		for i < len(d) && !delimits(d[i]) {
			i++
		}
		return i
	}
	for depth := 0; i < len(d); {
		switch d[i] {
		case '"':
			i, _ = stringEnd(d, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return len(d)
}

func delimits(c byte) bool {
	switch c {
	case ',', ':', '}', ']', '{', '[', '"', ' ', '\n', '\r', '\t':
		return true
	}
	return false
}

// unquote decodes a JSON string with its quotes.
func unquote(quoted []byte) (string, bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), true
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return s, err == nil
}

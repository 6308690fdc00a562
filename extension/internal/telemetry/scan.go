package telemetry

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Package json reads a text twice, once to see whether all of it is in order, and gives nothing of one that is not. Posts come by the dozen while the
// function runs, at its expense, and of a torn one the events before the tear are worth having. So the text is walked once, here,
// and what is taken for a value is only looked into where it is wanted.

// value cuts the first JSON value off b, white space before it left out. It does not look into it: of objects and lists it only finds the end. ok is
// false if there is none, or if b ends before it does.
func value(b []byte) (v, rest []byte, ok bool) {
	b = skipSpace(b)
	if len(b) == 0 {
		return nil, nil, false
	}
	switch b[0] {
	case '"':
		n := stringEnd(b)
		if n < 0 {
			return nil, nil, false
		}
		return b[:n], b[n:], true
	case '{', '[':
		n := nestedEnd(b)
		if n < 0 {
			return nil, nil, false
		}
		return b[:n], b[n:], true
	}
	n := 0
	for n < len(b) && !isDelimiter(b[n]) {
		n++
	}
	return b[:n], b[n:], n > 0
}

// stringEnd finds the end of the string that b begins with; -1 if there is none.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// nestedEnd finds the end of the object or list that b begins with; -1 if there is none.
func nestedEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := stringEnd(b[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isDelimiter(c byte) bool {
	return isSpace(c) || c == ',' || c == ':' || c == '}' || c == ']' || c == '{' || c == '[' || c == '"'
}

// elements calls f with every value of the list b. whole is false if b is no list, or ends before it does.
func elements(b []byte, f func(v []byte)) (whole bool) {
	b = skipSpace(b)
	if len(b) == 0 || b[0] != '[' {
		return false
	}
	for b = skipSpace(b[1:]); len(b) > 0; b = skipSpace(b) {
		if b[0] == ']' {
			return true
		}
		v, rest, ok := value(b)
		if !ok {
			return false
		}
		f(v)
		if b = skipSpace(rest); len(b) > 0 && b[0] == ',' {
			b = b[1:]
		}
	}
	return false
}

// members calls f with every name, its quotes taken off and nothing else, and every value of the object b.
func members(b []byte, f func(name, v []byte)) (whole bool) {
	b = skipSpace(b)
	if len(b) == 0 || b[0] != '{' {
		return false
	}
	for b = skipSpace(b[1:]); len(b) > 0; b = skipSpace(b) {
		if b[0] == '}' {
			return true
		}
		name, rest, ok := value(b)
		if !ok || name[0] != '"' {
			return false
		}
		if rest = skipSpace(rest); len(rest) == 0 || rest[0] != ':' {
			return false
		}
		v, rest, ok := value(rest[1:])
		if !ok {
			return false
		}
		f(name[1:len(name)-1], v)
		if b = skipSpace(rest); len(b) > 0 && b[0] == ',' {
			b = b[1:]
		}
	}
	return false
}

// text gives the string that v is; "" for any other value. Bytes that are no UTF-8 become U+FFFD.
func text(v []byte) string {
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	inner := v[1 : len(v)-1]
	for _, c := range inner {
		if c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			var s string
			if json.Unmarshal(v, &s) != nil {
				return "" // a control character, or an escape that there is not
			}
			return s
		}
	}
	return string(inner)
}

// number gives the number that v is; 0 for any other value.
func number(v []byte) float64 {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return 0
	}
	n, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return 0
	}
	return n
}

package redact

import (
	"bytes"
	"strings"
)

// names gives what a text says of what stands beside it, whether it is secret: as a name, in an expression, or among the names of one, or as the path of a patch.
func (r *reader) names(key verdict, among bool, text []byte, escaped bool) flags {
	secret := false
	switch {
	case key&isExpression != 0:
		secret = r.w.mentions(text)
	case key&isName != 0 || among:
		secret = r.w.judgeQuoted(text, escaped)&hides != 0
	case key&isID != 0 && !escaped && isWords(text): // most ids are none, and nobody sees them twice
		secret = r.w.judge(text)&hides != 0
	case key&isPath != 0 && len(text) < maxPatchPath && r.w.mentions(text):
		return secretPath
	}
	if secret {
		return secretName
	}
	return 0
}

// named tells whether the value in a container is secret by what stands beside it.
func (f flags) named() bool {
	return f&secretName != 0 || f&(patched|secretPath) == patched|secretPath
}

// maxPatchPath is how long the path of a patch may be.
const maxPatchPath = 2 * maxLookBack

// isWords tells whether an id can be the name of something: short, and without digits.
func isWords(id []byte) bool {
	for _, c := range id[:min(len(id), maxLookBack)] {
		if isDigit(c) {
			return false
		}
	}
	return len(id) < maxLookBack
}

// mentions tells whether a word of an expression or a statement is a secret key.
func (w *work) mentions(text []byte) bool {
	w.steps += len(text)
	for i := 0; i < len(text); {
		if text[i] == '\\' { // an escape, whose letter is no part of the word
			i += 2
			continue
		}
		begin := i
		for i < len(text) && (isKeyChar(text[i]) || text[i] >= 0x80) {
			i++
		}
		if i > begin && w.judge(text[begin:i])&hides != 0 {
			return true
		}
		if i == begin {
			i++
		}
	}
	return false
}

// A level is a container that a survey is in: where it begins, and the lowest bit whether its texts name what is around it.
type level int

func (l level) at() int     { return int(l >> 1) }
func (l level) names() bool { return l&1 != 0 }

// survey reads the rest of the open object ahead, from i on, when its value comes and no name was seen: the name may stand behind. What it finds
// of objects below is kept for later, so that no byte is surveyed twice.
func (r *reader) survey(i int) {
	in, key, from := r.e.in, anything, i
	open := append(make([]level, 0, 16), 0)
	found := func(depth int, what flags) {
		switch {
		case depth == 0:
			r.setTop(r.top | what)
		case depth > 0:
			if r.w.ahead.secrets == nil {
				r.w.ahead.secrets = make(map[int]flags)
			}
			r.w.ahead.secrets[open[depth].at()] |= what
		}
	}
	for i < len(in) && len(open) > 0 {
		top := len(open) - 1
		switch c := in[i]; c {
		case '"':
			end, whole, escaped := stringEnd(in, i)
			text := in[i+1 : contentEnd(end, whole)]
			i = skipSpaces(in, end)
			if i < len(in) && in[i] == ':' {
				if key = r.w.judgeQuoted(text, escaped); key&isPatch != 0 {
					found(top, patched)
				}
				i++
				continue
			}
			if key&isKind != 0 && isSecretKind(text) {
				found(top, secretKind)
			}
			if !whole {
				continue
			}
			if what := r.names(key, open[top].names(), text, escaped); what != 0 {
				if open[top].names() {
					top--
				}
				found(top, what)
			}
			continue
		case '{', '[':
			l := level(i << 1)
			if key&isNames != 0 {
				l |= 1
			}
			open = append(open, l)
			key = anything
		case '}', ']':
			open = open[:top]
			key = anything
		case ',':
			key = anything
		}
		i++
	}
	r.w.steps += i - from
	r.w.ahead.surveyed = i
}

// nameFollows tells whether the next member behind a value's end says that the value is secret: 'value': 'x', 'name': 'password'.
func (w *work) nameFollows(in []byte, i int) bool {
	const between = " \t\r\n,;'\"`\\"
	for i < len(in) && strings.IndexByte(between, in[i]) >= 0 {
		i++
	}
	begin := i
	for i < len(in) && i-begin < maxLookBack && isKeyChar(in[i]) {
		i++
	}
	if i == begin || w.judge(in[begin:i])&isName == 0 {
		return false
	}
	mark := false
	for i < len(in) && (strings.IndexByte(between, in[i]) >= 0 || in[i] == ':' || in[i] == '=' || in[i] == '>') {
		mark = mark || in[i] == ':' || in[i] == '='
		i++
	}
	begin = i
	for i < len(in) && i-begin < maxLookBack && isKeyChar(in[i]) {
		i++
	}
	return mark && w.judge(in[begin:i])&hides != 0
}

// patch looks at a path that begins at at, behind the mark at i: in an operation of a JSON Patch, in text that is no JSON as a whole, it is the name of a value.
func (w *work) patch(in []byte, s *scan, i, at int) {
	before := in[max(s.begin, i-maxLookBack):i]
	w.steps += len(before)
	op := bytes.LastIndex(before, []byte("op"))
	if op <= 0 || op+len("op") >= len(before) || isKeyChar(before[op-1]) || isKeyChar(before[op+len("op")]) {
		return
	}
	from, to := value(in[:min(len(in), at+maxPatchPath)], at, false)
	if w.steps += to - at; w.mentions(in[from:to]) {
		s.named = to + maxNameToValue
	}
}

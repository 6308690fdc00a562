package redact

// names tells whether a text says that what stands beside it is secret: as a name, in an expression, or among the names of one.
func (r *reader) names(key verdict, among bool, text []byte, escaped bool) bool {
	switch {
	case key&isExpression != 0:
		return r.w.mentions(text)
	case key&isName != 0 || among:
		return r.w.judgeQuoted(text, escaped)&hides != 0
	case key&isID != 0 && !escaped && isWords(text): // most ids are none, and nobody sees them twice
		return r.w.judge(text)&hides != 0
	}
	return false
}

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
				key = r.w.judgeQuoted(text, escaped)
				i++
				continue
			}
			if key&isKind != 0 && isSecretKind(text) {
				found(top, secretKind)
			}
			if whole && r.names(key, open[top].names(), text, escaped) {
				if open[top].names() {
					top--
				}
				found(top, secretName)
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

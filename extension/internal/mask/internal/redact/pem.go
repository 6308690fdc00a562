package redact

import "bytes"

// encodedSpace gives the length of a space at the beginning of in, also as forms and URLs write it; 0 if there is none.
func encodedSpace(in []byte) int {
	switch {
	case len(in) == 0:
		return 0
	case in[0] == ' ' || in[0] == '+':
		return 1
	case bytes.HasPrefix(in, []byte("%20")):
		return len("%20")
	}
	return 0
}

// pem hides a private key between its first and last line, which may stand in the field of a form that nobody said is one.
func (w *work) pem(e *edit, i, j int) int {
	const begin, end, longest = "-----BEGIN", "-----END", 80
	in := e.in[:j]
	at := i + len(begin)
	if w.rules.tokens.on&PEM == 0 || !bytes.HasPrefix(in[i:], []byte(begin)) || encodedSpace(in[at:]) == 0 {
		for i < j && in[i] == '-' {
			i++
		}
		return i
	}
	at += encodedSpace(in[at:])
	label, _, whole := bytes.Cut(in[at:min(j, at+longest)], []byte("-----"))
	if whole && !bytes.Contains(label, []byte("PRIVATE")) { // KEY behind a space of some kind
		return at + len(label)
	}
	at += len(label)
	if whole {
		at += len("-----")
	}
	to := bytes.Index(in[at:], []byte(end))
	if to < 0 {
		to = j
	} else {
		to += at
	}
	w.steps += to - i
	e.hide(at, to)
	return to
}

// keyEnd gives the index behind the last line of the key or certificate whose first line begins at i.
func keyEnd(in []byte, i int) int {
	const end, dashes, longest = "-----END", "-----", 80
	at := bytes.Index(in[i:], []byte(end))
	if at < 0 {
		return len(in)
	}
	at += i + len(end)
	if size := bytes.Index(in[at:min(len(in), at+longest)], []byte(dashes)); size >= 0 {
		return at + size + len(dashes)
	}
	return at
}

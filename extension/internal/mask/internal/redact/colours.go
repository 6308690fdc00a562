package redact

import "bytes"

// escapeByte begins what colours text on a terminal: ESC [ numbers m (ECMA-48, 8.3.117). Programs print it into logs as well, around keys and values.
const escapeByte = 0x1b

// longestColour is more than a background of 24 bits takes.
const longestColour = 32

// colour gives the length of what colours text at the beginning of in; 0 if there is nothing of the kind.
func colour(in []byte) int {
	if len(in) < len("\x1b[m") || in[0] != escapeByte || in[1] != '[' {
		return 0
	}
	for i := 2; i < min(len(in), longestColour); i++ {
		if c := in[i]; c == 'm' || c == 'K' { // K clears the line, as grep does
			return i + 1
		} else if !isDigit(c) && c != ';' && c != ':' {
			break
		}
	}
	return 0
}

// colourBefore gives the length of what colours text and ends before i.
func colourBefore(in []byte, i int) int {
	if i == 0 || in[i-1] != 'm' && in[i-1] != 'K' {
		return 0
	}
	from := max(0, i-longestColour)
	at := bytes.LastIndexByte(in[from:i], escapeByte)
	if at < 0 || from+at+colour(in[from+at:]) != i {
		return 0
	}
	return i - from - at
}

// withoutColour takes off the beginning of a key what of a colour was taken for a part of it. The key ends at end.
func withoutColour(in, key []byte, end int) []byte {
	begin := end - len(key)
	for _, last := range [...]byte{'m', 'K'} {
		if at := bytes.IndexByte(key, last); at >= 0 && colourBefore(in, begin+at+1) > 0 {
			return key[at+1:]
		}
	}
	return key
}

// beforeColours gives where colours begin that end before i.
func beforeColours(in []byte, begin, i int) int {
	for i > begin {
		size := colourBefore(in, i)
		if size == 0 {
			break
		}
		i -= size
	}
	return i
}

// valueAt gives where the value behind a key's mark at i may begin: behind spaces, the other marks of => and ==, colours, and comments, of which there are not more
// than a few: keys may stand in them, and each would read all of those behind it.
func (w *work) valueAt(in []byte, i int) int {
	const mostComments = 4
	from, comments := i, 0
	for i < len(in) {
		size := 0
		switch in[i] {
		case '=', '>', ' ', '\t':
			size = 1
		case escapeByte:
			size = colour(in[i:])
		case '/':
			if comments++; comments <= mostComments {
				size = comment(in[i:min(len(in), i+maxLookBack)])
			}
		}
		if size == 0 {
			break
		}
		i += size
	}
	w.steps += i - from
	return i
}

// comment gives the length of a comment at the beginning of in; 0 if there is none.
func comment(in []byte) int {
	if !bytes.HasPrefix(in, []byte("/*")) {
		return 0
	}
	if size := bytes.Index(in[len("/*"):], []byte("*/")); size >= 0 {
		return len("/*") + size + len("*/")
	}
	return 0
}

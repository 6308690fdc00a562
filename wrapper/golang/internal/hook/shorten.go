package hook

import (
	"bytes"
	"unicode/utf8"
)

// What is kept of a large event. What carries meaning in an event is short (ids, names, times), what is long is content; so strings are cut, and lists go on.
const (
	keptOfString = 128   // a message's or a trace's id fits
	mostNodes    = 20000 // a batch of some hundred messages
	mostDepth    = 64    // beyond it values are left out
)

// A shortener makes a large JSON text small while it passes, piece by piece, and keeps it whole JSON: long strings are cut, and where the room is used up,
// everything that is open is closed. It looks at no byte beyond.
type shortener struct {
	out   []byte
	room  int
	nodes int
	full  bool

	stack []byte // of brackets that are open
	safe  int    // length of out up to which it becomes JSON by closing what was open there
	open  int    // how much of the stack was

	inString bool
	isKey    bool
	escape   int // characters of an escape that are still to come
	kept     int // bytes kept of this string
	cut      bool
	inWord   bool // a number, true, false, null
	wantsKey bool
}

func newShortener(budget int) *shortener {
	return &shortener{room: budget, nodes: mostNodes, out: takeMemory(budget)}
}

// add takes a piece.
func (s *shortener) add(p []byte) {
	for len(p) > 0 && !s.full {
		if s.inString {
			p = s.string(p)
			continue
		}
		s.token(p[0])
		p = p[1:]
	}
}

// end gives the text, at most as long as the budget.
func (s *shortener) end() []byte {
	if !s.full && s.inWord && len(s.stack) == 0 {
		s.value()
	}
	out := s.out[:s.safe]
	for i := s.open - 1; i >= 0; i-- {
		out = append(out, s.stack[i]+2) // in ASCII a bracket that closes is two behind the one that opens, for both kinds
	}
	if len(out) == 0 && s.room > 0 {
		return append(out, '0') // not even its beginning has room
	}
	return out
}

// token takes a character outside of strings.
func (s *shortener) token(c byte) {
	switch c {
	case ' ', '\t', '\r', '\n':
		return
	case '{', '[':
		s.put(c)
		s.stack = append(s.stack, c)
		s.wantsKey = c == '{'
		s.value()
		s.full = s.full || len(s.stack) > mostDepth
	case '}', ']':
		s.word()
		if s.full || len(s.stack) == 0 { // the second is no JSON
			s.full = true
			return
		}
		s.stack = s.stack[:len(s.stack)-1]
		s.out = append(s.out, c) // there is always room for it: put has left it
		s.value()
		s.full = s.full || len(s.stack) == 0
	case ',':
		s.word()
		s.put(c)
		s.wantsKey = len(s.stack) > 0 && s.stack[len(s.stack)-1] == '{'
	case ':':
		s.put(c)
		s.wantsKey = false
	case '"':
		s.put(c)
		s.inString, s.isKey, s.kept, s.cut = true, s.wantsKey, 0, false
	default:
		s.put(c)
		s.inWord = true
	}
}

// put appends a character if everything that is open can still be closed behind it.
func (s *shortener) put(c byte) {
	if s.full || len(s.out)+1+len(s.stack)+1 > s.room {
		s.full = true
		return
	}
	s.out = append(s.out, c)
}

// word ends a number or a word.
func (s *shortener) word() {
	if s.inWord {
		s.inWord = false
		s.value()
	}
}

// value notes that the text could end here, since a value has.
func (s *shortener) value() {
	if s.full {
		return
	}
	s.safe, s.open = len(s.out), len(s.stack)
	if s.nodes--; s.nodes <= 0 {
		s.full = true
	}
}

// string takes what belongs to a string and gives the rest.
func (s *shortener) string(p []byte) []byte {
	if s.escape > 0 {
		if s.escape == escapeBegins {
			s.escape = 0
			if p[0] == 'u' {
				s.escape = hexDigits
			}
		} else {
			s.escape--
		}
		s.keep(p[:1])
		return p[1:]
	}
	n := bytes.IndexByte(p, '"')
	if n < 0 {
		n = len(p)
	}
	if i := bytes.IndexByte(p[:n], '\\'); i >= 0 {
		s.keep(p[:i])
		s.cut = s.cut || s.kept+escapeBytes > keptOfString // an escape is kept whole or not at all
		s.keep(p[i : i+1])
		s.escape = escapeBegins
		return p[i+1:]
	}
	s.keep(p[:n])
	if n == len(p) {
		return nil
	}
	s.inString = false
	s.put('"')
	if !s.isKey {
		s.value()
	}
	return p[n+1:]
}

const (
	escapeBegins = -1 + 1<<8 // the backslash was there
	hexDigits    = 4         // of an escape with u
	escapeBytes  = 6         // the longest escape
)

// keep appends to a string what there is room for.
func (s *shortener) keep(p []byte) {
	if s.cut {
		return
	}
	if left := keptOfString - s.kept; len(p) > left {
		s.cut = true
		p = p[:left]
	}
	if len(s.out)+len(p)+len(s.stack)+2 > s.room {
		s.full = true
		return
	}
	s.out = append(s.out, p...)
	s.kept += len(p)
	if s.cut {
		s.out = s.out[:len(s.out)-halfRune(s.out)]
	}
}

// halfRune tells how many bytes at the end are only the beginning of a character.
func halfRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

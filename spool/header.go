package spool

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A headerParser reads header lines. There are two of them for each call of the function's, and package encoding/json takes more time and memory for them
// than all that is done with them afterwards. So what hooks write is read here: JSON with names in their own case, each once, and values of their types.
// encoding/json reads, and judges, whatever is written otherwise: the answer is the same for every line.
//
// Its methods return false for anything else than that form.
type headerParser struct {
	s     string
	i     int
	plain bool        // s has no escapes, no control characters and nothing that could be no UTF-8
	pairs [][2]string // room for headers, used again for each line
}

// parse reads a header line into a Header that is empty.
func (p *headerParser) parse(line []byte, h *Header) error {
	p.plain = isPlain(line)
	if p.plain || utf8.Valid(line) {
		p.s, p.i = string(line), 0 // once for all strings in it, which share its memory
		if p.header(h) && p.atEnd() {
			return nil
		}
		*h = Header{}
	}
	return json.Unmarshal(line, h) //nolint:wrapcheck // its caller only asks whether there is one
}

// isPlain tells whether text is of ASCII without control characters and backslashes: then a string in it ends with the next quotation mark. It looks at eight
// bytes at a time. What is taken off a byte borrows from the next one only where the highest bit of this one tells already.
func isPlain(text []byte) bool {
	const (
		ones    = 0x0101010101010101
		highest = 0x80 * ones
	)
	for ; len(text) >= 8; text = text[8:] {
		word := binary.LittleEndian.Uint64(text)
		backslash := word ^ '\\'*ones
		if (word|(word-' '*ones)|(backslash-ones)&^backslash)&highest != 0 {
			return false
		}
	}
	for _, c := range text {
		if c < ' ' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (p *headerParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\r' || p.s[p.i] == '\n') {
		p.i++
	}
}

// atEnd goes past white space and tells whether there is nothing else.
func (p *headerParser) atEnd() bool {
	p.space()
	return p.i == len(p.s)
}

// is goes past a character, and the white space before it, if it is there.
func (p *headerParser) is(c byte) bool {
	p.space()
	if p.i >= len(p.s) || p.s[p.i] != c {
		return false
	}
	p.i++
	return true
}

// object calls member at the value of every member.
func (p *headerParser) object(member func(name string) bool) bool {
	if !p.is('{') {
		return false
	}
	if p.is('}') {
		return true
	}
	for {
		var name string
		if !p.string(&name) || !p.is(':') || !member(name) {
			return false
		}
		if !p.is(',') {
			return p.is('}')
		}
	}
}

// array calls element at every element.
func (p *headerParser) array(element func() bool) bool {
	if !p.is('[') {
		return false
	}
	if p.is(']') {
		return true
	}
	for {
		if !element() {
			return false
		}
		if !p.is(',') {
			return p.is(']')
		}
	}
}

func (p *headerParser) string(to *string) bool {
	p.space()
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return false
	}
	if !p.plain {
		return p.escaped(to)
	}
	begin := p.i + 1
	length := strings.IndexByte(p.s[begin:], '"')
	if length < 0 {
		return false
	}
	p.i = begin + length + 1
	*to = p.s[begin : begin+length]
	return true
}

// escaped is string for one that may have escapes, or what JSON does not allow.
func (p *headerParser) escaped(to *string) bool {
	begin, escaped := p.i, false
	for i := p.i + 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"' && escaped:
			p.i = i + 1
			var unescaped string // not *to, which would have to be on the heap for it
			err := json.Unmarshal([]byte(p.s[begin:p.i]), &unescaped)
			*to = unescaped
			return err == nil
		case c == '"':
			p.i = i + 1
			*to = p.s[begin+1 : i]
			return true
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return false
		}
	}
	return false
}

func (p *headerParser) number(to *int64) bool {
	p.space()
	begin := p.i
	if p.i < len(p.s) && p.s[p.i] == '-' {
		p.i++
	}
	first := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	if p.i == first || p.i-first > 1 && p.s[first] == '0' { // none, or one that JSON does not know
		return false
	}
	n, err := strconv.ParseInt(p.s[begin:p.i], 10, 64)
	*to = n
	return err == nil // what is behind it, such as a fraction, fails whoever asks for what should be there
}

func (p *headerParser) int(to *int) bool {
	var n int64
	ok := p.number(&n)
	*to = int(n)
	return ok && int64(*to) == n
}

func (p *headerParser) bool(to *bool) bool {
	p.space()
	for _, word := range [...]string{"true", "false"} {
		if len(p.s)-p.i >= len(word) && p.s[p.i:p.i+len(word)] == word {
			p.i += len(word)
			*to = word == "true"
			return true
		}
	}
	return false
}

// header reads the members of a header.
func (p *headerParser) header(h *Header) bool {
	var seen names
	return p.object(func(name string) bool {
		if !seen.first(name) {
			return false
		}
		switch name {
		case "t":
			return p.number(&h.Time)
		case "dur":
			return p.number(&h.Duration)
		case "ttfb":
			return p.number(&h.FirstByte)
		case "deadline":
			return p.number(&h.Deadline)
		case "records":
			return p.number(&h.Records)
		case "bytes":
			return p.number(&h.Bytes)
		case "status":
			return p.int(&h.Status)
		case "resend":
			return p.int(&h.Resend)
		case "cold":
			return p.bool(&h.Cold)
		case "streaming":
			return p.bool(&h.Streaming)
		case "partial":
			return p.bool(&h.Partial)
		case "headers":
			return p.headers(h)
		case "parts":
			h.Parts = []Part{}
			return p.array(func() bool {
				h.Parts = append(h.Parts, Part{})
				return p.part(&h.Parts[len(h.Parts)-1])
			})
		case "process":
			h.Process = &Process{}
			return p.process(h.Process)
		case "error":
			h.Error = &Error{}
			return p.error(h.Error)
		}
		to := h.text(name)
		return to != nil && p.string(to)
	})
}

// headers reads the pairs of names and values.
func (p *headerParser) headers(h *Header) bool {
	p.pairs = p.pairs[:0]
	ok := p.array(func() bool {
		var pair [2]string
		ok := p.is('[') && p.string(&pair[0]) && p.is(',') && p.string(&pair[1]) && p.is(']')
		p.pairs = append(p.pairs, pair)
		return ok
	})
	h.Headers = append(make([][2]string, 0, len(p.pairs)), p.pairs...)
	clear(p.pairs) // no more than a line's memory is kept for it
	return ok
}

// text gives the field of a member that is a string.
func (h *Header) text(name string) *string {
	switch name {
	case "kind":
		return &h.Kind
	case "inv":
		return &h.Invocation
	case "arn":
		return &h.ARN
	case "trace":
		return &h.Trace
	case "tenant":
		return &h.Tenant
	case "handler":
		return &h.Handler
	case "call":
		return &h.Call
	case "lib":
		return &h.Library
	case "method":
		return &h.Method
	case "url":
		return &h.URL
	case "proto":
		return &h.Protocol
	case "peer":
		return &h.Peer
	case "span":
		return &h.Span
	case "reason":
		return &h.Reason
	}
	return nil
}

func (p *headerParser) part(to *Part) bool {
	var seen names
	return p.object(func(name string) bool {
		switch {
		case !seen.first(name):
			return false
		case name == "of":
			return p.string(&to.Of)
		case name == "len":
			return p.number(&to.Len)
		case name == "size":
			to.Size = new(int64)
			return p.number(to.Size)
		case name == "truncated":
			return p.bool(&to.Truncated)
		case name == "shortened":
			return p.bool(&to.Shortened)
		}
		return false
	})
}

func (p *headerParser) process(to *Process) bool {
	var seen names
	return p.object(func(name string) bool {
		switch {
		case !seen.first(name):
			return false
		case name == "pid":
			return p.int(&to.PID)
		case name == "ppid":
			return p.int(&to.Parent)
		case name == "runtime":
			return p.string(&to.Runtime)
		case name == "version":
			return p.string(&to.Version)
		case name == "hook":
			return p.string(&to.Hook)
		case name == "env":
			to.Env = map[string]string{}
			return p.object(func(name string) bool {
				var value string
				ok := p.string(&value)
				to.Env[name] = value
				return ok
			})
		}
		return false
	})
}

func (p *headerParser) error(to *Error) bool {
	var seen names
	return p.object(func(name string) bool {
		switch {
		case !seen.first(name):
			return false
		case name == "type":
			return p.string(&to.Type)
		case name == "message":
			return p.string(&to.Message)
		case name == "stack":
			return p.string(&to.Stack)
		}
		return false
	})
}

// names remembers the names of an object's members: encoding/json has its own way with one that comes twice.
type names struct {
	known [mostNames]string
	n     int
}

// mostNames is more than a hook gives one record.
const mostNames = 16

func (s *names) first(name string) bool {
	for _, k := range s.known[:s.n] {
		if k == name {
			return false
		}
	}
	if s.n == mostNames {
		return false
	}
	s.known[s.n] = name
	s.n++
	return true
}

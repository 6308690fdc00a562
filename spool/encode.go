package spool

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"
)

// An encoder appends a header as JSON. The Go hook writes two headers for each call of the function's, in the function's own time, and package
// encoding/json takes longer for one of them than all else that the hook does. What is written means the same as encoding/json's.
type encoder struct {
	b    []byte
	next bool // something stands before it that wants a comma
}

// appendHeader appends a header with the lengths of its parts.
func appendHeader(b []byte, h *Header, parts [][]byte) []byte {
	e := encoder{b: append(b, '{')}
	e.field("kind", h.Kind)
	e.field("inv", h.Invocation)
	e.number("t", h.Time)
	e.numberUnlessZero("dur", h.Duration)
	e.numberUnlessZero("ttfb", h.FirstByte)
	if h.Process != nil {
		e.process(h.Process)
	}
	e.fieldUnlessEmpty("arn", h.ARN)
	e.numberUnlessZero("deadline", h.Deadline)
	e.fieldUnlessEmpty("trace", h.Trace)
	e.fieldUnlessEmpty("tenant", h.Tenant)
	e.fieldUnlessEmpty("handler", h.Handler)
	e.flag("cold", h.Cold)
	e.flag("streaming", h.Streaming)
	e.fieldUnlessEmpty("call", h.Call)
	e.fieldUnlessEmpty("lib", h.Library)
	e.fieldUnlessEmpty("method", h.Method)
	e.fieldUnlessEmpty("url", h.URL)
	if len(h.Headers) > 0 {
		e.headers(h.Headers)
	}
	e.numberUnlessZero("status", int64(h.Status))
	e.fieldUnlessEmpty("proto", h.Protocol)
	e.fieldUnlessEmpty("peer", h.Peer)
	e.fieldUnlessEmpty("span", h.Span)
	e.numberUnlessZero("resend", int64(h.Resend))
	e.flag("partial", h.Partial)
	if h.Error != nil {
		e.name("error")
		e.open('{')
		e.fieldUnlessEmpty("type", h.Error.Type)
		e.fieldUnlessEmpty("message", h.Error.Message)
		e.fieldUnlessEmpty("stack", h.Error.Stack)
		e.close('}')
	}
	e.fieldUnlessEmpty("reason", h.Reason)
	e.numberUnlessZero("records", h.Records)
	e.numberUnlessZero("bytes", h.Bytes)
	if len(h.Parts) > 0 {
		e.parts(h.Parts, parts)
	}
	e.close('}')
	return e.b
}

func (e *encoder) process(p *Process) {
	e.name("process")
	e.open('{')
	e.number("pid", int64(p.PID))
	e.numberUnlessZero("ppid", int64(p.Parent))
	e.fieldUnlessEmpty("runtime", p.Runtime)
	e.fieldUnlessEmpty("version", p.Version)
	e.fieldUnlessEmpty("hook", p.Hook)
	if len(p.Env) > 0 {
		e.name("env")
		e.open('{')
		names := make([]string, 0, len(p.Env))
		for name := range p.Env {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			e.comma()
			e.b = appendString(e.b, name)
			e.b = append(e.b, ':')
			e.b = appendString(e.b, p.Env[name])
		}
		e.close('}')
	}
	e.close('}')
}

func (e *encoder) headers(headers [][2]string) {
	e.name("headers")
	e.open('[')
	for i := range headers {
		e.comma()
		e.b = append(e.b, '[')
		e.b = appendString(e.b, headers[i][0])
		e.b = append(e.b, ',')
		e.b = appendString(e.b, headers[i][1])
		e.b = append(e.b, ']')
	}
	e.close(']')
}

func (e *encoder) parts(described []Part, parts [][]byte) {
	e.name("parts")
	e.open('[')
	for i := range described {
		p := &described[i]
		e.comma()
		e.open('{')
		e.field("of", p.Of)
		e.number("len", int64(len(parts[i])))
		if p.Size != nil {
			e.number("size", *p.Size)
		}
		e.flag("truncated", p.Truncated)
		e.flag("shortened", p.Shortened)
		e.close('}')
	}
	e.close(']')
}

func (e *encoder) open(bracket byte) {
	e.b = append(e.b, bracket)
	e.next = false
}

func (e *encoder) close(bracket byte) {
	e.b = append(e.b, bracket)
	e.next = true
}

func (e *encoder) comma() {
	if e.next {
		e.b = append(e.b, ',')
	}
	e.next = true
}

// name begins a member. Names are this package's own and need no escapes.
func (e *encoder) name(name string) {
	e.comma()
	e.b = append(e.b, '"')
	e.b = append(e.b, name...)
	e.b = append(e.b, '"', ':')
}

func (e *encoder) field(name, value string) {
	e.name(name)
	e.b = appendString(e.b, value)
}

func (e *encoder) fieldUnlessEmpty(name, value string) {
	if value != "" {
		e.field(name, value)
	}
}

func (e *encoder) number(name string, value int64) {
	e.name(name)
	e.b = strconv.AppendInt(e.b, value, 10)
}

func (e *encoder) numberUnlessZero(name string, value int64) {
	if value != 0 {
		e.number(name, value)
	}
}

func (e *encoder) flag(name string, value bool) {
	if value {
		e.name(name)
		e.b = append(e.b, "true"...)
	}
}

// appendString appends a JSON string. What is not UTF-8 becomes U+FFFD, as with encoding/json.
func appendString(b []byte, s string) []byte {
	begin := len(b) + len(`"`)
	b = append(append(b, '"'), s...)
	if isPlain(b[begin:]) && bytes.IndexByte(b[begin:], '"') < 0 {
		return append(b, '"') // as nearly all are: looked at eight bytes at a time
	}
	return appendEscaped(b[:begin], s)
}

// appendEscaped appends what stands behind the first quotation mark.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[done:i]...), "\ufffd"...)
				done = i + n
			}
			i += n
			continue
		}
		b = append(b, s[done:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		done = i
	}
	return append(append(b, s[done:]...), '"')
}

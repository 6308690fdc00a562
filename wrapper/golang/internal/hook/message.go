package hook

import (
	"bytes"
	"net/textproto"
	"strconv"
	"strings"
)

// Limits of what is kept of a message's head. The client's has at most a megabyte of X-Ray's document, which is not kept.
const mostHead = 32 << 10

// A message is one HTTP/1.1 message (RFC 9112) as it passes on a connection, request or response, piece by piece.
type message struct {
	head    []byte // as much as is kept
	line    string // the first one
	fields  textproto.MIMEHeader
	onBody  func(p []byte)
	onHead  func()
	onEnd   func()
	state   state
	tail    uint32 // the last four bytes of the head
	left    int64  // bytes to come: of the body, or of a chunk with its line end
	number  []byte // a chunk's line, or one of the trailer's
	trailer textproto.MIMEHeader
}

type state int

const (
	inHead state = iota
	inBody
	inChunkLine
	inChunk
	inTrailer
	ended
	odd // not as it should be: nothing more is taken
)

// add takes what passes, and gives what belongs to the next message.
func (m *message) add(p []byte) []byte {
	for len(p) > 0 && m.state < ended {
		switch m.state {
		case inHead:
			p = m.addHead(p)
		case inBody, inChunk:
			p = m.addBody(p)
		case inChunkLine, inTrailer:
			p = m.addLine(p)
		}
	}
	return p
}

func (m *message) addHead(p []byte) []byte {
	for i, c := range p {
		if m.tail = m.tail<<8 | uint32(c); m.tail == '\r'<<24|'\n'<<16|'\r'<<8|'\n' {
			m.keepHead(p[:i+1])
			m.begin()
			return p[i+1:]
		}
	}
	m.keepHead(p)
	return nil
}

func (m *message) keepHead(p []byte) {
	m.head = append(m.head, p[:min(len(p), mostHead-len(m.head))]...)
}

// begin reads the head and finds out how the body ends.
func (m *message) begin() {
	text := string(m.head)
	line, rest, _ := strings.Cut(text, "\r\n")
	m.line, m.fields = line, textproto.MIMEHeader{}
	for field := range strings.SplitSeq(rest, "\r\n") {
		if name, value, ok := strings.Cut(field, ":"); ok {
			m.fields.Add(name, strings.TrimSpace(value))
		}
	}
	length, err := strconv.ParseInt(m.fields.Get("Content-Length"), 10, 64)
	m.onHead()
	switch {
	case strings.EqualFold(m.fields.Get("Transfer-Encoding"), "chunked"):
		m.state = inChunkLine
	case err == nil && length > 0:
		m.state, m.left = inBody, length
	case err == nil || !strings.HasPrefix(line, "HTTP/"):
		m.finish()
	default:
		m.state = odd // a response that ends with its connection: Lambda has none
	}
}

func (m *message) addBody(p []byte) []byte {
	n := min(m.left, int64(len(p)))
	m.left -= n
	piece := p[:n]
	if m.state == inChunk { // the last two are the line end
		piece = piece[:max(0, n-max(0, 2-m.left))]
	}
	if len(piece) > 0 {
		m.onBody(piece)
	}
	if m.left == 0 && m.state == inChunk {
		m.state = inChunkLine
	} else if m.left == 0 {
		m.finish()
	}
	return p[n:]
}

// addLine takes a line that holds a chunk's size, or is of the trailer.
func (m *message) addLine(p []byte) []byte {
	i := bytes.IndexByte(p, '\n')
	piece := p
	if i >= 0 {
		piece = p[:i+1]
	}
	m.number = append(m.number, piece[:min(len(piece), mostTrailer-len(m.number))]...)
	if i < 0 {
		return nil
	}
	line := strings.TrimRight(string(m.number), "\r\n")
	m.number = m.number[:0]
	if m.state == inTrailer {
		if name, value, ok := strings.Cut(line, ":"); ok {
			m.trailer.Add(name, strings.TrimSpace(value))
		} else {
			m.finish()
		}
		return p[i+1:]
	}
	size, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 32)
	switch {
	case err != nil || n < 0:
		m.state = odd
	case n == 0:
		m.state, m.trailer = inTrailer, textproto.MIMEHeader{}
	default:
		m.state, m.left = inChunk, n+2
	}
	return p[i+1:]
}

// mostTrailer is how long a line of the trailer may be of which all is kept: an error in base64.
const mostTrailer = 64 << 10

func (m *message) finish() {
	m.state = ended
	m.onEnd()
}

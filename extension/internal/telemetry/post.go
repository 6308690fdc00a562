package telemetry

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strconv"
)

const (
	// maxPost is read of a post; what is longer is thrown away and counted. Lambda's are of up to twice the buffer that was asked for, 256 KiB, and
	// something for the envelopes (TEL "Buffering").
	maxPost = 1 << 20
	// headBuffer holds a post of an invocation and its head, so that one read gets both, and is the longest line that a head may have.
	headBuffer = 4 << 10
	// maxHeadLines of a head. The platform's are known to have six.
	maxHeadLines = 100
	// keptBuffer is the largest buffer that a connection keeps for its next post.
	keptBuffer = 16 << 10
)

const (
	// answerOK is the answer to everything: a post that is not accepted comes again (TEL), and would be no better then.
	answerOK       = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	answerContinue = "HTTP/1.1 100 Continue\r\n\r\n"
)

// posts reads HTTP/1.1 requests from a connection, as far as the platform's posts need it: the length of the body and whether another will follow. Nobody
// cares for method, path and the other headers: emulators leave the path out. net/http would do as well; measured beside it, this takes a fifth
// less CPU time for a post (docs/decisions/0009-telemetry-over-http-read-by-hand.md).
type posts struct {
	r      *bufio.Reader
	w      io.Writer // for 100 Continue
	buffer []byte
}

func newPosts(conn io.ReadWriter) *posts {
	return &posts{r: bufio.NewReaderSize(conn, headBuffer), w: conn}
}

// A head is what the head of a request says.
type head struct {
	length    int64 // of the body; 0 if there is none, and if it is chunked
	chunked   bool
	last      bool // the connection ends with this request
	wantsWord bool // the body only comes after 100 Continue
}

var errHead = errors.New("not a request that is understood")

// next gives the body of the next request, which holds until the next call, and its size, which is more if it is too long. more says that
// there may be another. After an error there is no other, and the request has no answer.
func (p *posts) next() (post []byte, size int64, more bool, err error) {
	h, err := p.head()
	if err != nil {
		return nil, 0, false, err
	}
	if h.wantsWord {
		if _, err := io.WriteString(p.w, answerContinue); err != nil {
			return nil, 0, false, fmt.Errorf("ask for the body: %w", err)
		}
	}
	if cap(p.buffer) == 0 || cap(p.buffer) > keptBuffer {
		p.buffer = make([]byte, 0, headBuffer)
	}
	body := io.LimitReader(p.r, h.length)
	if h.chunked {
		body = httputil.NewChunkedReader(p.r)
	}
	p.buffer, size, err = readUpTo(p.buffer[:0], body, maxPost)
	if err == nil && h.chunked {
		err = p.trailer()
	}
	if err == nil && !h.chunked && size < h.length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, 0, false, fmt.Errorf("read post: %w", err)
	}
	return p.buffer, size, !h.last, nil
}

// head reads the head of a request.
func (p *posts) head() (h head, err error) {
	first := true
	for range maxHeadLines {
		line, err := p.line()
		switch {
		case err != nil:
			return head{}, err
		case len(line) == 0 && first: // RFC 9112 2.2: ignore empty lines before the request
		case len(line) == 0:
			return h, nil
		case first:
			if !bytes.Contains(line, []byte(" HTTP/1.")) {
				return head{}, errHead
			}
			h.last = bytes.HasSuffix(line, []byte("/1.0"))
			first = false
		default:
			name, content, ok := bytes.Cut(line, []byte(":"))
			if !ok || !h.take(name, bytes.TrimSpace(content)) {
				return head{}, errHead
			}
		}
	}
	return head{}, errHead
}

// take takes a header. It returns false if the end of the body cannot be told because of it.
func (h *head) take(name, content []byte) bool {
	is := func(s string) bool { return bytes.EqualFold(name, []byte(s)) }
	switch {
	case is("Content-Length"):
		n, err := strconv.ParseInt(string(content), 10, 64)
		h.length = n
		return err == nil && n >= 0
	case is("Transfer-Encoding"):
		h.chunked = bytes.EqualFold(content, []byte("chunked"))
		return h.chunked
	case is("Connection"):
		h.last = h.last || bytes.EqualFold(content, []byte("close"))
	case is("Expect"):
		h.wantsWord = bytes.EqualFold(content, []byte("100-continue"))
	}
	return true
}

// trailer reads what follows the last chunk.
func (p *posts) trailer() error {
	for range maxHeadLines {
		if line, err := p.line(); err != nil || len(line) == 0 {
			return err
		}
	}
	return errHead
}

// line reads a line of a head, its end left out.
func (p *posts) line() ([]byte, error) {
	line, err := p.r.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("read head: %w", err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// readUpTo appends what r has to b, up to most bytes. What is more is read as well, and only counts for the size: to leave it
// would reset the connection, and the post would come again.
func readUpTo(b []byte, r io.Reader, most int) (_ []byte, size int64, err error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):min(cap(b), most)])
		b = b[:len(b)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, int64(len(b)), nil
		case err != nil:
			return b, int64(len(b)), err //nolint:wrapcheck // next does
		case len(b) == most:
			rest, err := io.Copy(io.Discard, r)
			return b, int64(len(b)) + rest, err //nolint:wrapcheck // next does
		}
	}
}

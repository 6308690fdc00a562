package telemetry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
)

const (
	// maxPost is read of a post; what is longer is thrown away and counted. Lambda's are of up to twice the buffer that was asked for, 256 KiB, and
	// something for the envelopes (TEL "Buffering").
	maxPost = 1 << 20
	// maxHead of a request, and a little more that is read ahead. That of the platform is known to have six lines.
	maxHead = 16 << 10
	// readBuffer holds a post of an invocation and its head, so that one read gets both.
	readBuffer = 4 << 10
	// keptBuffer is the largest buffer that a connection keeps for its next post.
	keptBuffer = 16 << 10
)

const (
	// answerOK is the answer to everything: a post that is not accepted comes again (TEL), and would be no better then.
	answerOK       = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	answerContinue = "HTTP/1.1 100 Continue\r\n\r\n"
)

// posts reads requests from a connection. Nobody cares for their method and path: emulators leave the path out. http.Server would do as well; it
// costs every cold start 56 KiB of binary, and every post half as much time again (docs/decisions/0009-telemetry-over-http.md).
type posts struct {
	limit  *io.LimitedReader // of the connection: package http has no limit of its own for a head
	r      *bufio.Reader
	w      io.Writer // for 100 Continue
	buffer []byte
}

func newPosts(conn io.ReadWriter) *posts {
	limit := &io.LimitedReader{R: conn}
	return &posts{limit: limit, r: bufio.NewReaderSize(limit, readBuffer), w: conn}
}

// next gives the body of the next request, which holds until the next call, and its size, which is more if it is too long. more says that
// there may be another. After an error there is no other, and the request has no answer.
func (p *posts) next() (post []byte, size int64, more bool, err error) {
	p.limit.N = maxHead
	request, err := http.ReadRequest(p.r)
	if err != nil {
		return nil, 0, false, fmt.Errorf("read head: %w", err)
	}
	p.limit.N = math.MaxInt64
	if strings.EqualFold(request.Header.Get("Expect"), "100-continue") {
		if _, err := io.WriteString(p.w, answerContinue); err != nil {
			return nil, 0, false, fmt.Errorf("ask for the body: %w", err)
		}
	}
	if cap(p.buffer) == 0 || cap(p.buffer) > keptBuffer {
		p.buffer = make([]byte, 0, readBuffer)
	}
	p.buffer, size, err = readUpTo(p.buffer[:0], request.Body, maxPost)
	if err != nil {
		return nil, 0, false, fmt.Errorf("read post: %w", err)
	}
	return p.buffer, size, !request.Close, nil
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

package functionurl

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// writeMargin is how long after the function's deadline a client may still take what is left for it.
const writeMargin = 2 * time.Second

// LimitWrites drops a client that does not take the response until the function's time is over, and a little longer:
// nobody else ends a write to a client that does not read. The server takes the limit back after the request.
func LimitWrites(w http.ResponseWriter, head lambdalocal.StreamHead) {
	if head.Deadline.IsZero() {
		return
	}
	// What cannot have a limit is no connection, and does not block.
	_ = http.NewResponseController(w).SetWriteDeadline(head.Deadline.Add(writeMargin))
}

// stream passes the response on while the function writes it.
func (s Server) stream(w http.ResponseWriter, r *http.Request, u URL, in lambdalocal.Invocation) {
	out := &streamed{w: w}
	in.Stream = out.begin
	result, err := s.Invoke(r.Context(), u, in)
	out.mu.Lock() // a piece that is being written may go on until its limit
	defer out.mu.Unlock()
	out.ended = true
	LimitWrites(w, lambdalocal.StreamHead{Deadline: time.Now()})
	if err == nil && result.FunctionError != "" {
		err = errors.New(result.ErrorType)
	}
	switch {
	case err == nil && out.prelude != nil && out.prelude.Close() != nil && !out.begun:
		internalError(w)
	case err == nil && !out.begun: // nothing at all was written
		out.head(lambdalocal.HTTPPrelude{StatusCode: http.StatusOK}, "")
	case err == nil:
	case out.begun:
		panic(http.ErrAbortHandler) // the client has to see that the response is not whole
	case result.FunctionError != "":
		internalError(w)
	default:
		s.Fail(w, err)
	}
}

// streamed is a response on its way.
type streamed struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	prelude *lambdalocal.PreludeWriter // nil without a prelude
	begun   bool
	ended   bool // the request is answered, and nothing may be written any more
}

// errAnswered ends a stream whose invocation has ended without it.
var errAnswered = errors.New("the request has been answered")

// begin is lambdalocal.Invocation.Stream. A client that does not read is dropped when the function's time is over.
func (o *streamed) begin(head lambdalocal.StreamHead) io.Writer {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return pieces{o, io.Discard}
	}
	LimitWrites(o.w, head)
	if head.ContentType != lambdalocal.HTTPIntegration {
		o.head(lambdalocal.HTTPPrelude{StatusCode: http.StatusOK}, head.ContentType)
		return pieces{o, o}
	}
	o.prelude = lambdalocal.NewPreludeWriter(func(p lambdalocal.HTTPPrelude) io.Writer {
		o.head(p, "")
		return o
	})
	return pieces{o, o.prelude}
}

// pieces is what the function writes to, until the request is answered.
type pieces struct {
	*streamed
	to io.Writer
}

func (p pieces) Write(piece []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return 0, errAnswered
	}
	return p.to.Write(piece)
}

// streamType is the type of a streamed response that names none.
const streamType = "application/octet-stream"

func (o *streamed) head(p lambdalocal.HTTPPrelude, contentType string) {
	o.begun = true
	if contentType == "" {
		contentType = streamType
	}
	o.w.Header().Set("Content-Type", contentType)
	if !writeHead(o.w, p.StatusCode, p.Headers, p.Cookies) {
		internalError(o.w)
		return
	}
	_ = http.NewResponseController(o.w).Flush()
}

// Write sends a piece at once.
func (o *streamed) Write(piece []byte) (int, error) {
	n, err := o.w.Write(piece)
	if err != nil {
		return n, fmt.Errorf("pass the response on: %w", err)
	}
	if err := http.NewResponseController(o.w).Flush(); err != nil {
		return n, fmt.Errorf("pass the response on: %w", err)
	}
	return n, nil
}

package lambdalocal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// HTTPIntegration is the content type of a streamed response that begins with a prelude: a function URL or
// an API takes status and headers from it (NODERIC, RUSTRT; AWS: "Building a custom runtime", response
// streaming).
const HTTPIntegration = "application/vnd.awslambda.http-integration-response"

// HTTPPrelude is the beginning of such a response: JSON, and eight NUL bytes after it.
type HTTPPrelude struct {
	StatusCode int               `json:"statusCode"` // 200 if the runtime gives none
	Headers    map[string]string `json:"headers"`
	Cookies    []string          `json:"cookies"`
}

const (
	preludeEnd = "\x00\x00\x00\x00\x00\x00\x00\x00"
	// maxPrelude bounds what is kept while its end is looked for; headers may have 1 MB in all (LIM).
	maxPrelude = 1 << 20
)

// PreludeWriter splits a stream with a prelude: it hands the prelude to begin and everything after it to the
// writer that begin returns. It is what Invocation.Stream returns where the other side speaks HTTP.
type PreludeWriter struct {
	begin func(HTTPPrelude) io.Writer
	head  []byte
	rest  io.Writer // nil until the prelude is complete
	err   error
}

// NewPreludeWriter makes a writer for one response.
func NewPreludeWriter(begin func(HTTPPrelude) io.Writer) *PreludeWriter {
	return &PreludeWriter{begin: begin}
}

// Write takes a piece of the stream. A prelude that cannot be read fails this and every later call.
func (p *PreludeWriter) Write(piece []byte) (int, error) {
	switch {
	case p.err != nil:
		return 0, p.err
	case p.rest != nil:
		return p.rest.Write(piece)
	}
	p.head = append(p.head, piece...)
	end := bytes.Index(p.head, []byte(preludeEnd))
	if end < 0 && len(p.head) <= maxPrelude {
		return len(piece), nil
	}
	if end < 0 {
		p.err = fmt.Errorf("read prelude: no end in its first %d bytes", maxPrelude)
		return 0, p.err
	}
	prelude := HTTPPrelude{StatusCode: 200}
	if err := json.Unmarshal(p.head[:end], &prelude); err != nil {
		p.err = fmt.Errorf("read prelude: %w", err)
		return 0, p.err
	}
	p.rest = p.begin(prelude)
	if after := p.head[end+len(preludeEnd):]; len(after) > 0 {
		if _, err := p.rest.Write(after); err != nil {
			return 0, err
		}
	}
	p.head = nil
	return len(piece), nil
}

// Close tells whether a whole prelude came. It does not close what begin returned.
func (p *PreludeWriter) Close() error {
	if p.err == nil && p.rest == nil {
		return errors.New("read prelude: the response ended before it")
	}
	return p.err
}

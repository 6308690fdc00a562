package nethttp

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
)

// A body is what is kept of a request's or a response's while it passes.
type body struct {
	mu   sync.Mutex // who reads is another goroutine than who closes, or who has the answer
	copy hook.Copy
	size int64 // of the response, as announced; -1 if unknown
	over bool
}

func (b *body) add(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.copy.Add(p)
	}
}

// restart forgets what was kept: the request is sent again.
func (b *body) restart(budget int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.copy.Reset(budget, 0)
	}
}

// close has nothing more kept, and tells whether that was so already.
func (b *body) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	over := b.over
	b.over = true
	return over
}

// whole tells whether as much has passed as was announced: whoever reads exactly that need not see the end.
func (b *body) whole() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.copy.Size() == b.size
}

// sees gives a body that can do what the original can.
func sees(s *seen) io.ReadCloser {
	writerTo, writesTo := s.original.(io.WriterTo)
	writer, writes := s.original.(io.Writer)
	switch {
	case writesTo && writes:
		return &seenBoth{seenWriterTo{s, writerTo}, writer}
	case writesTo:
		return &seenWriterTo{s, writerTo}
	case writes:
		return &seenWriter{s, writer}
	}
	return s
}

// A seen body passes everything on.
type seen struct {
	original io.ReadCloser
	call     *Call
	body     *body
}

func (s *seen) self() *seen { return s }

func (s *seen) Read(p []byte) (int, error) {
	n, err := s.original.Read(p)
	s.passed(p, n, err)
	return n, err
}

func (s *seen) Close() error {
	err := s.original.Close()
	s.closed()
	return err
}

func (s *seen) passed(p []byte, n int, err error) {
	defer s.call.hook.Catch("body")
	if n > 0 {
		s.body.add(hook.Within(p, n))
	}
	if err != nil && s.body == &s.call.response {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		s.call.end(err != nil, err)
	}
}

func (s *seen) closed() {
	defer s.call.hook.Catch("body")
	if s.body == &s.call.response {
		s.call.end(!s.body.whole(), nil)
	}
}

// seenWriterTo is one that can also write itself somewhere, in larger pieces than Read gives.
type seenWriterTo struct {
	*seen
	writerTo io.WriterTo
}

func (s *seenWriterTo) WriteTo(w io.Writer) (int64, error) {
	n, err := s.writerTo.WriteTo(&tee{w, s.body, s.call.hook})
	if err == nil {
		s.passed(nil, 0, io.EOF)
	} else {
		s.passed(nil, 0, err)
	}
	return n, err
}

// A tee is what such a body writes to.
type tee struct {
	to   io.Writer
	body *body
	hook *hook.Hook
}

func (t *tee) Write(p []byte) (int, error) {
	n, err := t.to.Write(p)
	t.wrote(p, n)
	return n, err
}

func (t *tee) wrote(p []byte, n int) {
	defer t.hook.Catch("body")
	t.body.add(hook.Within(p, n))
}

// seenWriter is one that can also be written to.
type seenWriter struct {
	*seen
	io.Writer
}

type seenBoth struct {
	seenWriterTo
	io.Writer
}

// A source is a body that can be looked at without changing anything in it.
type source struct {
	buffer *bytes.Buffer
	reader interface {
		io.ReaderAt
		Len() int
		Size() int64
	}
}

func (s source) length() int {
	if s.buffer != nil {
		return s.buffer.Len()
	}
	return s.reader.Len()
}

// peek gives at most so many of its first bytes. room is memory to use.
func (s source) peek(room *[]byte, most int) []byte {
	n := min(s.length(), most)
	if s.buffer != nil {
		return s.buffer.Bytes()[:n]
	}
	if cap(*room) < n {
		*room = make([]byte, n)
	}
	p := (*room)[:n]
	n, _ = s.reader.ReadAt(p, s.reader.Size()-int64(s.reader.Len())) // what cannot be read is missing, for the transport to find out
	return p[:n]
}

// A part of a file is what is sent of it, from where the function has left it. The transport has the system send it (sendfile(2)), if nothing is around it.
type filePart struct {
	*os.File
	from, to int64
}

func (f filePart) Len() int    { return int(f.to - f.from) }
func (f filePart) Size() int64 { return f.to }

// partOf gives what is sent of a file: as much as is announced. It cannot be told of one that is no file on a disk, or where nothing is; in chunks, all of it is sent.
func partOf(f *os.File, req *http.Request) (source, bool) {
	announced := req.ContentLength
	info, err := f.Stat()
	if err != nil || announced <= 0 || len(req.TransferEncoding) > 0 || !info.Mode().IsRegular() {
		return source{}, false
	}
	from, err := f.Seek(0, io.SeekCurrent) // moves nothing
	if err != nil || info.Size()-from < announced {
		return source{}, false
	}
	return source{reader: filePart{f, from, from + announced}}, true
}

// The types of what io.NopCloser gives, which is what http.NewRequest makes of a reader; and of what an http.Transport puts around it. All of them embed
// what they stand for.
var (
	nopCloser         = reflect.TypeOf(io.NopCloser(onlyReader{}))      //nolint:gochecknoglobals // a constant, if Go had such
	nopCloserWriterTo = reflect.TypeOf(io.NopCloser(new(bytes.Reader))) //nolint:gochecknoglobals // the same
)

type onlyReader struct{ io.Reader }

const tracking = "*http.readTrackingBody"

// tracked gives the body that an http.Transport has put its own around.
func tracked(body io.ReadCloser) (within io.ReadCloser, ok bool) {
	v := reflect.ValueOf(body)
	if v.Kind() != reflect.Pointer || v.Type().String() != tracking || v.Elem().NumField() == 0 || !v.Elem().Field(0).CanInterface() {
		return nil, false
	}
	within, ok = v.Elem().Field(0).Interface().(io.ReadCloser)
	return within, ok
}

// atHand gives the body of a request if it is in memory, or a file of which it is known how much is sent.
func atHand(req *http.Request) (source, bool) {
	body := req.Body
	if within, ok := tracked(body); ok {
		body = within
	}
	if f, ok := body.(*os.File); ok {
		return partOf(f, req)
	}
	v := reflect.ValueOf(body)
	if t := v.Type(); t != nopCloser && t != nopCloserWriterTo || v.NumField() == 0 || !v.Field(0).CanInterface() {
		return source{}, false
	}
	switch r := v.Field(0).Interface().(type) {
	case *bytes.Buffer:
		return source{buffer: r}, true
	case *bytes.Reader:
		return source{reader: r}, true
	case *strings.Reader:
		return source{reader: r}, true
	case *os.File:
		return partOf(r, req)
	}
	return source{}, false
}

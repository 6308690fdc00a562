package nethttp

import (
	"sync"

	"github.com/afterglow-lambda/afterglow/spool"
)

// A scratch is memory that one record takes while it is made.
type scratch struct {
	headers [24][2]string // more than most requests have
	used    [][2]string   // of them
	parts   []spool.Part
	data    [][]byte
	sizes   [2]int64
	bytes   []byte // of a request's body
}

var scratches = sync.Pool{New: func() any { return new(scratch) }} //nolint:gochecknoglobals // memory, no state

// mostScratch is how much of a body's memory is kept.
const mostScratch = 64 << 10

// part adds a piece of a body, of which so much has passed, and that was all of it or not, and gives the descriptions of all.
func (s *scratch) part(of string, data []byte, passed int64, whole bool) []spool.Part {
	p := spool.Part{Of: of, Truncated: !whole || int64(len(data)) < passed}
	if whole {
		size := &s.sizes[len(s.parts)]
		*size, p.Size = passed, size
	}
	s.parts, s.data = append(s.parts, p), append(s.data, data)
	return s.parts
}

// keep notes how much of the memory these headers, which begin there, have taken.
func (s *scratch) keep(headers [][2]string) [][2]string {
	s.used = s.headers[:min(len(headers), len(s.headers))]
	return headers
}

// done gives the memory back, and holds on to nothing that was in it.
func (s *scratch) done() {
	clear(s.used)
	clear(s.parts)
	clear(s.data)
	s.parts, s.data = s.parts[:0], s.data[:0]
	if cap(s.bytes) > mostScratch {
		s.bytes = nil
	}
	scratches.Put(s)
}

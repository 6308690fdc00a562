package export

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

// An ahead is the beginning of a request that was compressed before the rest was known.
type ahead struct {
	of     *way // nil: there is none
	pieces [][]byte
}

// behind gives the pieces of a request that follow those of the beginning, if it begins with them. A piece that is the same memory is not looked at.
func (a ahead) behind(request [][]byte) (rest [][]byte, ok bool) {
	if len(request) < len(a.pieces) || !slices.EqualFunc(a.pieces, request[:len(a.pieces)], bytes.Equal) {
		return nil, false
	}
	return request[len(a.pieces):], true
}

// Ahead compresses what the next request of a signal will go on with, so that Send has less to do at once: compressing a request of a megabyte takes longer than
// the smallest function has of a core in two periods. It is a guess. What Send is asked to send then is compared with it, and compressed as a whole if it is
// something else. The bytes may not change until then.
func (c *Client) Ahead(signal string, piece []byte) {
	w := c.ways[signal]
	if w == nil || !w.compress {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead.of != w {
		if c.begin(w) != nil {
			return // Send will say it
		}
		c.ahead = ahead{of: w}
	}
	if _, err := c.zip.Write(piece); err != nil {
		c.ahead = ahead{}
		return
	}
	c.ahead.pieces = append(c.ahead.pieces, piece)
}

// begin has what is compressed written for a way.
func (c *Client) begin(w *way) (err error) {
	if w.writing.Load() > 0 {
		w.zipped, w.writing = bytes.Buffer{}, new(atomic.Int64)
	}
	w.zipped.Reset()
	if c.zip == nil {
		if c.zip, err = gzip.NewWriterLevel(&w.zipped, zipLevel); err != nil {
			return fmt.Errorf("compress request: %w", err)
		}
	}
	c.zip.Reset(&w.zipped)
	return nil
}

// body gives what is sent of a request: as it is, or compressed.
func (c *Client) body(w *way, pieces [][]byte) (body []byte, zipped bool, err error) {
	if !w.compress {
		return joined(pieces), false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := c.ahead
	c.ahead = ahead{}
	if len(pieces) == 1 && len(pieces[0]) < smallest {
		return pieces[0], false, nil
	}
	rest, ok := pieces, false
	if begun.of == w {
		rest, ok = begun.behind(pieces)
	}
	if !ok {
		rest = pieces
		err = c.begin(w)
	}
	for i := 0; i < len(rest) && err == nil; i++ {
		_, err = c.zip.Write(rest[i])
	}
	if err == nil {
		err = c.zip.Close()
	}
	if err != nil {
		return nil, false, fmt.Errorf("compress request: %w", err)
	}
	return w.zipped.Bytes(), true, nil
}

// joined gives pieces in one.
func joined(pieces [][]byte) []byte {
	if len(pieces) == 1 {
		return pieces[0]
	}
	return slices.Concat(pieces...)
}

package nethttp

import (
	"errors"
	"io"
	"testing"
)

var errOdd = errors.New("odd")

// An odd reader and writer says that as much has passed as it likes.
type odd int

func (o odd) Read([]byte) (int, error)  { return int(o), errOdd }
func (o odd) Write([]byte) (int, error) { return int(o), errOdd }
func (o odd) Close() error              { return nil }
func (o odd) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write([]byte("abc"))
	return int64(n), err
}

// TestCountsOutOfBoundsPassUnchanged: they are the function's own, and nothing of the hook's is to break on them.
func TestCountsOutOfBoundsPassUnchanged(t *testing.T) {
	for _, n := range []int{-1, 100} {
		h, _ := newHook(t, nil)
		c := &Call{hook: h}
		c.request.copy.Reset(100, 0)
		s := &seen{original: odd(n), call: c, body: &c.request}
		p := &passing{ReadCloser: odd(n), hook: h, add: func(b []byte) {
			if len(b) > 4 {
				t.Errorf("%d bytes of 4", len(b))
			}
		}}
		for name, f := range map[string]func() (int, error){
			"a body":                 func() (int, error) { return s.Read(make([]byte, 4)) },
			"one of the Runtime API": func() (int, error) { return p.Read(make([]byte, 4)) },
			"where a body is written to": func() (int, error) {
				n, err := (&seenWriterTo{s, odd(n)}).WriteTo(odd(n))
				return int(n), err
			},
		} {
			if got, err := f(); got != n || err != errOdd { //nolint:errorlint // as it is
				t.Errorf("%s: %d, %v, want %d", name, got, err, n)
			}
		}
		if got := c.request.copy.Size(); got != max(0, min(int64(n), 4+3)) {
			t.Errorf("%d bytes have passed of 7, it says, where %d was told", got, n)
		}
	}
}

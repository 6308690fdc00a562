package main

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// A stuck writer takes nothing before it is let go.
type stuck struct {
	free chan struct{}
	bytes.Buffer
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.free
	return s.Buffer.Write(b)
}

func TestConsole(t *testing.T) {
	t.Run("lines keep their order, and those that do not fit are counted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &stuck{free: make(chan struct{})}
			c := newConsole(w)
			var want strings.Builder
			io.WriteString(c, "first\n")
			synctest.Wait() // it is being written
			want.WriteString("first\n")
			for n := range mostLines + 7 {
				line := "line " + strconv.Itoa(n) + "\n"
				if _, err := io.WriteString(c, line); err != nil {
					t.Fatal(err)
				}
				if n < mostLines {
					want.WriteString(line)
				}
			}
			c.flush(lastLines) // returns all the same
			close(w.free)
			c.flush(lastLines)
			got, told := strings.CutPrefix(w.String(), want.String())
			if !told || !strings.Contains(got, `"lines":7,`) {
				t.Errorf("written: %q", w.String())
			}
			io.WriteString(c, "later\n")
			c.flush(lastLines)
			if !strings.HasSuffix(w.String(), "}\nlater\n") {
				t.Errorf("written later: %q", w.String())
			}
		})
	})
	t.Run("lines that are large are bounded in bytes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &stuck{free: make(chan struct{})}
			c := newConsole(w)
			for range 3 {
				c.Write(make([]byte, mostLineBytes/2))
			}
			c.Write(make([]byte, mostLineBytes))
			close(w.free)
			c.flush(lastLines)
			if w.Len() > 2*mostLineBytes || !strings.Contains(w.String(), `"lines":`) {
				t.Errorf("%d bytes were written", w.Len())
			}
		})
	})
}

package lambdalocal

import (
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// TestSettledMeansWritten: whatever was written into a pipe has become a line when its reader is said to be settled, at whatever moment that is asked.
func TestSettledMeansWritten(t *testing.T) {
	const lines = 20_000
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r := &lineReader{file: in, done: make(chan struct{})}
	var got atomic.Int64
	r.cutter.write = func(string) { got.Add(1) }
	go func() {
		defer close(r.done)
		defer in.Close()
		r.lines()
	}()
	for i := range int64(lines) {
		if _, err := out.WriteString("line\n"); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(5 * time.Second); !r.settled(); {
			if time.Now().After(end) {
				t.Fatalf("line %d is not settled", i+1)
			}
		}
		if n := got.Load(); n != i+1 {
			t.Fatalf("settled with %d lines of %d", n, i+1)
		}
	}
}

package export

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// TestAnAnswerThatComesEarly: whoever refuses a request need not read it, and net/http goes on writing it after its answer. As long as it may, the next request is
// not written over it.
func TestAnAnswerThatComesEarly(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	c := client(t, Endpoint{URL: "http://" + listener.Addr().String(), Compress: true})
	w := c.ways[otlplog.Traces]
	writing := w.writing
	var during atomic.Int64
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReaderSize(connection, 1<<10)); err == nil {
				during.Store(writing.Load())
				_, _ = io.WriteString(connection, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			}
			t.Cleanup(func() { connection.Close() }) // and reads nothing until then
		}
	}()
	payload := make([]byte, 16<<20) // more than the system takes by itself
	_, _ = rand.NewChaCha8([32]byte{}).Read(payload)
	if _, err := c.Send(t.Context(), payload); err == nil {
		t.Fatal("it was accepted")
	}
	if n := during.Load(); n != 1 {
		t.Errorf("%d connections may read it while it is written", n)
	}
	for deadline := time.Now().Add(10 * time.Second); writing.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections may read it still", writing.Load())
		}
	}
}

// TestWhatIsBeingWrittenIsLeftAlone: a buffer that a connection may still read is not used again.
func TestWhatIsBeingWrittenIsLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		writing int64
		same    bool
	}{"written": {0, true}, "being written": {1, false}} {
		t.Run(name, func(t *testing.T) {
			c := client(t, Endpoint{URL: "http://127.0.0.1:1", Compress: true})
			w := c.ways[otlplog.Traces]
			first, _, err := c.body(w, [][]byte{bytes.Repeat([]byte("a"), 2*smallest)})
			if err != nil {
				t.Fatal(err)
			}
			w.writing.Add(test.writing)
			second, _, err := c.body(w, [][]byte{bytes.Repeat([]byte("b"), 2*smallest)})
			if err != nil {
				t.Fatal(err)
			}
			if same := &first[0] == &second[0]; same != test.same {
				t.Errorf("it is the same buffer: %v", same)
			}
			if n := w.writing.Load(); n != 0 {
				t.Errorf("%d connections may read the new one", n)
			}
		})
	}
}

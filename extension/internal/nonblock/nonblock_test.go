package nonblock_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/nonblock"
)

// pair gives both ends of a connection on loopback.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	theirs, err = new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), theirs.Close() })
	return nonblock.Conn(conn), theirs
}

// TestConnCarriesWhatIsLargerThanItsBuffers: both directions, far more at a time than a socket holds, so that reads and writes have to wait.
func TestConnCarriesWhatIsLargerThanItsBuffers(t *testing.T) {
	ours, theirs := pair(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	echoed := make(chan error, 1)
	go func() {
		_, err := io.Copy(theirs, io.LimitReader(theirs, int64(len(data))))
		echoed <- err
	}()
	written := make(chan error, 1)
	go func() {
		n, err := ours.Write(data)
		if err == nil && n != len(data) {
			err = io.ErrShortWrite
		}
		written <- err
	}()
	got, err := io.ReadAll(io.LimitReader(ours, int64(len(data))))
	if err := errors.Join(err, <-written, <-echoed); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Error("what came back is not what was sent")
	}
}

// TestConnEndsAsOthersDo: whoever asks why a Read or a Write failed gets the answer that package net gives.
func TestConnEndsAsOthersDo(t *testing.T) {
	one := make([]byte, 1)
	t.Run("nothing to read into", func(t *testing.T) {
		ours, _ := pair(t)
		if n, err := ours.Read(nil); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("the other end closed", func(t *testing.T) {
		ours, theirs := pair(t)
		if !nonblock.IsIdle(ours) {
			t.Error("it is not idle before")
		}
		_ = theirs.Close()
		if _, err := ours.Read(one); !errors.Is(err, io.EOF) {
			t.Errorf("%v, not the end", err)
		}
		if nonblock.IsIdle(ours) {
			t.Error("its end is something to read")
		}
	})
	t.Run("a deadline while it waits", func(t *testing.T) {
		ours, _ := pair(t)
		failed := make(chan error, 1)
		go func() {
			_, err := ours.Read(one)
			failed <- err
		}()
		_ = ours.SetDeadline(time.Unix(1, 0))
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v, not a deadline", err)
		}
		if _, err := ours.Write(one); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v, not a deadline", err)
		}
	})
	t.Run("closed while it waits", func(t *testing.T) {
		ours, _ := pair(t)
		failed := make(chan error, 1)
		go func() {
			_, err := ours.Read(one)
			failed <- err
		}()
		_ = ours.Close()
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, not closed", err)
		}
		if nonblock.IsIdle(ours) {
			t.Error("nobody can tell of a closed one")
		}
	})
	t.Run("a write that nobody reads", func(t *testing.T) {
		ours, theirs := pair(t)
		_ = theirs.(*net.TCPConn).SetLinger(0) // a reset
		_ = theirs.Close()
		_, _ = ours.Read(one) // the reset is here
		if _, err := ours.Write(one); err == nil {
			t.Error("it was written")
		}
	})
	t.Run("data to read", func(t *testing.T) {
		ours, theirs := pair(t)
		if _, err := theirs.Write(one); err != nil {
			t.Fatal(err)
		}
		if n, err := ours.Read(make([]byte, 8)); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// TestReaderOfAPipe is the same for a file.
func TestReaderOfAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("ab"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if got, err := io.ReadAll(nonblock.Reader(r)); string(got) != "ab" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_ = r.Close()
	if _, err := nonblock.Reader(r).Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("%v from a closed one", err)
	}
}

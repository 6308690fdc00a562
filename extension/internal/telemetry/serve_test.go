package telemetry

import (
	"bufio"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// TestCloseEndsAllThatServes: port and connections are closed, and Close waits for the goroutines.
func TestCloseEndsAllThatServes(t *testing.T) {
	l := start(t, Options{})
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(l.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
	post(t, l, list(startOf("A", 1)))
	l.Close()
	l.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is still there: %v", err)
	}
	if again, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(l.port))); err == nil {
		again.Close()
		t.Error("the port is still open")
	}
	if err := l.Serve(); err != nil {
		t.Errorf("a Listener that is closed: %v", err)
	}
	if facts := l.Take(); len(facts) != 1 {
		t.Errorf("got %+v", facts)
	}
}

// TestGuardedPort: source of the worry: the API has no authentication, and the port is open on all addresses.
func TestGuardedPort(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:9001": true, "127.5.5.5:1": true, "[::1]:80": true, "localhost:80": true, "169.254.100.1:9001": false, "10.0.0.1:80": false, "sandbox:80": false, "": false, "127.0.0.1": false,
	} {
		if got := IsLoopback(address); got != want {
			t.Errorf("%q is of loopback: %v", address, got)
		}
	}
	tcp := func(from, to string) net.Conn {
		return fakeConn{from: &net.TCPAddr{IP: net.ParseIP(from)}, to: &net.TCPAddr{IP: net.ParseIP(to)}}
	}
	for _, c := range []struct {
		from, to string
		want     bool
	}{{"127.0.0.1", "127.0.0.1", true}, {"169.254.79.2", "169.254.79.2", true}, {"10.0.0.2", "10.0.0.1", false}} {
		if got := isOurs(tcp(c.from, c.to)); got != c.want {
			t.Errorf("%s to %s: %v", c.from, c.to, got)
		}
	}
}

type fakeConn struct {
	net.Conn
	from, to net.Addr
}

func (c fakeConn) RemoteAddr() net.Addr { return c.from }
func (c fakeConn) LocalAddr() net.Addr  { return c.to }

// TestGuardRefuses: from an address of this machine that is not loopback it is let in, and what the guard refuses is closed before it is read.
func TestGuardRefuses(t *testing.T) {
	l := &Listener{opt: Options{Guarded: true}, seed: maphash.MakeSeed()}
	stranger := &fakeListener{conns: make(chan net.Conn, 1), closed: make(chan bool)}
	ours, theirs := net.Pipe()
	stranger.conns <- fakeConn{ours, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2)}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}}
	l.serve(stranger)
	theirs.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(theirs, "POST / HTTP/1.1\r\n\r\n"); err == nil {
		t.Error("a stranger is listened to")
	}
	l.Close()
}

// TestAnsweredIsTakenIn: once Lambda has the answer it may go on with SHUTDOWN, and nothing that comes after that is waited for.
func TestAnsweredIsTakenIn(t *testing.T) {
	l := &Listener{seed: maphash.MakeSeed()}
	from := &fakeListener{conns: make(chan net.Conn, 1), closed: make(chan bool)}
	ours, theirs := net.Pipe()
	facts := make(chan int, 2) // that there are when an answer is written
	from.conns <- &answering{ours, func() { facts <- len(l.Take()) }}
	l.serve(from)
	t.Cleanup(l.Close)
	theirs.SetDeadline(time.Now().Add(patience))
	answers := bufio.NewReader(theirs)
	for _, c := range []struct {
		post string
		want int
	}{{list(startOf("A", 1), doneOf("A", 2)), 2}, {list(strings.Repeat("x", maxPost)), 1}} {
		go fmt.Fprintf(theirs, "POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", len(c.post), c.post)
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := <-facts; got != c.want {
			t.Errorf("%d facts of %d were there when the post was answered", got, c.want)
		}
	}
}

// An answering connection tells when something is written to it, before it is.
type answering struct {
	net.Conn
	write func()
}

func (a *answering) Write(b []byte) (int, error) {
	a.write()
	return a.Conn.Write(b)
}

// A fakeListener fails once, as without descriptors, before it gives what it has.
type fakeListener struct {
	failed bool
	conns  chan net.Conn
	closed chan bool
}

func (f *fakeListener) Accept() (net.Conn, error) {
	if !f.failed {
		f.failed = true
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}
func (f *fakeListener) Close() error   { close(f.closed); return nil }
func (f *fakeListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestListeningFails: the caller learns of it.
func TestListeningFails(t *testing.T) {
	taken := start(t, Options{})
	if l, err := listenOn(taken.port, Options{}); err == nil {
		l.Close()
		t.Error("no error")
	}
}

// TestReservedPort: source TEL. Another is taken, and the reserved one given back.
func TestReservedPort(t *testing.T) {
	l, err := listenOn(reservedPort, Options{})
	if err == nil {
		t.Cleanup(l.Close)
		if l.port == reservedPort {
			t.Error("it listens on the port that is Lambda's")
		}
		return
	}
	t.Logf("not tested: %v", err) // somebody else on this machine has it
}

// TestPostsBeforeServe wait.
func TestPostsBeforeServe(t *testing.T) {
	l, err := Listen(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(l.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := list(startOf("A", 1))
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err := l.Serve(); err != nil {
		t.Fatal(err)
	}
	take(t, l, 1)
}

// TestURI: sources TEL: http, the name, any port but 9001.
func TestURI(t *testing.T) {
	l := start(t, Options{})
	u, err := url.Parse(l.URI())
	if err != nil || u.Scheme != "http" || u.Hostname() != "sandbox.localdomain" || u.Port() == "" || u.Port() == "9001" {
		t.Errorf("%s %v", l.URI(), err)
	}
}

// TestAPanicOfAConnection costs no more than it.
func TestAPanicOfAConnection(t *testing.T) {
	stranger := &fakeListener{conns: make(chan net.Conn, 1), closed: make(chan bool)}
	l := &Listener{seed: maphash.MakeSeed()}
	ours, theirs := net.Pipe()
	stranger.conns <- brokenConn{ours}
	l.serve(stranger)
	theirs.SetDeadline(time.Now().Add(patience))
	if _, err := theirs.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is still there: %v", err)
	}
	l.Close()
	if f := l.Take(); len(f) != 1 || f[0].Reason != event.DroppedDamaged {
		t.Errorf("got %+v", f)
	}
}

type brokenConn struct{ net.Conn }

func (brokenConn) Read([]byte) (int, error) { panic("broken") }

package conformance

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// A peer is the server that functions send requests to. It is written on sockets, so that it can answer as no proper server would, and it keeps every
// byte that arrives, connection by connection.
type peer struct {
	address, secure, second string // host:port; the secure one has TLS, the second one TLS and HTTP/2
	closed                  string // host:port where nobody listens
	certificate             string // a folder with ca.pem, which is that of those with TLS

	mu       sync.Mutex
	told     *sync.Cond // whenever something below has changed
	open     map[*connection]bool
	heard    []*connection // those that something arrived on, in that order
	order    []string      // requests as they arrived, and what the runner noted between them
	spoken   []*spoken
	framed   []string // requests of HTTP/2, whose bytes tell nothing: method, path, headers and body
	streamed int      // bytes of the response that the caller of the invocation has got
	counts   map[string]int
	answered map[string]bool // paths, since the story began
	ended    bool
}

// A connection is one that a function has made.
type connection struct {
	net.Conn
	peer  *peer
	bytes bytes.Buffer // what arrived since the last take
}

func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.peer.mu.Lock()
	defer c.peer.mu.Unlock()
	if n > 0 && c.bytes.Len() == 0 {
		c.peer.heard = append(c.peer.heard, c)
	}
	c.bytes.Write(b[:n])
	return n, err //nolint:wrapcheck // it is net/http that asks
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{open: map[*connection]bool{}, counts: map[string]int{}, answered: map[string]bool{}, certificate: t.TempDir()}
	p.told = sync.NewCond(&p.mu)
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate, which is for 127.0.0.1
	certified.Close()
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(p.certificate, "ca.pem"), block, 0o644); err != nil {
		t.Fatal(err)
	}
	listen := func(wrap func(net.Conn) net.Conn) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go p.accept(l, wrap)
		t.Cleanup(func() { l.Close() })
		return l.Addr().String()
	}
	p.address = listen(func(c net.Conn) net.Conn { return c })
	p.secure = listen(func(c net.Conn) net.Conn {
		return tls.Server(c, &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"http/1.1"}})
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.closed = closed.Addr().String()
	closed.Close() // nobody is given the port again soon
	p.second = p.serveSecond(t, certified.TLS.Certificates)
	t.Cleanup(p.close)
	return p
}

func (p *peer) accept(l net.Listener, wrap func(net.Conn) net.Conn) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c := &connection{Conn: wrap(conn), peer: p}
		p.mu.Lock()
		p.open[c] = true
		p.mu.Unlock()
		go func() {
			defer func() {
				c.Close()
				p.mu.Lock()
				delete(p.open, c)
				p.mu.Unlock()
			}()
			p.serve(c)
		}()
	}
}

// serve answers one request after the other.
func (p *peer) serve(c *connection) {
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		p.note(r.Method + " " + r.URL.RequestURI())
		x := &exchange{peer: p, request: r, in: in, out: c}
		x.spoken.method, x.spoken.target = r.Method, r.RequestURI
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &x.spoken.request), r.Body}
		goesOn := x.answer()
		p.mu.Lock()
		p.spoken = append(p.spoken, &x.spoken)
		p.answered[r.URL.Path] = true
		p.told.Broadcast()
		p.mu.Unlock()
		if !goesOn {
			return
		}
	}
}

// mostSpoken is how much of a body is kept to compare the spool with: more than hooks keep.
const mostSpoken = 128 << 10

// A spoken is what passed in an exchange: the body of the request, and the whole answer, both up to mostSpoken.
type spoken struct {
	method, target    string
	request, response beginning
}

// A beginning keeps the first bytes of what is written to it.
type beginning []byte

func (b *beginning) Write(data []byte) (int, error) {
	*b = append(*b, data[:min(len(data), mostSpoken-len(*b))]...)
	return len(data), nil
}

// note adds a line to the order of events.
func (p *peer) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = append(p.order, what)
	p.told.Broadcast()
}

// await waits until something holds, or the peer is closed.
func (p *peer) await(holds func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !holds() && !p.ended {
		p.told.Wait()
	}
}

// count tells how often it was asked about something since the last take.
func (p *peer) count(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[what]++
	return p.counts[what]
}

func (p *peer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.told.Broadcast()
	for c := range p.open {
		c.Close()
	}
}

// received is what reached the peer.
type received struct {
	Order       []string
	Connections []string // bytes
	spoken      []*spoken
}

// begin forgets what was answered before.
func (p *peer) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.answered)
}

// take gives what has arrived since the last time.
func (p *peer) take(unordered bool) received {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := received{Order: p.order, spoken: p.spoken}
	for _, c := range p.heard {
		r.Connections = append(r.Connections, c.bytes.String())
		c.bytes.Reset() // the connection may be used again
	}
	r.Connections = append(r.Connections, p.framed...)
	p.order, p.heard, p.spoken, p.framed, p.streamed = nil, nil, nil, nil, 0
	clear(p.counts)
	if unordered {
		slices.Sort(r.Order)
		slices.Sort(r.Connections)
	}
	return r
}

// taker gives pieces of a streamed response to the peer, which may be waiting for them before it answers.
type taker struct {
	peer *peer
	all  *bytes.Buffer
}

func (t taker) Write(b []byte) (int, error) {
	t.peer.mu.Lock()
	defer t.peer.mu.Unlock()
	t.peer.streamed += len(b)
	t.peer.told.Broadcast()
	n, err := t.all.Write(b)
	if err != nil {
		return n, fmt.Errorf("keep response: %w", err)
	}
	return n, nil
}

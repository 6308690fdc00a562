package node_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A peer is a server that functions talk to. It keeps every byte that arrives, connection by connection.
type peer struct {
	address, secure string
	ca              string // file with the certificate of the secure one

	mu    sync.Mutex
	heard []*bytes.Buffer
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{}
	serve := func(l net.Listener) string {
		server := &http.Server{Handler: http.HandlerFunc(serveStory), ReadHeaderTimeout: patience}
		go server.Serve(recorder{l, p})
		t.Cleanup(func() { server.Close() })
		return l.Addr().String()
	}
	p.address = serve(listen(t))
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	certified.Close()
	// no HTTP/2: what is compared are the bytes of HTTP/1.1
	p.secure = serve(tls.NewListener(listen(t), &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"http/1.1"}}))
	p.ca = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})
	if err := os.WriteFile(p.ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// env tells a function where the peer is.
func (p *peer) env() map[string]string {
	return map[string]string{"PEER": p.address, "SECURE_PEER": p.secure, "NODE_EXTRA_CA_CERTS": p.ca}
}

// take gives what arrived since the last time, a string for each connection, in an order that does not depend on chance.
func (p *peer) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, b := range p.heard {
		if b.Len() > 0 {
			all = append(all, b.String())
			b.Reset() // the connection may be used again
		}
	}
	slices.Sort(all)
	return all
}

type recorder struct {
	net.Listener
	peer *peer
}

func (r recorder) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	b := new(bytes.Buffer)
	r.peer.mu.Lock()
	defer r.peer.mu.Unlock()
	r.peer.heard = append(r.peer.heard, b)
	return recorded{c, r.peer, b}, nil
}

type recorded struct {
	net.Conn
	peer  *peer
	heard *bytes.Buffer
}

func (r recorded) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.peer.mu.Lock()
	defer r.peer.mu.Unlock()
	r.heard.Write(b[:n])
	return n, err
}

// pace is the time between two pieces of a slow response.
const pace = 3 * time.Millisecond

func serveStory(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		hijack(w, func(c net.Conn, rw *bufio.ReadWriter) {
			io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
			echo(c, rw)
		})
		return
	}
	if strings.HasPrefix(r.URL.Path, "/aws") {
		serveAWS(w, r)
		return
	}
	switch r.URL.Path {
	case "/text":
		io.WriteString(w, "some text")
	case "/echo":
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Length", strconv.Itoa(len(body)))
		w.Write(body)
	case "/chunked":
		pieces(w, r, "first ", "zwöl", "f\n", "last")
	case "/slow":
		pieces(w, r, "a", "b", "c", "d", "e")
	case "/trickle":
		pieces(w, r, slices.Repeat([]string{"drop "}, 20000)...)
	case "/gzip":
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, "unpacked")
		z.Close()
	case "/large":
		n, _ := strconv.Atoi(r.FormValue("n"))
		w.Write(bytes.Repeat([]byte("L"), n))
	case "/status":
		code, _ := strconv.Atoi(r.FormValue("code"))
		w.WriteHeader(code)
	case "/redirect":
		http.Redirect(w, r, "/text", http.StatusFound)
	case "/never":
		<-r.Context().Done()
	default:
		serveBroken(w, r)
	}
}

// serveAWS is as much of AWS as the SDK needs to be content.
func serveAWS(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Amzn-Requestid", "REQUEST")
	switch {
	case r.Header.Get("X-Amz-Target") == "AmazonSQS.SendMessage":
		fmt.Fprintf(w, `{"MessageId":"message-1","MD5OfMessageBody":"%x"}`, md5.Sum([]byte("hello")))
	case strings.Contains(string(body), `"retried"`) && strings.HasPrefix(r.Header.Get("Amz-Sdk-Request"), "attempt=1"):
		w.WriteHeader(http.StatusServiceUnavailable)
	case strings.Contains(string(body), `"refused"`):
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no such table"}`)
	case r.Method == http.MethodGet:
		io.WriteString(w, "an object")
	case r.Header.Get("X-Amz-Target") != "":
		io.WriteString(w, `{}`)
	}
}

// serveBroken serves what no proper server would.
func serveBroken(w http.ResponseWriter, r *http.Request) {
	hijack(w, func(c net.Conn, rw *bufio.ReadWriter) {
		switch r.URL.Path {
		case "/hangup":
		case "/cut":
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
		case "/garbage":
			io.WriteString(c, "this is no HTTP\r\n\r\n")
		case "/upgrade":
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nhello ")
			echo(c, rw)
		}
	})
}

// echo sends back the first thing that comes.
func echo(c net.Conn, rw *bufio.ReadWriter) {
	b := make([]byte, 100)
	n, _ := rw.Read(b)
	c.Write(b[:n])
}

func hijack(w http.ResponseWriter, use func(net.Conn, *bufio.ReadWriter)) {
	c, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	use(c, rw)
}

func pieces(w http.ResponseWriter, r *http.Request, all ...string) {
	for _, piece := range all {
		if _, err := io.WriteString(w, piece); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(pace):
		}
	}
}

// random is what AWS's SDK makes anew for each request.
var random = regexp.MustCompile(`(?m)^(x-amz-date|authorization|amz-sdk-invocation-id|amz-sdk-request): .*$|x-amz-checksum-crc32:.*`)

// normal takes out of requests what differs between two runs that send the same.
func normal(all []string) string {
	return random.ReplaceAllString(strings.ReplaceAll(strings.Join(all, "\n---\n"), "\r\n", "\n"), "$1")
}

package conformance

import (
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// serveSecond serves HTTP/2, by net/http: the frames are the client's library's own, and what is in them is what a hook could change.
func (p *peer) serveSecond(t *testing.T, certificates []tls.Certificate) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(p.answerSecond))
	server.Listener.Close()
	server.Listener = l
	server.TLS = &tls.Config{Certificates: certificates}
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return l.Addr().String()
}

// answerSecond answers the paths that are told over HTTP/2: /text, /echo, /chunked, /slow, /large, /status, /cut and /hangup.
func (p *peer) answerSecond(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", r.Proto, r.Method, r.URL.RequestURI())
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "%s: %q\n", name, r.Header[name])
	}
	fmt.Fprintf(&b, "\n%s%v", body, err)
	p.note(r.Method + " " + r.URL.RequestURI())
	p.mu.Lock()
	p.framed = append(p.framed, b.String())
	p.mu.Unlock()
	x := &exchange{request: r}
	switch r.URL.Path {
	case "/echo":
		w.Write(body)
	case "/large":
		io.WriteString(w, strings.Repeat("L", x.number("n", 100000)))
	case "/hangup":
		panic(http.ErrAbortHandler) // the stream is reset
	case "/cut":
		io.WriteString(w, "a part")
		w.(http.Flusher).Flush()
		time.Sleep(pace)
		panic(http.ErrAbortHandler)
	case "/status":
		w.WriteHeader(x.number("code", 200))
	case "/chunked", "/slow":
		for _, piece := range []string{"first ", "zwöl", "f\n", "last"} {
			io.WriteString(w, piece)
			w.(http.Flusher).Flush()
			time.Sleep(pace)
		}
	default:
		io.WriteString(w, "some text")
	}
}

package nethttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/http2"
)

// ways are how a transport can be seen through.
var ways = map[string]func(h *hook.Hook, t *http.Transport) http.RoundTripper{
	"round tripper": func(h *hook.Hook, t *http.Transport) http.RoundTripper { return RoundTripper(h, t) },
	"dispatch": func(h *hook.Hook, t *http.Transport) http.RoundTripper {
		d := &dispatch{hook: h, transport: t}
		d.register("http", nil)
		t.CloseIdleConnections() // any use of it
		_ = t.Clone()            // has it decide about HTTP/2, as the start of the runtime client does
		d.dialled(true)
		return t
	},
	"overlay": func(h *hook.Hook, t *http.Transport) http.RoundTripper { // what net/http does in a program that was built with it
		see := Overlay(h)
		return &http2.Transport{CloseIdle: t.CloseIdleConnections, Trip: func(req *http.Request) (*http.Response, error) {
			if sent, told := see(t, req); told != nil {
				back := false
				defer func() {
					if !back {
						told(nil, nil)
					}
				}()
				resp, err := t.RoundTrip(sent)
				back = true
				return told(resp, err)
			}
			return t.RoundTrip(req)
		}}
	},
}

// A scene is something that a function does with a client, and tells of.
type scene struct {
	name  string
	play  func(c *http.Client, url string) string
	calls string // as calls tells them; "…" is whatever comes
}

var ports = regexp.MustCompile(`127\.0\.0\.1:\d+`)

func scenes(t *testing.T) []scene {
	body := strings.Repeat("0123456789", 200)
	post := func(make func() io.Reader) func(c *http.Client, url string) string {
		return func(c *http.Client, url string) string { return tell(c.Post(url+"/echo", "text/plain", make())) }
	}
	return []scene{
		{"get", func(c *http.Client, url string) string { return tell(c.Get(url + "/text?a=b#fragment")) }, "GET /text?a=b 200 <9"},
		{"bytes", post(func() io.Reader { return bytes.NewReader([]byte(body)) }), "POST /echo >2000 200 <2000"},
		{"a string", post(func() io.Reader { return strings.NewReader(body) }), "POST /echo >2000 200 <2000"},
		{"a buffer", post(func() io.Reader { return bytes.NewBufferString(body) }), "POST /echo >2000 200 <2000"},
		{"a reader that was begun", post(func() io.Reader {
			r := strings.NewReader(body)
			_, _ = r.Seek(1500, io.SeekStart)
			return r
		}), "POST /echo >500 200 <500"},
		{"a stream", post(func() io.Reader { return onlyReader{strings.NewReader(body)} }), "POST /echo 200 >2000 <2000"},
		{"a file", post(func() io.Reader {
			name := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
				t.Error(err)
			}
			f, err := os.Open(name)
			if err != nil {
				t.Error(err)
			}
			return f
		}), "POST /echo 200 >2000 <2000"},
		{"a file of a length", func(c *http.Client, url string) string { return sendFile(t, c, url, body, 500) }, "POST /echo >1500 200 <1500"},
		{"a file that is too short", func(c *http.Client, url string) string { return sendFile(t, c, url, body[:1000], 0) }, "POST /echo >1000 error…"},
		{"a file that is not to be read", func(c *http.Client, url string) string { return sendUnreadable(t, c, url) }, "POST /echo >0/10 error…"},
		{"nothing to send", post(func() io.Reader { return http.NoBody }), "POST /echo 200"},
		{"more than is kept", func(c *http.Client, url string) string {
			return tell(c.Post(url+"/echo", "a/b", strings.NewReader(strings.Repeat("x", 50000))))
		}, "POST /echo >32768/50000 200 <32768/50000"},
		{"redirects", func(c *http.Client, url string) string { return tell(c.Get(url + "/redirect")) }, "GET /redirect 302 <28, GET /text 200 <9"},
		{"a redirect of a body", func(c *http.Client, url string) string {
			return tell(c.Post(url+"/again", "a/b", onceMore{strings.NewReader(body)}))
		}, "POST /again 307…"},
		{"a redirect of a body in memory", func(c *http.Client, url string) string {
			return tell(c.Post(url+"/again", "a/b", strings.NewReader(body)))
		}, "POST /again >2000 307, POST /echo >2000 200 <2000"},
		{"head", func(c *http.Client, url string) string { return tell(c.Head(url + "/text")) }, "HEAD /text 200"},
		{"no content", func(c *http.Client, url string) string { return tell(c.Get(url + "/nothing")) }, "GET /nothing 204"},
		{"compressed", func(c *http.Client, url string) string { return tell(c.Get(url + "/gzip")) }, "GET /gzip 200 <2000"},
		{"trailers", func(c *http.Client, url string) string { return tell(c.Get(url + "/trailer")) }, "GET /trailer 200 <4"},
		{"cut", func(c *http.Client, url string) string { return tell(c.Get(url + "/cut")) }, "GET /cut 200 partial error…"},
		{"some of it", func(c *http.Client, url string) string {
			resp, err := c.Get(url + "/text")
			if err != nil {
				return err.Error()
			}
			some := make([]byte, 4)
			_, err = io.ReadFull(resp.Body, some)
			return fmt.Sprint(string(some), err, resp.Body.Close(), resp.Body.Close())
		}, "GET /text 200 partial"},
		{"nobody there", func(c *http.Client, _ string) string { return tell(c.Get("http://127.0.0.1:1/")) }, "GET / error OpError"},
		{"a header that cannot be", func(c *http.Client, url string) string {
			req, _ := http.NewRequest("GET", url, nil)
			req.Header["bad header"] = []string{"x"}
			return tell(c.Do(req))
		}, "…"},
		{"a scheme that cannot be", func(c *http.Client, _ string) string { return tell(c.Get("gopher://127.0.0.1/")) }, "…"},
		{"a timeout of the client's", func(c *http.Client, url string) string {
			c.Timeout = 50 * time.Millisecond
			defer func() { c.Timeout = 0 }()
			return tell(c.Get(url + "/never"))
		}, "GET /never error…"},
		{"a context that ends", func(c *http.Client, url string) string {
			ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, errors.New("enough"))
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "GET", url+"/never", nil)
			return tell(c.Do(req))
		}, "GET /never error…"},
		{"a trace of the function's", func(c *http.Client, url string) string {
			var seen []string
			trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { seen = append(seen, fmt.Sprintf("%T", i.Conn)) },
				WroteHeaderField: func(k string, v []string) { seen = append(seen, strings.ToLower(k)) }, WroteRequest: func(httptrace.WroteRequestInfo) { seen = append(seen, "wrote") }}
			req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), "GET", url+"/text", nil)
			return tell(c.Do(req)) + fmt.Sprint(seen)
		}, "GET /text 200 <9"},
		{"values of the function's", func(c *http.Client, url string) string {
			req, _ := http.NewRequestWithContext(context.WithValue(context.Background(), valueKey{}, "mine"), "GET", url+"/text", nil)
			resp, err := c.Do(req)
			return tell(resp, err) + fmt.Sprint(resp.Request.Context().Value(valueKey{}), resp.Request == req, resp.Request.Body == nil)
		}, "GET /text 200 <9"},
		{"a body that refuses", func(c *http.Client, url string) string {
			return tell(c.Post(url+"/echo", "a/b", io.MultiReader(strings.NewReader("some"), refusing{})))
		}, "POST /echo >4 error no more"},
		{"waiting for the peer to want it", func(c *http.Client, url string) string {
			req, _ := http.NewRequest("POST", url+"/echo", onlyReader{strings.NewReader(body)})
			req.Header.Set("Expect", "100-continue")
			return tell(c.Do(req))
		}, "POST /echo 200 >2000 <2000"},
		{"more than one at a time", func(c *http.Client, url string) string {
			answers := make(chan string)
			for range 8 {
				go func() { answers <- tell(c.Post(url+"/echo", "a/b", strings.NewReader("same"))) }()
			}
			all := ""
			for range 8 {
				all += <-answers
			}
			return all
		}, strings.TrimSuffix(strings.Repeat("POST /echo >4 200 <4, ", 8), ", ")},
	}
}

// sendFile sends what a file of such content has from there on, as if it had 2000 bytes in all.
func sendFile(t *testing.T, c *http.Client, url, content string, from int64) string {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Error(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Error(err)
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		t.Error(err)
	}
	req, _ := http.NewRequest("POST", url+"/echo", f)
	req.ContentLength = 2000 - from
	return tell(c.Do(req))
}

// sendUnreadable fails to send a file, with an error that tells whether the system was to send it.
func sendUnreadable(t *testing.T, c *http.Client, url string) string {
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
	}
	if _, err := f.WriteString("0123456789"); err != nil {
		t.Error(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Error(err)
	}
	req, _ := http.NewRequest("POST", url+"/echo", f)
	req.ContentLength = 10
	return strings.ReplaceAll(tell(c.Do(req)), f.Name(), "file")
}

type valueKey struct{}

// onceMore cannot be sent twice.
type onceMore struct{ io.Reader }

type refusing struct{}

func (refusing) Read([]byte) (int, error) { return 0, errors.New("no more") }

// tell tells all that can be seen of an answer.
func tell(resp *http.Response, err error) string {
	if err != nil {
		var u *url.Error
		timeout := errors.As(err, &u) && u.Timeout()
		return fmt.Sprintf("%T %v timeout %v, %v %v", errors.Unwrap(err), ports.ReplaceAllString(err.Error(), "PEER"), timeout,
			errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF))
	}
	body, err := io.ReadAll(resp.Body)
	closed := resp.Body.Close()
	_, writerTo := resp.Body.(io.WriterTo)
	_, writer := resp.Body.(io.Writer)
	header := resp.Header.Clone()
	header.Del("Date")
	return fmt.Sprintf("%s %s %v %q %v %v, length %d, %v %v %v, chunked %v, unzipped %v, tls %v, of %s %v %v %v\n", resp.Proto, resp.Status, header, body, err, closed,
		resp.ContentLength, writerTo, writer, resp.Body == http.NoBody, resp.TransferEncoding, resp.Uncompressed, resp.TLS != nil,
		resp.Request.Method, resp.Request.URL.Path, resp.Trailer, resp.Close)
}

func peer(t *testing.T, secure bool) *httptest.Server {
	t.Helper()
	done := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "some text") })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Headers", fmt.Sprint(r.Header, r.ContentLength, r.TransferEncoding, r.Proto))
		w.Write(body)
	})
	mux.Handle("/redirect", http.RedirectHandler("/text", http.StatusFound))
	mux.Handle("/again", http.RedirectHandler("/echo", http.StatusTemporaryRedirect))
	mux.HandleFunc("/nothing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, strings.Repeat("0123456789", 200))
		z.Close()
	})
	mux.HandleFunc("/trailer", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Sum", "4")
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "cut")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/never", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		close(done)
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, ExpectContinueTimeout: time.Second}
}

// TestTheSameAsWithout: whatever a function does, what it gets is what it gets without the hook, and the hook has seen it.
func TestTheSameAsWithout(t *testing.T) {
	for _, secure := range []bool{false, true} {
		p := peer(t, secure)
		for name, way := range ways {
			t.Run(fmt.Sprintf("%s secure %v", name, secure), func(t *testing.T) {
				for _, s := range scenes(t) {
					t.Run(s.name, func(t *testing.T) {
						plain := &http.Client{Transport: transport()}
						defer plain.CloseIdleConnections()
						h, dir := newHook(t, nil)
						seen := &http.Client{Transport: way(h, transport())}
						defer seen.CloseIdleConnections()
						want, got := ports.ReplaceAllString(s.play(plain, p.URL), "PEER"), ports.ReplaceAllString(s.play(seen, p.URL), "PEER")
						if got != want {
							t.Errorf("without: %s\nwith:    %s", want, got)
						}
						beginning, loose := strings.CutSuffix(s.calls, "…")
						if told := calls(t, dir, secure); told != s.calls && (!loose || !strings.HasPrefix(told, beginning)) {
							t.Errorf("the spool has %q, want %q", told, s.calls)
						}
						if h.Off() {
							t.Error("the hook is off")
						}
					})
				}
			})
		}
	}
}

// calls tells the calls in a spool in the order in which they ended: METHOD /path, >bytes that were at hand, status, >bytes, <bytes, partial, error.
func calls(t *testing.T, dir string, secure bool) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	starts, told := map[string]string{}, []string{}
	if _, err := spool.Read(data, func(r spool.Record) error {
		switch r.Kind {
		case spool.KindCallStart:
			scheme, rest, _ := strings.Cut(r.URL, "://")
			if (scheme == "https") != secure && strings.Contains(r.URL, "http") && !strings.Contains(r.URL, ":1/") {
				t.Errorf("%s", r.URL)
			}
			starts[r.Call] = r.Method + " " + rest[strings.Index(rest+"/", "/"):] + piece(r, spool.PartRequest, ">")
		case spool.KindCallEnd:
			line := starts[r.Call]
			if r.Status != 0 {
				line += fmt.Sprint(" ", r.Status)
			}
			if line += piece(r, spool.PartRequest, ">"); r.Partial {
				line += " partial"
			} else {
				line += piece(r, spool.PartResponse, "<")
			}
			if r.Error != nil {
				line += " error " + r.Error.Type
				if r.Error.Type == "errorString" {
					line = strings.TrimSuffix(line, "errorString") + r.Error.Message
				}
			}
			told = append(told, line)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(told, ", ")
}

func piece(r spool.Record, of, sign string) string {
	p, _, ok := r.Part(of)
	switch {
	case !ok:
		return ""
	case p.Truncated:
		return fmt.Sprintf(" %s%d/%d", sign, p.Len, *p.Size)
	}
	return fmt.Sprintf(" %s%d", sign, p.Len)
}

// TestUpgrade: a connection that is the function's from here on is left to it.
func TestUpgrade(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buffer := make([]byte, 1<<10)
				if _, err := c.Read(buffer); err != nil {
					return
				}
				io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
				io.Copy(c, c)
			}()
		}
	}()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			h, dir := newHook(t, nil)
			req, _ := http.NewRequest("GET", "http://"+l.Addr().String()+"/up", nil)
			req.Header.Set("Connection", "Upgrade")
			req.Header.Set("Upgrade", "echo")
			resp, err := way(h, transport()).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			conn, ok := resp.Body.(io.ReadWriteCloser)
			if !ok {
				t.Fatalf("%T cannot be written to", resp.Body)
			}
			defer conn.Close()
			io.WriteString(conn, "hello")
			answer := make([]byte, 5)
			if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "hello" {
				t.Errorf("%q, %v", answer, err)
			}
			if told := calls(t, dir, false); told != "GET /up 101" {
				t.Error(told)
			}
		})
	}
}

// TestHeadersAndBodiesAreKept: what is in the spool is what was sent and what came.
func TestHeadersAndBodiesAreKept(t *testing.T) {
	p := peer(t, false)
	h, dir := newHook(t, map[string]string{"AFTERGLOW_CAPTURE_HEADER_BYTES": "200"})
	req, _ := http.NewRequest("POST", p.URL+"/echo", strings.NewReader("body"))
	req.Header = http.Header{"X-B": {"2", "3"}, "X-A": {"1"}, "X-Z": {strings.Repeat("z", 200)}}
	resp, err := (&http.Client{Transport: RoundTripper(h, transport())}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.ReadAll(resp.Body)
	data, err := os.ReadFile(first(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	var records []spool.Record
	spool.Read(data, func(r spool.Record) error { records = append(records, r); return nil })
	start, end := records[1], records[2]
	if want := [][2]string{{"Host", strings.TrimPrefix(p.URL, "http://")}, {"User-Agent", "Go-http-client/1.1"}, {"Content-Length", "4"}, {"X-A", "1"}, {"X-B", "2"}, {"X-B", "3"}}; !reflect.DeepEqual(start.Headers, want) {
		t.Errorf("sent %v, want %v", start.Headers, want)
	}
	_, sent, _ := start.Part(spool.PartRequest)
	_, came, _ := end.Part(spool.PartResponse)
	if string(sent) != "body" || string(came) != "body" || end.Protocol != "HTTP/1.1" || end.Peer != strings.TrimPrefix(p.URL, "http://") || end.Duration < end.FirstByte || start.Library != "net/http" {
		t.Errorf("%+v\n%+v", start, end)
	}
}

func first(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	return files[0]
}

// TestForgottenAnswersEndWithTheirContext: nobody reads on when the invocation is over.
func TestForgottenAnswersEndWithTheirContext(t *testing.T) {
	p := peer(t, false)
	h, dir := newHook(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", p.URL+"/text", nil)
	if _, err := RoundTripper(h, transport()).RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if told := calls(t, dir, false); told != "" {
		t.Fatalf("ended: %s", told)
	}
	cancel()
	event, _ := h.Handler.Exchange(http.MethodGet, "/2018-06-01/runtime/invocation/next", "")
	h.Handler.Begin(func(string) string { return "" }, event)
	data, err := os.ReadFile(filepath.Join(dir, spool.Name{Invocation: spool.InvocationNone, PID: os.Getpid(), Number: 2, State: spool.StateOpen}.String()))
	if err != nil || !bytes.Contains(data, []byte(`"kind":"call.end","inv":"init"`)) || !bytes.Contains(data, []byte(`"partial":true`)) {
		t.Errorf("%s, %v", data, err)
	}
}

// TestNothingOfTheHooksGetsOut: neither a failure of its own, nor a sight of what is above it already.
func TestNothingOfTheHooksGetsOut(t *testing.T) {
	p := peer(t, false)
	h, dir := newHook(t, map[string]string{"AFTERGLOW_LOG_LEVEL": "off"})
	both := RoundTripper(h, RoundTripper(h, transport()))
	if answer := tell((&http.Client{Transport: both}).Get(p.URL + "/text")); !strings.Contains(answer, "some text") {
		t.Error(answer)
	}
	if told := calls(t, dir, false); told != "GET /text 200 <9" {
		t.Errorf("seen twice: %s", told)
	}
	h.Handler.Identify(func(context.Context) string { panic("of the hook's own") })
	for range 10 {
		if answer := tell((&http.Client{Transport: both}).Post(p.URL+"/echo", "a/b", strings.NewReader("text"))); !strings.Contains(answer, `"text"`) {
			t.Error(answer)
		}
	}
	if !h.Off() {
		t.Error("it has not let go")
	}
}

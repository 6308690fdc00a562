package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// A traces is a Client that sends those alone.
type traces struct{ *Client }

func (c traces) Send(ctx context.Context, payload []byte) (Result, error) {
	return c.Client.Send(ctx, otlplog.Traces, payload)
}

func client(t *testing.T, o Endpoint) traces {
	t.Helper()
	c, err := New(map[string]Endpoint{otlplog.Traces: o})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return traces{c}
}

func TestRequest(t *testing.T) {
	long := bytes.Repeat([]byte("abc"), smallest)
	tests := []struct {
		name     string
		options  Endpoint
		user     string // put into the URL
		payload  []byte
		wantZip  bool
		wantHead map[string]string
	}{
		{"small", Endpoint{Compress: true}, "", []byte("abc"), false, map[string]string{"Content-Type": "application/x-protobuf", "User-Agent": "afterglow/test"}},
		{"large", Endpoint{Compress: true}, "", long, true, nil},
		{"large, not to be compressed", Endpoint{}, "", long, false, nil},
		{"headers of the user's", Endpoint{Headers: map[string]string{"api-key": "k", "content-type": "text/html", "host": "other.example"}}, "", long, false,
			map[string]string{"Api-Key": "k", "Content-Type": "application/x-protobuf"}},
		{"credentials in the URL", Endpoint{}, "u:p@", long, false, map[string]string{"Authorization": "Basic dTpw"}},
		{"credentials in the URL and as a header", Endpoint{Headers: map[string]string{"Authorization": "Bearer x"}}, "u:p@", long, false, map[string]string{"Authorization": "Bearer x"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // the second request must not carry traces of the first
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method != "POST" || r.RequestURI != "/v1/traces?x=1" {
						t.Errorf("got %s %s", r.Method, r.RequestURI)
					}
					if h := test.options.Headers["host"]; h != "" && r.Host != h {
						t.Errorf("host %s", r.Host)
					}
					for k, v := range test.wantHead {
						if got := r.Header.Values(k); len(got) != 1 || got[0] != v {
							t.Errorf("%s: %q, want %q", k, got, v)
						}
					}
					body := io.Reader(r.Body)
					if zipped := r.Header.Get("Content-Encoding") == "gzip"; zipped != test.wantZip {
						t.Errorf("compressed: %v", zipped)
					} else if zipped {
						z, err := gzip.NewReader(r.Body)
						if err != nil {
							t.Error(err)
							return
						}
						body = z
					}
					if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, test.payload) {
						t.Errorf("%d bytes, %v", len(got), err)
					}
				}))
				defer s.Close()
				o := test.options
				o.URL = strings.Replace(s.URL, "http://", "http://"+test.user, 1) + "/v1/traces?x=1"
				o.UserAgent = "afterglow/test"
				c := client(t, o)
				for range 2 {
					if r, err := c.Send(t.Context(), test.payload); err != nil || r != (Result{}) {
						t.Errorf("got %v %v", r, err)
					}
				}
			}
		})
	}
}

func TestSmallAfterLargeIsNotMarkedAsCompressed(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("Content-Encoding")) }))
	defer s.Close()
	c := client(t, Endpoint{URL: s.URL, Compress: true})
	for _, size := range []int{smallest, 1, smallest} {
		if _, err := c.Send(t.Context(), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(got, ",") != "gzip,,gzip" {
		t.Errorf("got %q", got)
	}
}

func partial(rejected uint64, message string) []byte {
	var p []byte
	p = protowire.AppendVarint(protowire.AppendTag(p, 1, protowire.VarintType), rejected)
	p = protowire.AppendString(protowire.AppendTag(p, 2, protowire.BytesType), message)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), p)
}

func TestAnswers(t *testing.T) {
	status := protowire.AppendString(protowire.AppendTag(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3), 2, protowire.BytesType), "bad span")
	tests := []struct {
		name       string
		status     int
		header     http.Header
		body       []byte
		wantErr    bool
		wantRetry  bool
		wantAfter  time.Duration
		wantResult Result
		wantText   string
	}{
		{name: "ok", status: 200},
		{name: "accepted", status: 202},
		{name: "ok with an empty partial success", status: 200, body: protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), nil)},
		{name: "a part refused", status: 200, body: partial(3, "too old"), wantResult: Result{3, "too old"}},
		{name: "a warning", status: 200, body: partial(0, "slow down"), wantResult: Result{0, "slow down"}},
		{name: "a negative number refused", status: 200, body: partial(1<<63, ""), wantResult: Result{}},
		{name: "ok in words", status: 200, body: []byte("OK, thank you")},
		{name: "ok and damaged", status: 200, body: partial(3, "too old")[:4], wantResult: Result{}},
		{name: "bad request", status: 400, body: status, wantErr: true, wantText: "bad span"},
		{name: "not allowed", status: 401, body: []byte("{\"error\":\"no\n key\"}"), wantErr: true, wantText: `{"error":"no key"}`},
		{name: "too much in words", status: 413, body: bytes.Repeat([]byte("ä"), 300), wantErr: true, wantText: strings.Repeat("ä", 100) + "…"},
		{name: "server error", status: 500, wantErr: true},
		{name: "too many", status: 429, header: http.Header{"Retry-After": {"7"}}, wantErr: true, wantRetry: true, wantAfter: 7 * time.Second},
		{name: "bad gateway", status: 502, wantErr: true, wantRetry: true},
		{name: "unavailable, for long", status: 503, header: http.Header{"Retry-After": {"999999"}}, wantErr: true, wantRetry: true, wantAfter: longestPause},
		{name: "unavailable until a date", status: 503, header: http.Header{"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"}}, wantErr: true, wantRetry: true},
		{name: "unavailable for less than nothing", status: 503, header: http.Header{"Retry-After": {"-5"}}, wantErr: true, wantRetry: true},
		{name: "unavailable for nonsense", status: 503, header: http.Header{"Retry-After": {"soon"}}, wantErr: true, wantRetry: true},
		{name: "unavailable until a date by the collector's clock", status: 503, wantErr: true, wantRetry: true, wantAfter: 90 * time.Second,
			header: http.Header{"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"}, "Date": {"Fri, 31 Dec 1999 23:58:29 GMT"}}},
		{name: "too many until far away", status: 429, wantErr: true, wantRetry: true, wantAfter: longestPause,
			header: http.Header{"Retry-After": {"Fri, 31 Dec 2999 23:59:59 GMT"}}},
		{name: "gateway timeout", status: 504, wantErr: true, wantRetry: true},
		{name: "a redirect", status: 302, header: http.Header{"Location": {"/elsewhere"}}, wantErr: true},
		{name: "a redirect that keeps the method", status: 307, header: http.Header{"Location": {"/elsewhere"}}, wantErr: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var requests atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				for k, v := range test.header {
					w.Header()[k] = v
				}
				w.WriteHeader(test.status)
				w.Write(test.body)
			}))
			defer s.Close()
			result, err := client(t, Endpoint{URL: s.URL}).Send(t.Context(), []byte("x"))
			var e *Error
			if errors.As(err, &e) != test.wantErr || result != test.wantResult {
				t.Fatalf("got %v %v", result, err)
			}
			if e != nil && (e.Status != test.status || e.Retry != test.wantRetry || e.After != test.wantAfter || e.Text != test.wantText) {
				t.Errorf("got %+v", e)
			}
			if requests.Load() != 1 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}

// TestAnAnswerThatCannotBeRead: its status says that the spans were accepted. To send them again would double them.
func TestAnAnswerThatCannotBeRead(t *testing.T) {
	var requests atomic.Int32
	tests := []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		least  time.Duration
	}{
		{"shorter than it says", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("x"))
		}, 0},
		{"without an end", func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, longestAnswer},
		{"longer than is read", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 2*maxAnswer)) }, 0},
		{"not the compression that was asked for", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write([]byte("x"))
		}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
				test.answer(w, r)
			}))
			defer s.Close()
			requests.Store(0)
			for name, timeout := range map[string]time.Duration{"long timeout": 10 * longestAnswer, "short timeout": longestAnswer / 10} {
				requests.Store(0)
				start := time.Now()
				if r, err := client(t, Endpoint{URL: s.URL, Timeout: timeout}).Send(t.Context(), []byte("x")); err != nil || r != (Result{}) {
					t.Errorf("%s: got %v %v", name, r, err)
				}
				if took := time.Since(start); requests.Load() != 1 || took > 5*longestAnswer || took < min(test.least, timeout) {
					t.Errorf("%s: %d requests in %v", name, requests.Load(), took)
				}
			}
		})
	}
}

// raw serves the same bytes to everyone.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestAnswerIsBounded(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 10_000)); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	_, err := client(t, Endpoint{URL: s.URL}).Send(t.Context(), []byte("x"))
	var e *Error
	if !errors.As(err, &e) || e.Status != 500 {
		t.Errorf("got %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(partial(3, "too old"))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := parseSuccess(b); r.Rejected < 0 || len(r.Text) > len(b) {
			t.Errorf("got %+v", r)
		}
		if s := (secrets)(nil).readable(message(b)); len(s) > maxText+len("…") || strings.ContainsAny(s, "\n\r\x00\x1b") {
			t.Errorf("got %q", s)
		}
	})
}

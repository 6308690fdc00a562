package nethttp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/afterglow-lambda/afterglow/wrapper/golang/internal/hook"
)

// newHook makes a hook whose spool is a folder of the test's.
func newHook(t testing.TB, env map[string]string) (*hook.Hook, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	all := map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:2", "AFTERGLOW_SPOOL_DIR": dir}
	for name, value := range env {
		all[name] = value
	}
	return hook.New(func(name string) string { return all[name] }, func(string) bool { return false }), dir
}

// answering is a round tripper that reads the request and has an answer.
type answering struct {
	header http.Header
	body   []byte
}

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: 200, Status: "200 OK", Proto: "HTTP/1.1", Header: a.header, Request: req, ContentLength: int64(len(a.body)),
		Body: io.NopCloser(onlyReader{bytes.NewReader(a.body)})}, nil
}

// BenchmarkCall is what a call takes with bodies of 2 KB, without a network.
func BenchmarkCall(b *testing.B) {
	base := answering{http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2048"}, "Date": {"Mon, 23 Nov 2026 00:00:00 GMT"}}, make([]byte, 2<<10)}
	body := make([]byte, 2<<10)
	for _, name := range []string{"without", "with"} {
		b.Run(name, func(b *testing.B) {
			h, dir := newHook(b, map[string]string{"AFTERGLOW_SPOOL_DIR_BYTES": "8589934592", "AFTERGLOW_SPOOL_INVOCATION_BYTES": "1073741824"})
			var rt http.RoundTripper = base
			if name == "with" {
				rt = RoundTripper(h, base)
			}
			b.ReportAllocs()
			n, before := 0, cpu(b)
			for b.Loop() {
				req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://sqs.us-east-1.amazonaws.com/queue?a=b", bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer 0123456789")
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				answer := make([]byte, resp.ContentLength)
				if _, err := io.ReadFull(resp.Body, answer); err != nil {
					b.Fatal(err)
				}
				if err := resp.Body.Close(); err != nil {
					b.Fatal(err)
				}
				if n++; n%4000 == 0 {
					files, _ := filepath.Glob(filepath.Join(dir, "*.open"))
					for _, f := range files {
						_ = os.Truncate(f, 0)
					}
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpu is what the process has had, in ns: the time of the clock is also others'.
func cpu(b *testing.B) int64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}

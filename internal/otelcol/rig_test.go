package otelcol_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otelcol"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// patience bounds every wait for something that should be a matter of a second.
const patience = time.Minute

// checkout is seen from this package.
const checkout = "../.."

// secret is in everything that the function sees, says and sends.
const secret = "hunter2"

// lacking skips on a laptop and fails where everything has to run.
func lacking(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, and CI runs everything: %v", what, err)
	}
	t.Skipf("SKIPPED, %s is missing: %v", what, err)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// start runs a Collector that sends on to a receiver, or to nobody.
func start(t *testing.T, o otelcol.Options) *otelcol.Collector {
	t.Helper()
	var err error
	if o.Binary, err = tools.Collector(t.Context(), cloud.ToolsFolder(absolute(t, checkout)), os.Stderr); err != nil {
		lacking(t, "the OpenTelemetry Collector", err)
	}
	o.Dir = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := otelcol.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(t, c)
		if t.Failed() {
			t.Logf("the Collector said:\n%s", c.Log())
		}
	})
	return c
}

func stop(t *testing.T, c *otelcol.Collector) {
	t.Helper()
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}

// receiver is where Collectors send on to. What comes there has passed the Collector's own types and is checked once more.
func receiver(t *testing.T) *otlptest.Receiver {
	t.Helper()
	r, err := otlptest.Start(otlptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		for _, v := range r.Violations() {
			t.Errorf("violation of the protocol: %s", v)
		}
	})
	return r
}

// A sent is a request of the extension's and what it was answered.
type sent struct {
	path, encoding string
	body           []byte // decompressed
	status         int
}

// A tap stands between extension and Collector, changes nothing and remembers.
type tap struct {
	*httptest.Server
	mu       sync.Mutex
	requests []sent
}

func newTap(t *testing.T, c *otelcol.Collector) *tap {
	t.Helper()
	p := &tap{}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the extension gave up
		}
		onward, err := http.NewRequestWithContext(r.Context(), r.Method, c.URL()+r.URL.Path, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		onward.Header = r.Header.Clone()
		answer, err := client.Do(onward)
		if err != nil {
			panic(http.ErrAbortHandler) // as the Collector's own connection would break
		}
		defer answer.Body.Close()
		p.mu.Lock()
		p.requests = append(p.requests, sent{r.URL.Path, r.Header.Get("Content-Encoding"), inflated(t, r.Header, body), answer.StatusCode})
		p.mu.Unlock()
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}))
	t.Cleanup(p.Close)
	return p
}

func inflated(t *testing.T, header http.Header, body []byte) []byte {
	if header.Get("Content-Encoding") != "gzip" {
		return body
	}
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return nil
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		t.Error(err)
	}
	return plain
}

// with gives the requests that were answered with a status, in their order.
func (p *tap) with(status func(int) bool) []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []sent
	for _, s := range p.requests {
		if status(s.status) {
			found = append(found, s)
		}
	}
	return found
}

func accepted(status int) bool { return status/100 == 2 }
func refused(status int) bool  { return status/100 != 2 }

// A function runs in the local Lambda with the real layer, and calls a peer.
type function struct {
	*lambdalocal.Environment
	t    *testing.T
	mu   sync.Mutex
	said []string // by the extension
}

// run starts the function. Its extension exports to a URL, at the end of every invocation, all that it has.
func run(t *testing.T, url string, env map[string]string) *function {
	t.Helper()
	return runWith(t, url, env, "")
}

// runWith puts the files of a folder beside the function's code.
func runWith(t *testing.T, url string, env map[string]string, extra string) *function {
	t.Helper()
	code := absolute(t, "testdata/function")
	if extra != "" {
		both := t.TempDir()
		for _, from := range []string{code, extra} {
			if err := os.CopyFS(both, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
		}
		code = both
	}
	rt, note, err := runtimes.Nearest(t.Context(), "python3.13", runtimes.Options{Progress: os.Stderr})
	if err != nil {
		lacking(t, "Python with AWS's runtime client", err)
	}
	if note != "" {
		t.Log(note)
	}
	arch := layer.X86_64
	if runtime.GOARCH == "arm64" {
		arch = layer.ARM64
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: a layer is for Linux")
	}
	dir := filepath.Join(t.TempDir(), "layer")
	err = layer.Build(t.Context(), layer.Options{Arch: arch, Dir: dir, CacheDir: filepath.Join(absolute(t, checkout), ".afterglow", "cache", "layer"), Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"A-1","api_key":"hunter2hunter2"}`)
	}))
	t.Cleanup(peer.Close)
	f := &function{t: t}
	fn := lambdalocal.Function{
		Name: "orders", Runtime: rt.Name, Code: code, Handler: "app.handler", Layers: []string{dir}, MemoryMB: 1769, Timeout: patience,
		Env: map[string]string{
			"AWS_LAMBDA_EXEC_WRAPPER": layer.ExecWrapper, "PEER": peer.URL, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
			"AFTERGLOW_FLUSH": "end", "AFTERGLOW_SIGNALS": "traces,metrics,logs",
		},
	}
	maps.Copy(fn.Env, env)
	f.Environment, err = lambdalocal.Start(t.Context(), fn, lambdalocal.Options{Dir: filepath.Join(t.TempDir(), "environment"), Runtime: rt, Log: f.write})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.end()
		if t.Failed() {
			f.mu.Lock()
			defer f.mu.Unlock()
			t.Logf("the extension said:\n%s", strings.Join(f.said, "\n"))
		}
	})
	return f
}

func (f *function) write(line lambdalocal.Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if line.Source == lambdalocal.SourceExtension {
		f.said = append(f.said, line.Text)
	}
}

// says tells whether the extension has said something.
func (f *function) says(words string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Contains(strings.Join(f.said, "\n"), words)
}

// invoke runs the function once, to the end of the invocation's phase.
func (f *function) invoke(event map[string]any) {
	f.t.Helper()
	if event == nil {
		event = map[string]any{}
	}
	payload, err := json.Marshal(event)
	if err != nil {
		f.t.Fatal(err)
	}
	result, err := f.Invoke(f.t.Context(), lambdalocal.Invocation{Payload: payload})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, fails := event["fail"]; fails != (result.FunctionError != "") {
		f.t.Errorf("the function answered %s, %s", result.FunctionError, result.Payload)
	}
	if err := f.Idle(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// end shuts the environment down; then nothing more will come.
func (f *function) end() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.t.Context()), patience)
	defer cancel()
	if err := f.Close(ctx); err != nil {
		f.t.Errorf("close: %v", err)
	}
}

package faults

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// patience bounds every wait for something that is a matter of seconds at the most.
const patience = 90 * time.Second

// side is how many rows run side by side unless -parallel says otherwise: they mostly wait, for timeouts and for collectors that hang.
const side = 6

var (
	full   = flag.Bool("full", false, "also run the rows that take long, as CI does")
	update = flag.Bool("update", false, "write docs/faults.md anew")
)

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", strconv.Itoa(side)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// A world is what all rows share: the layer, the runtimes, and the server that functions call.
type world struct {
	layer string
	peer  string

	mu       sync.Mutex
	runtimes map[string]runtimes.Runtime
	plain    map[string]*plainRun
}

// newWorld builds the layer as the construct does, for this machine's architecture.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{layer: t.TempDir(), runtimes: map[string]runtimes.Runtime{}, plain: map[string]*plainRun{}}
	arch := layer.X86_64
	if runtime.GOARCH == "arm64" {
		arch = layer.ARM64
	}
	err := layer.Build(t.Context(), layer.Options{Arch: arch, Dir: w.layer, CacheDir: filepath.Join("..", "..", ".afterglow", "cache", "layer"), Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	peer := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(func() {
		peer.CloseClientConnections()
		peer.Close()
	})
	w.peer = peer.URL
	return w
}

// answer answers a function's call: with so many bytes for /bytes/N, never for /hang, and else with the path.
func answer(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return // the function is gone
	}
	if r.URL.Path == "/hang" {
		<-r.Context().Done()
		return
	}
	if size, ok := strings.CutPrefix(r.URL.Path, "/bytes/"); ok {
		n, err := strconv.Atoi(size)
		if err != nil {
			http.Error(w, "no number", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, strings.Repeat("y", n))
		return
	}
	fmt.Fprintf(w, "answer to %s", r.URL.Path)
}

// runtime finds one of Lambda's runtimes. On a machine that cannot have it a row is skipped, but not where tests have to be complete.
func (w *world) runtime(t *testing.T, name string) runtimes.Runtime {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if rt, ok := w.runtimes[name]; ok {
		return rt
	}
	rt, err := runtimes.Find(context.Background(), name, runtimes.Options{Progress: os.Stderr})
	if err != nil {
		missing(t, "%v", err)
	}
	w.runtimes[name] = rt
	return rt
}

// missing ends a test that needs what this machine does not have.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf("NOT TESTED: "+format, args...)
}

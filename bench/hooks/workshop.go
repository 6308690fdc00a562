//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/afterglow-lambda/afterglow/bench/host"
	"github.com/afterglow-lambda/afterglow/wrapper"
)

// A workshop is what all runtimes share: folders, the hooks laid out as in the layer, and the peer that functions call.
type workshop struct {
	programs string // this package's programs
	cache    string // what is installed stays here
	dir      string // what does not
	layer    string // becomes /opt/afterglow
	progress io.Writer
	peer     *http.Server
	url      string       // of the peer
	exported atomic.Int64 // bytes that a collector was sent
}

func newWorkshop(ctx context.Context, progress io.Writer) (shop *workshop, err error) {
	module, err := host.ModuleDir(ctx)
	if err != nil {
		return nil, err
	}
	shop = &workshop{programs: filepath.Join(module, "bench", "hooks", "programs"), cache: filepath.Join(module, ".afterglow", "bench", "hooks"), progress: progress}
	if shop.dir, err = os.MkdirTemp("", "afterglow-bench-"); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, shop.close())
		}
	}()
	shop.layer = filepath.Join(shop.dir, "opt", "afterglow")
	files, err := wrapper.Files()
	if err != nil {
		return shop, err
	}
	for _, f := range files {
		mode := fs.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		file := filepath.Join(shop.layer, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // as in a layer
			return shop, fmt.Errorf("lay hooks out: %w", err)
		}
		if err := os.WriteFile(file, f.Data, mode); err != nil {
			return shop, fmt.Errorf("lay hooks out: %w", err)
		}
	}
	return shop, shop.startPeer(ctx)
}

// collector is where the peer takes spans, and throws them away.
const collector = "/v1/traces"

// startPeer starts what functions call: it answers with 2 KB, or at /large with 1 MB, at once. It is the collector, too.
func (shop *workshop) startPeer(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start peer: %w", err)
	}
	small, large := document(sizeOfBody), document(sizeOfHandover)
	mux := http.NewServeMux()
	answer := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return // the caller has gone
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body) // the same
		}
	}
	mux.HandleFunc("/small", answer(small))
	mux.HandleFunc("/large", answer(large))
	mux.HandleFunc("POST "+collector, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body) // what is not sent is missed in the sum
		shop.exported.Add(n)
		w.Header().Set("Content-Type", "application/x-protobuf") // of no bytes: an ExportTraceServiceResponse without fields
	})
	shop.url = "http://" + listener.Addr().String()
	shop.peer = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { _ = shop.peer.Serve(listener) }() // ends with ErrServerClosed, by close
	return nil
}

func (shop *workshop) close() error {
	if shop.peer != nil {
		_ = shop.peer.Close()
	}
	if err := os.RemoveAll(shop.dir); err != nil {
		return fmt.Errorf("remove directory: %w", err)
	}
	return nil
}

// document is JSON of a size.
func document(size int) []byte {
	const head, tail = `{"document":"`, `"}`
	return []byte(head + strings.Repeat("abcdefghijklmno ", size/16+1)[:size-len(head)-len(tail)] + tail)
}

// install makes a folder below the cache, once for the same inputs: do gets an empty one, which gets its name when all is in it.
func (shop *workshop) install(name string, inputs [][]byte, do func(dir string) error) (string, error) {
	sum := sha256.New()
	for _, input := range inputs {
		fmt.Fprintf(sum, "%d:%s", len(input), input)
	}
	dir := filepath.Join(shop.cache, name+"-"+hex.EncodeToString(sum.Sum(nil))[:12])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(shop.cache, 0o700); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	tmp, err := os.MkdirTemp(shop.cache, ".install-*")
	if err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // it has another name by then, if all went well
	fmt.Fprintf(shop.progress, "installing what %s is measured with\n", name)
	if err := do(tmp); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) { // somebody else was quicker
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	return dir, nil
}

// read gives a file of a language's programs.
func (shop *workshop) read(elements ...string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(append([]string{shop.programs}, elements...)...))
	if err != nil {
		return nil, fmt.Errorf("read program: %w", err)
	}
	return data, nil
}

// command runs a program of somebody else's to its end; what it says is told if it fails.
func command(ctx context.Context, dir string, argv ...string) error {
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv[:min(4, len(argv))], " "), err, out)
	}
	return nil
}

package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// patience bounds waiting for what must come.
const patience = 2 * time.Minute

// app is the function in the images: it makes one request.
const app = `
import os, urllib.request

def handler(event, context):
    return urllib.request.urlopen(os.environ["PEER"] + "/orders", b"{}").status
`

// TestImages lays the images of docs/other-tools.md out as their Dockerfiles say and runs them: spans of the invocation and of its request arrive.
func TestImages(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: images are for Linux")
	}
	rt, note, err := runtimes.Nearest(t.Context(), "python3.13", runtimes.Options{Progress: os.Stderr})
	if err != nil {
		lacking(t, err)
	}
	if note != "" {
		t.Log(note)
	}
	arch := map[string]string{"amd64": layer.X86_64, "arm64": layer.ARM64}[runtime.GOARCH]
	// The bytes that make layer writes, from the cache if they are there.
	archive, _, err := layer.Archive(t.Context(), layer.Options{Arch: arch, CacheDir: "../../.afterglow/cache/layer", Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range recipes(t, "Container images", "dockerfile") {
		d := dockerfile(t, text)
		t.Run(d.from, func(t *testing.T) {
			opt := filepath.Join(t.TempDir(), "opt")
			unzip(t, archive, opt)
			d.copied(t, opt)
			invoke(t, d, opt, rt)
		})
	}
}

// An image is what a Dockerfile of the docs says.
type image struct {
	from       string
	env        map[string]string
	chmod      fs.FileMode // of what is copied to /opt; 0 leaves the modes as they are
	entrypoint []string    // none where that of AWS's base image stays
	command    []string
}

func dockerfile(t *testing.T, text string) (d image) {
	t.Helper()
	d.env = map[string]string{}
	for line := range strings.Lines(text) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		switch instruction {
		case "FROM":
			d.from = rest
		case "ENV":
			name, value, _ := strings.Cut(rest, "=")
			d.env[name] = value
		case "COPY":
			if match := regexp.MustCompile(`^(?:--chmod=(\d+) )?dist/layer/ /opt/$`).FindStringSubmatch(rest); match != nil {
				_, err = fmt.Sscanf("0"+match[1], "%o", &d.chmod)
			}
		case "ENTRYPOINT":
			err = json.Unmarshal([]byte(rest), &d.entrypoint)
		case "CMD":
			err = json.Unmarshal([]byte(rest), &d.command)
		case "RUN", "WORKDIR": // awslambdaric and /var/task, which the runtime here has
		default:
			t.Fatalf("the test does not know %s", line)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if d.from == "" || len(d.command) != 1 {
		t.Fatalf("not an image: %+v", d)
	}
	return d
}

// copied gives what is at /opt the modes that COPY gives.
func (d image) copied(t *testing.T, opt string) {
	if d.chmod == 0 {
		return
	}
	err := filepath.WalkDir(opt, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(name, d.chmod)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unzip does what unzip does for somebody with the umask 077: files have the modes of the archive, folders those that the umask leaves.
func unzip(t *testing.T, archive, dir string) {
	t.Helper()
	r, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, f := range r.File {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, f.Mode()); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, f.Mode()); err != nil { // whatever umask the test has
			t.Fatal(err)
		}
	}
}

// invoke runs an image's function once.
func invoke(t *testing.T, d image, opt string, rt runtimes.Runtime) {
	collector, err := otlptest.Start(otlptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { collector.Close() })
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }))
	t.Cleanup(peer.Close)
	fn := lambdalocal.Function{
		Name: "orders", Runtime: rt.Name, Code: t.TempDir(), Handler: d.command[0], Layers: []string{opt}, MemoryMB: 1769, Timeout: patience,
		Env: map[string]string{"PEER": peer.URL, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL(), "AFTERGLOW_FLUSH": "end"},
	}
	for name, value := range d.env {
		fn.Env[name] = value
	}
	write0755(t, filepath.Join(fn.Code, "app.py"), app)
	if d.entrypoint != nil {
		// Nothing but Lambda's own variables and the image's command: no bootstrap of AWS's.
		fn.Runtime = "provided.al2023"
		write0755(t, filepath.Join(fn.Code, "bootstrap"), "#!/bin/sh\nunset LAMBDA_RUNTIME_DIR\nexport PATH=/var/lang/bin:$PATH LD_LIBRARY_PATH=/var/lang/lib\nexec "+strings.Join(slices.Concat(d.entrypoint, d.command), " ")+"\n")
		installClient(t, rt, fn.Code)
		rt = runtimes.Runtime{Name: fn.Runtime, Lang: rt.Lang}
	}
	var said strings.Builder
	e, err := lambdalocal.Start(t.Context(), fn, lambdalocal.Options{Dir: filepath.Join(t.TempDir(), "environment"), Runtime: rt, Log: func(line lambdalocal.Line) { said.WriteString(line.Text + "\n") }})
	if err != nil {
		t.Fatal(err)
	}
	result, err := e.Invoke(t.Context(), lambdalocal.Invocation{Payload: []byte(`{}`)})
	if err != nil || string(result.Payload) != "201" {
		t.Errorf("the function answered %s, %v", result.Payload, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := e.Close(ctx); err != nil { // nothing is logged behind it
		t.Error(err)
	}
	kinds := map[otlptest.Kind]int{}
	for _, span := range collector.Spans() {
		kinds[span.Kind]++
	}
	if kinds[otlptest.Server]+kinds[otlptest.Client] != 2 || len(kinds) != 2 || len(collector.Violations()) != 0 {
		t.Errorf("spans %v, violations %v; the log:\n%s", kinds, collector.Violations(), said.String())
	}
}

// installClient puts beside the code what pip install awslambdaric does.
func installClient(t *testing.T, rt runtimes.Runtime, dir string) {
	t.Helper()
	for _, pattern := range []string{"awslambdaric", "runtime_client*", "simplejson", "snapshot_restore_py.py"} {
		names, err := filepath.Glob(filepath.Join(rt.Dir, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("AWS's client has no %s: %v", pattern, err)
		}
		for _, name := range names {
			to := filepath.Join(dir, path.Base(name))
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				err = os.CopyFS(to, os.DirFS(name))
				if err != nil {
					t.Fatal(err)
				}
				continue
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			write0755(t, to, string(data))
		}
	}
}

func write0755(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

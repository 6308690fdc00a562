package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const function = "package main\n\nfunc main() {}\n"

// lay makes a folder with files.
func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestRefusals: what would not work is refused, with a remedy.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		args  []string
		want  string
	}{
		{"no module", map[string]string{"main.go": function}, nil, "run this where the function's go.mod is"},
		{"no package main", map[string]string{"go.mod": "module m\n\ngo 1.25.0\n", "a.go": "package a\n"}, nil, "give the folder of the function's package main"},
		{"a vendor folder", map[string]string{"go.mod": "module m\n\ngo 1.25.0\n", "main.go": function, "vendor/modules.txt": ""}, nil, "vendor folder: run go get"},
		{"an older language", map[string]string{"go.mod": "module m\n\ngo 1.21\n", "main.go": function}, []string{"-source", filepath.Join("..", "..", "..")}, "says go 1.21, and Afterglow needs 1.25.0: run go get go@1.25.0"},
		{"a workspace", map[string]string{"go.mod": "module m\n\ngo 1.25.0\n", "main.go": function, "go.work": "go 1.25.0\n\nuse .\n"}, nil, "set GOWORK=off"},
		{"an overlay of the function's own", map[string]string{"go.mod": "module m\n\ngo 1.25.0\n", "main.go": function, "GOFLAGS": "-trimpath -overlay=own.json"}, nil, "GOFLAGS has -overlay=own.json"},
		{"another go.mod", map[string]string{"go.mod": "module m\n\ngo 1.25.0\n", "main.go": function, "GOFLAGS": "-modfile=own.mod"}, nil, "GOFLAGS has -modfile=own.mod"},
		{"no such flag", nil, []string{"-x"}, "flag provided but not defined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if flags := c.files["GOFLAGS"]; flags != "" {
				t.Setenv("GOFLAGS", flags)
			}
			if code := run(t.Context(), append(append([]string{"-o", t.TempDir()}, c.args...), lay(t, c.files)), &stdout, &stderr); code == 0 || stdout.Len() > 0 || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("exit code %d, %q, %q", code, stdout.String(), stderr.String())
			}
		})
	}
}

// TestAnotherNetHTTPIsRefused: rather than to build what sees nothing.
func TestAnotherNetHTTPIsRefused(t *testing.T) {
	const known = "package http\n\nfunc (t *Transport) RoundTrip(req *Request) (*Response, error) {\n\treturn t.roundTrip(req)\n}\n"
	for name, text := range map[string]string{
		"renamed": strings.ReplaceAll(known, "t.roundTrip", "t.trip"), "twice": known + "\treturn t.roundTrip(req)\n", "another method": strings.Replace(known, "(req *Request)", "(req *Request, n int)", 1),
	} {
		o := overlay{out: t.TempDir(), replace: map[string]string{}}
		if err := o.see(lay(t, map[string]string{"roundtrip.go": text}), "go9.9"); err == nil || !strings.Contains(err.Error(), "go9.9 has another net/http") || len(o.replace) > 0 {
			t.Errorf("%s: %v, %v", name, err, o.replace)
		}
	}
	o := overlay{out: t.TempDir(), replace: map[string]string{}}
	if err := o.see(lay(t, map[string]string{"roundtrip.go": known}), "go1.25"); err != nil || len(o.replace) != 2 {
		t.Errorf("%v, %v", err, o.replace)
	}
}

// TestOverlay: a function whose module knows nothing of Afterglow can be built with it, keeps its line numbers, and no file of it is changed.
func TestOverlay(t *testing.T) {
	dir := lay(t, map[string]string{"go.mod": "module m\n\ngo 1.25\n\nrequire github.com/aws/aws-lambda-go v1.47.0\n", "cmd/main.go": "//go:build odd\n\npackage main\n\nimport _ \"github.com/aws/aws-lambda-go/lambdacontext\"\n\nvar afterglow, afterglowHTTP int\n\nfunc main() {}\n",
		"go.sum": "github.com/aws/aws-lambda-go v1.47.0 h1:0H8s0vumYx/YKs4sE7YM0ktwL2eWse+kfopsRI1sXVI=\ngithub.com/aws/aws-lambda-go v1.47.0/go.mod h1:dpMpZgvWx5vuQJfBt0zqBha60q7Dd7RfgJv23DymV8A=\n"})
	before := tree(t, dir)
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-o", out, "-tags", "odd", "-source", filepath.Join("..", "..", ".."), filepath.Join(dir, "cmd")}, &stdout, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	file := strings.TrimSpace(stdout.String())
	var overlay struct{ Replace map[string]string }
	if data, err := os.ReadFile(file); err != nil {
		t.Fatal(err)
	} else if err := json.Unmarshal(data, &overlay); err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "go", "build", "-tags", "odd", "-overlay", file, "-o", filepath.Join(out, "function"), "./cmd")
	list.Dir = dir
	if listed, err := list.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, listed)
	}
	built, err := buildinfo.ReadFile(filepath.Join(out, "function"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range built.Deps {
		if m.Path == "github.com/aws/aws-lambda-go" && (m.Version != "v1.47.0" && (m.Replace == nil || m.Replace.Version != "v1.47.0")) {
			t.Errorf("the function's runtime client has become %s", m.Version)
		}
	}
	if len(built.Deps) != 2 {
		t.Errorf("it is built of %d modules", len(built.Deps))
	}
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Errorf("the module has changed: %v", after)
	}
	for from, to := range overlay.Replace {
		if strings.HasSuffix(from, "roundtrip.go") && lines(t, from) != lines(t, to) {
			t.Error("line numbers of net/http have changed")
		}
	}
	if names := slices.Sorted(maps.Keys(overlay.Replace)); len(names) != 5 {
		t.Errorf("replaces %v", names)
	}
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	if err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var data []byte
			data, err = os.ReadFile(name)
			files[name] = string(data)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

func lines(t *testing.T, file string) int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(data, []byte("\n"))
}

package consumer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
)

// TestProjects: a project outside this module gets it as users do, and every way gives the very layer that this working tree gives.
func TestProjects(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	architecture := deployed.HostArchitecture()
	want, _, err := layer.Archive(t.Context(), layer.Options{Arch: architecture, CacheDir: filepath.Join("..", "..", ".afterglow", "cache", "layer"), Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	r := pack(t)
	p := newProject(t, r.env(t), []string{"get", modulePath + "/construct@" + r.version})
	app, layers := filepath.Join(t.TempDir(), "shop"), filepath.Join(t.TempDir(), "layers")
	p.run(t, "go", "build", "-o", app, ".")
	p.run(t, "go", "build", "-o", layers, "./layers")

	check := func(t *testing.T, p project, env []string) {
		t.Helper()
		cache := t.TempDir()
		said, assemblies := p.synthesise(t, app, append(env, `CDK_CONTEXT_JSON={"afterglow:cacheDir":"`+cache+`"}`), "instrumented")
		if !strings.Contains(said, "building the extension") {
			t.Errorf("it built nothing: %s", said)
		}
		if _, err := os.Stat(filepath.Join(cache, filepath.Base(want))); err != nil { // the name has the layer's hash
			t.Errorf("it built another layer: %v", err)
		}
		if n := instrumentedIn(t, filepath.Join(assemblies, "instrumented")); n != 3 {
			t.Errorf("%d functions are instrumented, want 3", n)
		}
	}
	t.Run("from the module cache", func(t *testing.T) {
		check(t, p, []string{"GOPROXY=off", "GOFLAGS=-mod=vendor -tags=none", "GOOS=plan9", "GOARCH=386"})
	})
	t.Run("replaced", func(t *testing.T) {
		root := strings.TrimSpace(output(t, "", nil, "git", "rev-parse", "--show-toplevel"))
		check(t, newProject(t, r.env(t), []string{"mod", "edit", "-replace=" + modulePath + "=" + root}, []string{"get", modulePath + "/construct"}), nil)
	})
	t.Run("vendored", func(t *testing.T) {
		p.run(t, "go", "mod", "vendor")
		p.run(t, "go", "build", "-mod=vendor", "-o", filepath.Join(t.TempDir(), "layers"), "./layers")
		check(t, p, []string{"GOFLAGS="})
	})
	t.Run("without one around it", func(t *testing.T) {
		got := output(t, t.TempDir(), p.env, layers, architecture, t.TempDir())
		if !strings.HasSuffix(want, strings.TrimSpace(got)[:32]+".zip") {
			t.Errorf("layer %s, want %s", got, want)
		}
	})
	for _, c := range []struct {
		name string
		env  func(t *testing.T) []string
		want []string
	}{
		{"no go", func(t *testing.T) []string { return []string{"PATH=" + t.TempDir()} },
			[]string{"there is no go command on PATH", "install Go", "make layer"}},
		{"old go", oldGo, []string{"the go command on PATH is go1.21.13 and Afterglow needs go1.25", "install a newer Go"}},
		{"vendored, with neither cache nor proxy", func(t *testing.T) []string { return []string{"GOPROXY=off", "GOFLAGS=", "GOMODCACHE=" + t.TempDir()} },
			[]string{"neither in the module cache nor to be had from GOPROXY", "go mod download " + modulePath + "@" + r.version}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, said, err := try(t, p.dir, append(p.env, c.env(t)...), layers, architecture, t.TempDir())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
		})
	}
}

// oldGo puts a go command in front that tells an older version, and does nothing else for a module that wants a newer one.
func oldGo(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	command := filepath.Join(dir, "go")
	script := fmt.Sprintf("#!/bin/sh\ncase $1 in\nenv) %[1]q \"$@\" | sed 's/go1[.0-9]*/go1.21.13/' ;;\n*) echo 'go: go.mod requires go >= 1.25.0 (running go 1.21.13; GOTOOLCHAIN=local)' >&2; exit 1 ;;\nesac\n", goCommand(t))
	write(t, command, []byte(script))
	if err := os.Chmod(command, 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
}

func goCommand(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

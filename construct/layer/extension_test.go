package layer

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The same source in two directories, built by two users: one in peace, one with everything set that the go command knows.
func TestBuildIsReproducible(t *testing.T) {
	first, second := copySource(t), copySource(t)
	plain, err := extension(t.Context(), first, "arm64", nil, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"GOFLAGS": "-tags=none -gcflags=-N -mod=vendor", "GOOS": "windows", "GOARCH": "386", "GOARM64": "v9.0",
		"GOEXPERIMENT": "boringcrypto", "GODEBUG": "http2client=0", "GOFIPS140": "latest", "GOWORK": "/nonexistent/go.work",
		"CGO_ENABLED": "1", "CGO_LDFLAGS": "-lnone", "GO111MODULE": "off",
	} {
		t.Setenv(name, value)
	}
	t.Setenv("GOENV", filepath.Join(t.TempDir(), "env"))
	writeFile(t, os.Getenv("GOENV"), "GOFLAGS=-race\nGOEXPERIMENT=arenas\n")
	other, err := extension(t.Context(), second, "arm64", nil, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain.binary, other.binary) || !bytes.Equal(plain.notices, other.notices) {
		t.Errorf("%d and %d bytes of the binary, %d and %d of the notices differ", len(plain.binary), len(other.binary), len(plain.notices), len(other.notices))
	}
	t.Run("it tells what it was built from", func(t *testing.T) { tellsMaterials(t, plain) })
	out, err := exec.Command("git", "-C", second.dir, "status").CombinedOutput()
	if err == nil {
		t.Fatalf("the copies were to be outside a repository: %s", out)
	}
}

// tellsMaterials: each module that the binary names has its licence in the notices and its line in the bill of materials.
func tellsMaterials(t *testing.T, made built) {
	info, err := buildinfo.Read(bytes.NewReader(made.binary))
	if err != nil {
		t.Fatal(err)
	}
	bill, err := sbom(made)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		SPDXVersion string `json:"spdxVersion"`
		Packages    []struct {
			Name, VersionInfo, SPDXID, LicenseDeclared string
			ExternalRefs                               []struct{ ReferenceLocator string }
		}
	}
	if err := json.Unmarshal(bill, &document); err != nil || document.SPDXVersion != "SPDX-2.3" {
		t.Fatalf("%v: %s", err, bill)
	}
	named, licences, purls := map[string]string{}, map[string]string{}, map[string]string{}
	for _, p := range document.Packages {
		named[p.Name], licences[p.Name], purls[p.Name] = p.VersionInfo, p.LicenseDeclared, p.ExternalRefs[0].ReferenceLocator
	}
	for name, want := range map[string][3]string{
		modulePath:                      {"v" + release, "Apache-2.0", "pkg:golang/" + modulePath + "@v" + release},
		"go":                            {strings.TrimPrefix(info.GoVersion, "go"), "BSD-3-Clause", "pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go")},
		"github.com/rs/zerolog":         {named["github.com/rs/zerolog"], "MIT", "pkg:golang/github.com/rs/zerolog@" + named["github.com/rs/zerolog"]},
		"github.com/aws/smithy-go":      {named["github.com/aws/smithy-go"], "Apache-2.0 AND BSD-3-Clause", "pkg:golang/github.com/aws/smithy-go@" + named["github.com/aws/smithy-go"]},
		"github.com/klauspost/compress": {named["github.com/klauspost/compress"], noAssertion, "pkg:golang/github.com/klauspost/compress@" + named["github.com/klauspost/compress"]}, // several in one file
	} {
		if got := [3]string{named[name], licences[name], purls[name]}; got != want {
			t.Errorf("%s is %q in the bill of materials, want %q", name, got, want)
		}
	}
	if len(info.Deps) == 0 || len(named) != len(info.Deps)+2 {
		t.Errorf("%d packages for %d modules, Afterglow and Go", len(named), len(info.Deps))
	}
	for _, module := range info.Deps {
		if named[module.Path] != module.Version {
			t.Errorf("%s %s is %q in the bill of materials", module.Path, module.Version, named[module.Path])
		}
		if !bytes.Contains(made.notices, []byte("==> "+module.Path+" "+module.Version+"\n")) {
			t.Errorf("%s %s has no licence in the notices", module.Path, module.Version)
		}
	}
	for _, words := range []string{"Redistribution and use in source and binary forms", "Apache License", "Permission is hereby granted", "\n--> internal/sync/singleflight/LICENSE\n"} {
		if !bytes.Contains(made.notices, []byte(words)) {
			t.Errorf("nothing in the notices says %q", words)
		}
	}
}

func TestExtensionCache(t *testing.T) {
	source, cache := tinySource(t), t.TempDir()
	built := func() bool {
		t.Helper()
		var progress bytes.Buffer
		made, err := extension(t.Context(), source, "amd64", []string{cache}, &progress)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(made.binary, []byte("\x7fELF")) {
			t.Fatalf("not a binary for Linux: %q", made.binary[:4])
		}
		return progress.Len() > 0
	}
	change := func(name, content string) func() {
		return func() { writeFile(t, filepath.Join(source.dir, name), content) }
	}
	for _, step := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"first time", func() {}, true},
		{"again", func() {}, false},
		{"a test changed", change("extension/main_test.go", "package main"), false},
		{"a file of the extension changed", change("extension/more.go", "package main\n\nvar more = 1\n"), true},
		{"an imported package changed", change("spool/spool.go", "package spool\n\nconst Version = 2\n"), true},
		{"a package that is not imported changed", change("construct/construct.go", "package construct"), false},
		{"what an imported package embeds changed", change("spool/words/list.txt", "words"), true},
		{"a dependency changed", change("go.mod", "module "+modulePath+"\n\ngo 1.24.1\n"), true},
		{"again at the end", func() {}, false},
	} {
		step.change()
		if got := built(); got != step.want {
			t.Errorf("%s: built %v, want %v", step.name, got, step.want)
		}
	}
}

// TestKeptFilesAreNew: what is kept is new when others see its name, or another process would drop it from the cache.
func TestKeptFilesAreNew(t *testing.T) {
	dir := t.TempDir()
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for n := range 500 {
				name := fmt.Sprintf("layer-arm64-%d.zip", n%20)
				if _, err := keep([]string{dir}, File{Name: name}); err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Errorf("after %d files: %v", n, err)
					return
				}
			}
		})
	}
	writers.Wait()
}

func TestWhatACacheDoesNotTakeIsKeptElsewhere(t *testing.T) {
	blocked, spare := filepath.Join(t.TempDir(), "file"), t.TempDir()
	writeFile(t, blocked, "not a directory")
	small := Layer{Arch: ARM64, Files: []File{{Name: "afterglow/file", Mode: modePlain, Data: []byte("text")}}}
	for range 2 { // written, found
		file, _, err := small.archive(Options{CacheDir: blocked, SpareDir: spare})
		if err != nil || filepath.Dir(file) != spare || !intact(file) {
			t.Errorf("%s, %v, want the zip in %s", file, err, spare)
		}
	}
	if _, _, err := small.archive(Options{CacheDir: blocked, SpareDir: filepath.Join(blocked, "too")}); !errors.Is(err, ErrNotKept) || !strings.Contains(err.Error(), blocked) {
		t.Errorf("%v, want that it is not kept, and where not", err)
	}

	source := tinySource(t)
	for _, want := range []bool{true, false} {
		var progress bytes.Buffer
		if _, err := extension(t.Context(), source, "arm64", []string{blocked, spare}, &progress); err != nil || (progress.Len() > 0) != want {
			t.Errorf("built %v, want %v: %v", !want, want, err)
		}
	}
}

func TestCacheTrimsItself(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		"extension-arm64-old": 2 * cacheLife, "layer-arm64-old.zip": 2 * cacheLife, "somebody-else": 2 * cacheLife,
		"extension-arm64-new": cacheLife / 2,
	} {
		writeFile(t, filepath.Join(dir, name), "")
		when := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := keep([]string{dir}, File{Name: "layer-arm64-now.zip"}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if want := []string{"extension-arm64-new", "layer-arm64-now.zip", "somebody-else"}; !slices.Equal(left, want) {
		t.Errorf("%v is left, want %v", left, want)
	}
}

func TestExtensionWithoutCache(t *testing.T) {
	source := tinySource(t)
	blocked := filepath.Join(t.TempDir(), "file")
	writeFile(t, blocked, "not a directory")
	var progress bytes.Buffer
	if _, err := extension(t.Context(), source, "arm64", []string{filepath.Join(blocked, "cache")}, &progress); err != nil {
		t.Fatalf("a cache that cannot be written is no reason to fail: %v", err)
	}
	if !strings.Contains(progress.String(), "next build will not be faster") {
		t.Errorf("said %q, want a word about the cache", progress.String())
	}
}

func TestExtensionErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(t *testing.T, source moduleSource)
		want  []string
	}{
		{"does not compile", func(t *testing.T, source moduleSource) {
			writeFile(t, filepath.Join(source.dir, "extension/broken.go"), "package main\n\nvar x int = \"text\"\n")
		}, []string{"go build", "extension/broken.go:3:13", "as int value"}},
		{"go too old", func(t *testing.T, source moduleSource) {
			t.Setenv("GOTOOLCHAIN", "local")
			writeFile(t, filepath.Join(source.dir, "go.mod"), "module "+modulePath+"\n\ngo 1.999.0\n")
		}, []string{"go1.999.0", "needs"}},
		{"no go", func(t *testing.T, _ moduleSource) { t.Setenv("PATH", t.TempDir()) }, []string{"go"}},
		{"no source", func(t *testing.T, source moduleSource) {
			if err := os.RemoveAll(filepath.Join(source.dir, "extension")); err != nil {
				t.Fatal(err)
			}
		}, []string{"extension"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := tinySource(t)
			c.setup(t, source)
			_, err := extension(t.Context(), source, "amd64", nil, io.Discard)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
		})
	}
}

func TestFindSource(t *testing.T) {
	t.Run("no go", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := findSource(t.Context()); !errors.Is(err, errNoGo) {
			t.Errorf("%v, want %v", err, errNoGo)
		}
	})
	t.Run("outside any module", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if _, err := findSource(t.Context()); err == nil || !strings.Contains(err.Error(), "inside the Go module") {
			t.Errorf("%v, want what to do", err)
		}
	})
	t.Run("with a go that is too old", func(t *testing.T) {
		dir := t.TempDir() // a real one says its version, and refuses to list modules
		writeFile(t, filepath.Join(dir, "go"), "#!/bin/sh\ncase $1 in\nenv) echo go1.22.0 ;;\n*) echo 'go: go.mod requires go >= 1.25.0 (running go 1.22.0; GOTOOLCHAIN=local)' >&2; exit 1 ;;\nesac\n")
		if err := os.Chmod(filepath.Join(dir, "go"), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		_, err := findSource(t.Context())
		if err == nil || !strings.Contains(err.Error(), "the go command on PATH is go1.22.0 and Afterglow needs "+oldestGo+": install a newer Go") || strings.Contains(err.Error(), "inside the Go module") {
			t.Errorf("%v, want what is wrong", err)
		}
	})
	for _, flag := range []string{"GOFLAGS=-json", "GOFLAGS=-modfile=/nonexistent/go.mod", "GOFLAGS=-C=/nonexistent", "GO111MODULE=off", "GOEXPERIMENT=nonesuch"} {
		t.Run("with "+flag, func(t *testing.T) {
			name, value, _ := strings.Cut(flag, "=")
			want := moduleDir(t)
			t.Setenv(name, value)
			if source, err := findSource(t.Context()); err != nil || source.dir != want {
				t.Errorf("%q, %v, want %q", source.dir, err, want)
			}
		})
	}
	t.Run("the oldest go is that of go.mod", func(t *testing.T) {
		if got := (moduleSource{moduleDir(t)}).goVersion(); got != oldestGo {
			t.Errorf("%s, and go.mod says %s", oldestGo, got)
		}
	})
	t.Run("as a dependency", func(t *testing.T) {
		copied, consumer := copySource(t), t.TempDir()
		writeFile(t, filepath.Join(consumer, "go.mod"), "module example.com/app\n\ngo 1.25\n\nrequire "+modulePath+
			" v0.0.0\n\nreplace "+modulePath+" => "+copied.dir+"\n")
		t.Chdir(consumer)
		t.Setenv("GOFLAGS", "-mod=vendor")
		source, err := findSource(t.Context())
		if err != nil || source.dir != copied.dir {
			t.Errorf("%q, %v, want %q", source.dir, err, copied.dir)
		}
	})
}

// copySource copies what the extension is built from to another directory.
func copySource(t *testing.T) moduleSource {
	t.Helper()
	original, copied := moduleSource{moduleDir(t)}, moduleSource{t.TempDir()}
	packages, err := original.packages()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"go.mod", "go.sum"}
	for _, pkg := range packages {
		files, err := original.files(pkg)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, files...)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(original.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(copied.dir, name), string(data))
	}
	return copied
}

// tinySource is a module with the shape of ours that compiles in no time.
func tinySource(t *testing.T) moduleSource {
	t.Helper()
	source := moduleSource{t.TempDir()}
	for name, content := range map[string]string{
		"go.mod":            "module " + modulePath + "\n\ngo 1.24\n",
		"go.sum":            "",
		licenseFile:         "",
		"extension/main.go": "package main\n\nimport \"" + modulePath + "/spool\"\n\nfunc main() { println(spool.Version) }\n",
		"spool/spool.go":    "package spool\n\nconst Version = 1\n",
	} {
		writeFile(t, filepath.Join(source.dir, name), content)
	}
	return source
}

// TestDamagedCacheIsNotUsed: what a power failure leaves of a cached file under its full name is built anew.
func TestDamagedCacheIsNotUsed(t *testing.T) {
	source, cache := tinySource(t), t.TempDir()
	o := Options{Arch: "x86_64", CacheDir: cache, Progress: io.Discard}
	archive := func() (file, hash string, err error) {
		l, err := makeFrom(t.Context(), source, "amd64", o)
		if err != nil {
			return "", "", err
		}
		return l.archive(o)
	}
	file, hash, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func(name string) error{
		"emptied": func(name string) error { return os.Truncate(name, 0) },
		"cut":     func(name string) error { return os.Truncate(name, 10) },
		"zeroed": func(name string) error {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			clear(data[len(data)/2:])
			return os.WriteFile(name, data, 0o644)
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(cache, "*"))
			if err != nil || len(files) != 4 {
				t.Fatalf("cache holds %v, %v", files, err)
			}
			for _, f := range files {
				if err := damage(f); err != nil {
					t.Fatal(err)
				}
			}
			again, hashAgain, err := archive()
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(again)
			if err != nil || hashAgain != hash || !bytes.Equal(got, want) {
				t.Errorf("%d bytes instead of %d, %v", len(got), len(want), err)
			}
		})
	}
}

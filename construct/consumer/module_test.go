package consumer

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const modulePath = "github.com/afterglow-lambda/afterglow"

// A release is the working tree as a version of the module.
type release struct {
	version string
	proxy   string // a GOPROXY of files that has it
	cache   string // the user's module cache
}

// A treeFile is a file of the working tree.
type treeFile struct{ root, name string }

func (f treeFile) Path() string                 { return f.name }
func (f treeFile) Lstat() (fs.FileInfo, error)  { return os.Lstat(filepath.Join(f.root, f.name)) }
func (f treeFile) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(f.root, f.name)) }

// pack makes a release of what git tracks, and of what it would with the next `git add`. Its zip is held to what the go command asks of one.
// Source of the proxy's layout: go.dev/ref/mod#goproxy-protocol.
func pack(t *testing.T) release {
	t.Helper()
	root := strings.TrimSpace(output(t, "", nil, "git", "rev-parse", "--show-toplevel"))
	var files []zip.File
	for _, name := range strings.Split(output(t, root, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		if info, err := os.Lstat(filepath.Join(root, name)); name != "" && err == nil && info.Mode().IsRegular() {
			files = append(files, treeFile{root, name})
		}
	}
	// A version of this run's own: another run may be at the same module cache.
	r := release{version: fmt.Sprintf("v0.0.0-test.%d.%d", os.Getpid(), time.Now().UnixNano()), proxy: t.TempDir(), cache: goEnv(t, "GOMODCACHE")}
	var packed bytes.Buffer
	if err := zip.Create(&packed, module.Version{Path: modulePath, Version: r.version}, files); err != nil {
		t.Fatalf("the module cannot be released: %v", err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	versions := filepath.Join(r.proxy, filepath.FromSlash(modulePath), "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"list":              []byte(r.version + "\n"),
		r.version + ".info": fmt.Appendf(nil, `{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, r.version),
		r.version + ".mod":  mod,
		r.version + ".zip":  packed.Bytes(),
	} {
		write(t, filepath.Join(versions, name), content)
	}
	t.Cleanup(func() { r.forget(t) })
	return r
}

// forget takes the version out of the user's module cache.
func (r release) forget(t *testing.T) {
	dir := filepath.Join(r.cache, filepath.FromSlash(modulePath)+"@"+r.version)
	_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(name, 0o755) // the module cache is read-only
		}
		return nil
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
	downloads := filepath.Join(r.cache, "cache", "download", filepath.FromSlash(modulePath), "@v")
	if list, err := os.ReadFile(filepath.Join(downloads, "list")); err == nil && strings.TrimSpace(string(list)) == r.version {
		_ = os.Remove(filepath.Join(downloads, "list")) // the go command asks again
	}
	kept, _ := filepath.Glob(filepath.Join(downloads, r.version+".*"))
	for _, name := range kept {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// env is that of a user who gets the module from a proxy: everything else comes from the module cache, or from where it came from before. No sums are looked up: those
// of what is in the cache were checked against this module's go.sum.
func (r release) env(t *testing.T) []string {
	return append(os.Environ(), "GOPROXY=file://"+r.proxy+",file://"+filepath.Join(r.cache, "cache", "download")+","+goEnv(t, "GOPROXY"),
		"GOSUMDB=off", "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=18,20,22,24")
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(output(t, "", nil, "go", "env", name))
}

// output runs a command and gives what it prints.
func output(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	stdout, stderr, err := try(t, dir, env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr)
	}
	return stdout
}

func try(t *testing.T, dir string, env []string, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir, command.Env = dir, env
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()
	return out.String(), errs.String(), err
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

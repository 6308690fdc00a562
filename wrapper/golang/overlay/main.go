// Command overlay has Afterglow's hook compiled into a function without a change of its code.
//
// It takes the folder of the function's package main, which is the current one if it is given none, and prints the path of a file for go build -overlay:
//
//	go build -overlay "$(go run github.com/afterglow-lambda/afterglow/wrapper/golang/overlay)" -o bootstrap .
//
// What is built that way differs in this: net/http, of Go's own library, asks about every request on its way into an http.Transport, whoever has made
// that transport; package main imports what answers; and go.mod requires Afterglow, if it does not already. All of it is in the overlay: no
// file of the module, of the Go installation or of the module cache is written to. It promises to refuse a Go whose net/http is not as it knows it, rather
// than to build something that does not work.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/version"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

const (
	module   = "github.com/afterglow-lambda/afterglow"
	overlaid = module + "/wrapper/golang/overlaid"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("overlay", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", "", "`folder` for the overlay (default: one of this program's own in the user's cache)")
	source := flags.String("source", "", "`folder` with Afterglow's source, instead of a released version")
	tags := flags.String("tags", "", "the `list` of tags that go build is given, if package main or what it imports depends on them")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	o := overlay{ctx: ctx, main: ".", out: *out, source: *source, tags: "-tags=" + *tags, replace: map[string]string{}}
	if flags.NArg() > 0 {
		o.main = flags.Arg(0)
	}
	file, err := o.make()
	if err != nil {
		fmt.Fprintln(stderr, "overlay:", err)
		return 1
	}
	fmt.Fprintln(stdout, file)
	return 0
}

// An overlay is being made.
type overlay struct {
	ctx               context.Context
	main, out, source string
	tags              string            // the flag
	work              string            // the go.work that go build goes by, if any
	replace           map[string]string // files as go build sees them: files with what it reads
}

func (o *overlay) make() (file string, err error) {
	if o.main, err = filepath.Abs(o.main); err != nil {
		return "", fmt.Errorf("find package main: %w", err)
	}
	var env struct{ GOROOT, GOVERSION, GOMOD, GOMODCACHE, GOWORK, GOFLAGS string }
	if text, err := o.command("go", "env", "-json", "GOROOT", "GOVERSION", "GOMOD", "GOMODCACHE", "GOWORK", "GOFLAGS"); err != nil {
		return "", err
	} else if err := json.Unmarshal(text, &env); err != nil {
		return "", fmt.Errorf("read go env: %w", err)
	}
	if env.GOMOD == "" || env.GOMOD == os.DevNull {
		return "", fmt.Errorf("%s is in no module: run this where the function's go.mod is", o.main)
	}
	if flag := elsewhere(env.GOFLAGS); flag != "" {
		return "", fmt.Errorf("GOFLAGS has %s: go build takes one overlay, and this one is to replace go.mod itself; take the flag out of GOFLAGS for this and for go build", flag)
	}
	if below(env.GOROOT, env.GOMODCACHE) {
		return "", fmt.Errorf("%s is one that the go command has fetched for this module into %s, where it lets no overlay replace anything: install %[1]s, as by copying %[3]s to another folder, and have go in PATH be that one's bin/go",
			env.GOVERSION, env.GOMODCACHE, env.GOROOT)
	}
	if o.work = env.GOWORK; o.work == "off" {
		o.work = ""
	}
	if o.out == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a folder: %w; give one with -o", err)
		}
		sum := sha256.Sum256([]byte(o.main + "\x00" + env.GOVERSION))
		o.out = filepath.Join(cache, "afterglow-overlay", hex.EncodeToString(sum[:8]))
	}
	if o.out, err = filepath.Abs(o.out); err != nil {
		return "", fmt.Errorf("find folder: %w", err)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil { //nolint:gosec // it holds nothing to hide
		return "", fmt.Errorf("make folder: %w", err)
	}
	for _, step := range []func() error{
		func() error { return o.see(filepath.Join(env.GOROOT, "src", "net", "http"), env.GOVERSION) },
		o.answer,
		func() error { return o.require(env.GOMOD) },
	} {
		if err := step(); err != nil {
			return "", err
		}
	}
	return o.write()
}

// What net/http has where every request of a transport's passes, and what it gets instead: in the same line, so that stack traces stay as they are.
const (
	passes = "\treturn t.roundTrip(req)\n"
	sees   = "\tif AfterglowSee != nil { if sent, told := AfterglowSee(t, req); told != nil { back := false; defer func() { if !back { told(nil, nil) } }(); resp, err := t.roundTrip(sent); back = true; return told(resp, err) } }; return t.roundTrip(req)\n"

	asks = `package http

// AfterglowSee is asked about every request that goes into a Transport. It is set before the first, and not changed.
var AfterglowSee func(*Transport, *Request) (*Request, func(*Response, error) (*Response, error))
`
	answers = `package main

import (
	_afterglowHTTP "net/http"

	_afterglowHook "` + overlaid + `"
)

var _ = _afterglowHook.Install(&_afterglowHTTP.AfterglowSee)
`
)

// see has net/http ask.
func (o *overlay) see(dir, version string) error {
	file := filepath.Join(dir, "roundtrip.go")
	source, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read %s's net/http: %w", version, err)
	}
	if bytes.Count(source, []byte(passes)) != 1 || !bytes.Contains(source, []byte("\nfunc (t *Transport) RoundTrip(req *Request) (*Response, error) {\n")) {
		return fmt.Errorf("%s has another net/http than this version of Afterglow knows; see whether there is a newer one, or import %s/wrapper/golang/auto", version, module)
	}
	if err := o.put(file, bytes.Replace(source, []byte(passes), []byte(sees), 1)); err != nil {
		return err
	}
	return o.put(filepath.Join(dir, "afterglow.go"), []byte(asks))
}

// answer has package main answer, from a file that is initialised before the others.
func (o *overlay) answer() error {
	name, err := o.command("go", "list", o.tags, "-f", "{{.Name}}", ".")
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(name)); got != "main" {
		return fmt.Errorf("%s has package %s: give the folder of the function's package main", o.main, got)
	}
	return o.put(filepath.Join(o.main, "0_afterglow.go"), []byte(answers))
}

// require has go.mod require Afterglow, in the version of this program.
func (o *overlay) require(goMod string) error {
	if _, err := o.command("go", "list", "-m", module); err == nil {
		return nil // it does
	}
	dir := filepath.Dir(goMod)
	if _, err := os.Stat(filepath.Join(dir, "vendor")); err == nil {
		return fmt.Errorf("%s has a vendor folder: run go get -tool %s and go mod vendor there, which has it in that folder as well, and then this again", dir, overlaid)
	}
	if o.work != "" {
		return fmt.Errorf("%s is part of %s, where the go command takes go.mod from no other place: run go get -tool %s there, or set GOWORK=off for this and for go build", dir, o.work, overlaid)
	}
	copied, sum := filepath.Join(o.out, "go.mod"), strings.TrimSuffix(goMod, ".mod")+".sum"
	if err := copyFile(goMod, copied); err != nil {
		return err
	}
	if err := copyFile(sum, filepath.Join(o.out, "go.sum")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	edit := []string{"-require=" + module + "@" + o.version()}
	if o.source != "" {
		source, err := filepath.Abs(o.source)
		if err != nil {
			return fmt.Errorf("find source: %w", err)
		}
		edit = append(edit, "-replace="+module+"="+source)
	}
	if err := o.resolve(copied, edit); err != nil {
		return err
	}
	keep, err := o.kept(goMod, copied)
	if err != nil {
		return err
	}
	if len(keep) > 0 {
		if err := o.resolve(copied, keep); err != nil {
			return err
		}
	}
	o.replace[goMod], o.replace[sum] = copied, filepath.Join(o.out, "go.sum")
	return nil
}

// resolve edits a go.mod, and has the go command add what is missing in it and its go.sum, which it does where it is asked with leave what the program imports.
func (o *overlay) resolve(mod string, edit []string) error {
	if _, err := o.command("go", append(append([]string{"mod", "edit"}, edit...), mod)...); err != nil {
		return err
	}
	file, err := o.write()
	if err != nil {
		return err
	}
	_, err = o.command("go", "list", o.tags, "-overlay", file, "-modfile", mod, "-mod=mod", "-deps", ".")
	return err
}

// kept gives the edits by which the function's modules stay in the versions that they had: Afterglow requires some of them too, but what the hook takes of them,
// which is one function of the runtime client's, all versions have. It refuses a go.mod whose version of the language, on which it depends what code means, had to change.
func (o *overlay) kept(before, after string) (edits []string, err error) {
	was, err := o.versions(before)
	if err != nil {
		return nil, err
	}
	is, err := o.versions(after)
	if err != nil {
		return nil, err
	}
	if version.Lang("go"+was["go"]) != version.Lang("go"+is["go"]) {
		return nil, fmt.Errorf("%s says go %s, and Afterglow needs %s: run go get go@%s there first", before, was["go"], is["go"], is["go"])
	}
	for path, v := range was {
		if is[path] != "" && is[path] != v && path != "go" {
			edits = append(edits, "-replace="+path+"@"+is[path]+"="+path+"@"+v)
		}
	}
	return edits, nil
}

// versions gives the versions that a go.mod requires, but of what it replaces, and its Go's.
func (o *overlay) versions(file string) (map[string]string, error) {
	text, err := o.command("go", "mod", "edit", "-json", file)
	if err != nil {
		return nil, err
	}
	var mod struct {
		Go      string
		Require []struct{ Path, Version string }
		Replace []struct{ Old struct{ Path string } }
	}
	if err := json.Unmarshal(text, &mod); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	versions := map[string]string{"go": mod.Go}
	for _, r := range mod.Require {
		versions[r.Path] = r.Version
	}
	for _, r := range mod.Replace {
		delete(versions, r.Old.Path) // it is what the function says, whoever requires it
	}
	return versions, nil
}

// version is that of Afterglow's that this program is of.
func (o *overlay) version() string {
	if info, ok := debug.ReadBuildInfo(); ok && o.source == "" && info.Main.Path == module && strings.HasPrefix(info.Main.Version, "v") {
		return info.Main.Version
	}
	return "v0.0.0" // which is nowhere but in the source
}

// write writes the file for go build and gives its name.
func (o *overlay) write() (string, error) {
	text, err := json.MarshalIndent(map[string]any{"Replace": o.replace}, "", "\t")
	if err != nil {
		return "", fmt.Errorf("write overlay: %w", err)
	}
	file := filepath.Join(o.out, "overlay.json")
	if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // it holds nothing to hide
		return "", fmt.Errorf("write overlay: %w", err)
	}
	return file, nil
}

// put has go build read content where file is, or would be.
func (o *overlay) put(file string, content []byte) error {
	copied := filepath.Join(o.out, filepath.Base(file))
	o.replace[file] = copied
	if err := os.WriteFile(copied, content, 0o644); err != nil { //nolint:gosec // source
		return fmt.Errorf("write overlay: %w", err)
	}
	return nil
}

// command runs a command in the folder of package main and gives what it says.
func (o *overlay) command(name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(o.ctx, name, args...)
	c.Dir = o.main
	var complaint bytes.Buffer
	c.Stderr = &complaint
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, complaint.Bytes())
	}
	return text, nil
}

// elsewhere gives the flag in GOFLAGS by which go build would not see what is replaced here, or not what the function's author has replaced.
func elsewhere(flags string) string {
	for _, flag := range strings.Fields(flags) {
		switch name, _, _ := strings.Cut(strings.TrimLeft(strings.Trim(flag, `"'`), "-"), "="); name {
		case "overlay", "modfile":
			return flag
		}
	}
	return ""
}

// below tells whether a folder is in another one.
func below(dir, other string) bool {
	rel, err := filepath.Rel(other, dir)
	return err == nil && other != "" && filepath.IsLocal(rel)
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("copy %s: %w", filepath.Base(from), err)
	}
	if err := os.WriteFile(to, content, 0o644); err != nil { //nolint:gosec // no secret is in it
		return fmt.Errorf("copy %s: %w", filepath.Base(from), err)
	}
	return nil
}

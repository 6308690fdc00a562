package afterglow_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/settings"
)

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryPackageSaysWhatItIs: a package comment says what it takes, gives and promises.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	fset := token.NewFileSet()
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.FromSlash(file), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(file)
		documented[dir] = documented[dir] || len(f.Doc.Text()) > 40
		switch f.Name.Name {
		case "util", "utils", "common", "helpers", "helper", "misc":
			t.Errorf("%s: package %s says nothing: name it after what it holds", file, f.Name.Name)
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment that says what it takes, gives and promises", dir)
		}
	}
}

// TestNothingHappensAtImport: no init functions; in the extension every one of them would cost each cold start.
func TestNothingHappensAtImport(t *testing.T) {
	fset := token.NewFileSet()
	for _, file := range goFiles(t) {
		f, err := parser.ParseFile(fset, filepath.FromSlash(file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", file)
			}
		}
		if strings.HasPrefix(file, "extension/") && !strings.HasSuffix(file, "_test.go") {
			for _, d := range f.Decls {
				if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR && strings.Contains(read(t, file)[fset.Position(g.Pos()).Offset:fset.Position(g.End()).Offset], "regexp.MustCompile") {
					t.Errorf("%s compiles an expression at start-up: that is paid by every cold start", file)
				}
			}
		}
	}
}

// TestExtensionNeverExits: an exit costs the customer an invocation; only main may, and only after SHUTDOWN.
func TestExtensionNeverExits(t *testing.T) {
	for _, file := range goFiles(t) {
		if !strings.HasPrefix(file, "extension/") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		src := read(t, file)
		for _, bad := range []string{"log.Fatal", ".Fatal()", "runtime.Goexit", "syscall.Exit"} {
			if strings.Contains(src, bad) {
				t.Errorf("%s calls %s", file, bad)
			}
		}
		if strings.Contains(src, "os.Exit") && file != "extension/main.go" {
			t.Errorf("%s calls os.Exit", file)
		}
	}
}

// TestOneVersion: extension and hooks are released together and say so alike.
func TestOneVersion(t *testing.T) {
	version := regexp.MustCompile(`(?:release|VERSION) = ["']([0-9.]+)["']`)
	for _, file := range []string{
		"extension/main.go", "wrapper/python/_afterglow/__init__.py", "wrapper/node/spool.cjs", "wrapper/ruby/spool.rb", "wrapper/java/src/main/java/afterglow/hook/Spool.java",
		"wrapper/golang/internal/hook/spool.go", "construct/layer/sbom.go",
	} {
		m := version.FindStringSubmatch(read(t, file))
		if m == nil || m[1] != release {
			t.Errorf("%s says %q, not version %s", file, m, release)
		}
	}
}

// TestNoLineEndIsChanged: on a checkout with core.autocrlf, git would write the exec wrapper with ends of lines that no shell takes, and `make layer` would pack that.
func TestNoLineEndIsChanged(t *testing.T) {
	if !strings.Contains(read(t, ".gitattributes"), "\n* -text\n") {
		t.Error(".gitattributes lets git change ends of lines")
	}
	for _, file := range files(t, func(name string) bool { return name == "exec-wrapper" || strings.HasSuffix(name, ".sh") }) {
		if strings.Contains(read(t, file), "\r") {
			t.Errorf("%s has ends of lines that no shell takes", file)
		}
	}
}

// release is the version that CHANGELOG.md is about to describe.
const release = "0.1.0"

// childWord is no setting: Node.js' hook tells it to the hook in a child process, which takes it out of the environment.
const childWord = "AFTERGLOW_CHILD"

// TestHooksKnowTheSettings: each name of ours in a hook's source is in the table for that reader, and where a default stands
// beside it, it is the table's.
func TestHooksKnowTheSettings(t *testing.T) {
	name := regexp.MustCompile(`AFTERGLOW_[A-Z_]*[A-Z]`)
	withDefault := regexp.MustCompile(`(AFTERGLOW_[A-Z_]*[A-Z])["']?\s*[,:=]\s*(?:["']([^"']*)["']|([0-9][0-9_]*))`)
	seen := map[string]map[settings.Reader]bool{}
	for _, file := range files(t, func(string) bool { return true }) {
		reader, ok := hookReader(file)
		if !ok {
			continue
		}
		src := read(t, file)
		for _, n := range name.FindAllString(src, -1) {
			if n == childWord {
				continue
			}
			s, ok := settings.Lookup(n)
			switch {
			case !ok:
				t.Errorf("%s: %s is not in settings/table.go", file, n)
			case !has(s.Readers, reader):
				t.Errorf("%s: %s is not read by %s according to settings/table.go", file, n, reader)
			}
			if seen[n] == nil {
				seen[n] = map[settings.Reader]bool{}
			}
			seen[n][reader] = true
		}
		for _, m := range withDefault.FindAllStringSubmatch(src, -1) {
			got := m[2] + strings.ReplaceAll(m[3], "_", "")
			if s, ok := settings.Lookup(m[1]); ok && got != "" && got != s.Default {
				t.Errorf("%s: default of %s is %q, the table says %q", file, m[1], got, s.Default)
			}
		}
	}
	for _, s := range settings.Table() {
		for _, r := range []settings.Reader{settings.Wrapper, settings.Hooks} {
			if has(s.Readers, r) && !seen[s.Name][r] {
				t.Errorf("settings/table.go says that %s is read by %s; it is not", s.Name, r)
			}
		}
	}
}

// TestExtensionKnowsTheSettings: the extension reads each setting that the table says it reads, and no other.
func TestExtensionKnowsTheSettings(t *testing.T) {
	src := ""
	for _, file := range goFiles(t) {
		if strings.HasPrefix(file, "extension/") && !strings.HasSuffix(file, "_test.go") {
			src += read(t, file)
		}
	}
	for _, s := range settings.Table() {
		if reads := strings.Contains(src, `"`+s.Name+`"`); reads != has(s.Readers, settings.Extension) {
			t.Errorf("%s: read by the extension: %v, according to settings/table.go: %v", s.Name, reads, !reads)
		}
	}
}

// hookReader tells which reader of settings a file of wrapper/ is.
func hookReader(file string) (settings.Reader, bool) {
	if file == "wrapper/exec-wrapper" {
		return settings.Wrapper, true
	}
	dir := strings.Split(file, "/")
	if len(dir) < 3 || dir[0] != "wrapper" || dir[1] == "conformance" || dir[2] == "tests" || dir[2] == "test" || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/") {
		return "", false
	}
	return settings.Hooks, true
}

func has(rs []settings.Reader, r settings.Reader) bool {
	for _, x := range rs {
		if x == r {
			return true
		}
	}
	return false
}

// TestOneMaskedInvocationMaker: mask.Apply is the only maker of a mask.Invocation, so nobody else may write one down.
func TestOneMaskedInvocationMaker(t *testing.T) {
	for _, file := range goFiles(t) {
		if strings.HasPrefix(file, "extension/internal/mask/") || !strings.HasPrefix(file, "extension/") {
			continue
		}
		if strings.Contains(read(t, file), "mask.Invocation{") {
			t.Errorf("%s makes a mask.Invocation: only mask.Apply may", file)
		}
	}
}

// TestNoMachineIsNamed: a path of somebody's machine or a registry's address in a tracked file would break on the next one.
func TestNoMachineIsNamed(t *testing.T) {
	bad := regexp.MustCompile(`(^|[^A-Za-z0-9_.])/(root|home/[a-z]+|Users/[a-z]+)/|"resolved": *"http`)
	for _, file := range files(t, func(name string) bool {
		return !strings.HasSuffix(name, ".golden") && name != "house_test.go"
	}) {
		src := read(t, file)
		if strings.ContainsRune(src, 0) {
			continue
		}
		for i, line := range strings.Split(src, "\n") {
			if bad.MatchString(line) {
				t.Errorf("%s:%d names a machine's path or a download address: %s", file, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// TestMarkdownLinksLead: every relative link of the documentation leads to a file.
func TestMarkdownLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)
	for _, file := range files(t, func(name string) bool { return strings.HasSuffix(name, ".md") }) {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			target := path.Join(path.Dir(file), m[1])
			if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
	}
}

package conformance

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/conformance.md anew")

const docs = checkout + "/docs/conformance.md"

// markdown renders the rules.
func markdown() string {
	var b strings.Builder
	b.WriteString(`# How the local Lambda conforms

Each rule is run with real extensions and runtimes: on the local Lambda (` + "`internal/lambdalocal`" + `), and on AWS's own Runtime Interface Emulator where that implements
it. "same" means that every process got the same answers on both, byte for byte but for identifiers and times. Where the emulator differs, what it does instead is
tested as well, and the reason stands beside it.

Sources: EXT, LRE, RTAPI, ENV, LIM, LAYP, TEL, TELREF, TELSCH, LMIENV are pages of AWS's documentation (Extensions API, runtime environment, Runtime API, environment
variables, quotas, layers, Telemetry API with its reference and schemas, managed instances); RIE:x is the file ` + "`internal/lambda/x`" + ` of
https://github.com/aws/aws-lambda-runtime-interface-emulator; "reference" is the project's own collection of what is known.

An invocation that fails is answered with ` + "`X-Amz-Function-Error: Unhandled`" + ` by Lambda and with status 502 by the emulator: the suite takes these for the same.

This page is generated from the rules in ` + "`internal/lambdalocal/conformance`" + ` (` + "`go test ./internal/lambdalocal/conformance -run Docs -update`" + `).
`)
	for _, p := range parts() {
		fmt.Fprintf(&b, "\n## %s\n\n| rule | source | local Lambda | AWS's emulator | why it differs |\n|---|---|---|---|---|\n", p.title)
		for _, r := range p.rules {
			fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s |\n", cell(r.text), cell(r.source), r.id, r.rie.name(), cell(r.rie.differs+r.rie.cannot))
		}
	}
	b.WriteString("\n## What only Lambda does\n\nAWS's emulator has none of this. The tests are those of the packages themselves.\n\n| rule | source | test |\n|---|---|---|\n")
	for _, p := range elsewhere() {
		fmt.Fprintf(&b, "| %s | %s | `%s` in `%s` |\n", cell(p.text), cell(p.source), p.test, strings.Replace(p.pkg, "..", "internal/lambdalocal", 1))
	}
	b.WriteString(`
## Programs of others

These run in the suite, too, on both: an extension on AWS's crate ` + "`lambda-extension`" + ` with its telemetry processor (` + "`TestRustExtension`" + `), a custom runtime on AWS's crate
` + "`lambda_runtime`" + ` (` + "`TestRustRuntime`" + `), and AWS's Lambda Web Adapter, buffered and streaming (` + "`TestWebAdapter`" + `).
`)
	return b.String()
}

func (v verdict) name() string {
	switch {
	case v.cannot != "":
		return "not run"
	case v.differs != "":
		return "differs"
	}
	return "same"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func TestDocsAreTheRules(t *testing.T) {
	want := markdown()
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/conformance.md is not what the rules say: go test ./internal/lambdalocal/conformance -run Docs -update")
	}
}

// TestRulesAreWhole: every rule has what the page shows of it, and its own name.
func TestRulesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules() {
		switch {
		case r.id == "" || r.text == "" || r.source == "" || !strings.HasSuffix(r.text, "."):
			t.Errorf("rule %q lacks its text or its source", r.id)
		case seen[r.id]:
			t.Errorf("two rules are %s", r.id)
		case len(parseWant(r.want)) == 0 && len(r.order) == 0 && len(r.log) == 0:
			t.Errorf("rule %s wants nothing", r.id)
		case r.rie.differs == "" && r.rie.want != "", r.rie.differs != "" && r.rie.want == "":
			t.Errorf("rule %s has to say what AWS's emulator does, and why", r.id)
		}
		seen[r.id] = true
	}
}

// TestPointers: the tests that are pointed to exist.
func TestPointers(t *testing.T) {
	tests := map[string]map[string]bool{}
	for _, p := range elsewhere() {
		if tests[p.pkg] == nil {
			tests[p.pkg] = testsOf(t, p.pkg)
		}
		if !tests[p.pkg][p.test] {
			t.Errorf("%s has no %s, which is to show: %s", p.pkg, p.test, p.text)
		}
	}
}

func testsOf(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				found[fn.Name.Name] = true
			}
		}
	}
	return found
}

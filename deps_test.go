package afterglow_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/afterglow-lambda/afterglow"

// imports says who may import whom: the arrow of the data. "a < b" reads "b may import a"; a package that has no line may import
// nothing of ours. E/ stands for extension/internal/. Tests may import what they like, but for one rule at the end.
const imports = `
	spool, settings, wrapper/golang/...                 < wrapper/golang/...
	spool, E/event                                      < E/intake
	E/event                                             < E/enrich, E/correlate, E/mask
	E/enrich/internal/...                               < E/enrich/...
	E/mask/internal/...                                 < E/mask/...
	E/mask                                              < E/limit
	E/mask, E/event, E/otlp                             < E/span
	extension/otlplog                                   < E/export
	E/event, E/nonblock                                 < E/telemetry
	E/nonblock                                          < E/lambdaapi
	E/event, E/mask, E/span, E/otlp                     < E/metric
	E/event, E/export, extension/otlplog                < E/deliver
	extension/otlplog                                   < infra/local/...
	spool, E/event, E/intake, E/enrich, E/correlate     < E/lifecycle
	E/mask, E/limit, E/span, E/otlp, E/export           < E/lifecycle
	E/lambdaapi, E/telemetry, E/deliver, E/metric       < E/lifecycle
	E/nonblock                                          < E/lifecycle
	E/lifecycle, E/lambdaapi, E/export, E/mask, E/limit < extension
	E/telemetry, E/deliver, E/metric, E/event           < extension
	extension/otlplog                                   < extension
	E/span, E/otlp, E/intake, settings                  < extension
	spool                                               < spool/cat

	wrapper                                             < construct/layer
	settings, construct/layer                           < construct
	settings, construct, construct/layer                < infra
	construct/layer                                     < infra/layer

	internal/apt                                        < internal/runtimes
	internal/apt, internal/child                        < internal/tools
	internal/runtimes                                   < internal/lambdalocal
	internal/lambdalocal/...                            < internal/lambdalocal
	internal/lambdalocal, internal/runtimes             < internal/lambdalocal/...
	internal/tools                                      < internal/cfnlint
	construct/layer, bench/host                         < bench/...
	wrapper                                             < bench/hooks
	construct                                           < bench/synth
	spool, bench/stage, bench/programs                  < bench/...
	internal/...                                        < bench/..., infra/local/...
	spool, settings, construct/layer, infra/local/...   < infra/local/...
`

// thirdParty says which modules of others a part may import; a part that has no line may import none. Inside the function's process
// there are none at all; each one inside the extension costs start-up time, memory and size, and was measured. Of AWS's SDK it has the
// signer and what that takes, not the clients of services: docs/decisions/0006-signer-without-clients.md. Why gzip is not the standard library's is in
// docs/decisions/0014-gzip-of-another.md.
const thirdParty = `
	extension          github.com/rs/zerolog
	E
	E/lifecycle        github.com/rs/zerolog, golang.org/x/sys
	E/deliver          github.com/rs/zerolog
	E/otlp             google.golang.org/protobuf/encoding/protowire
	E/export           google.golang.org/protobuf/encoding/protowire, github.com/aws/aws-sdk-go-v2/aws, github.com/klauspost/compress/gzip
	extension/otlplog  github.com/klauspost/compress/gzip
	construct          github.com/aws/aws-cdk-go, github.com/aws/constructs-go, github.com/aws/jsii-runtime-go
	construct/layer
	infra              github.com/aws/aws-cdk-go, github.com/aws/constructs-go, github.com/aws/jsii-runtime-go
	infra/layer
	infra/local        github.com/aws/aws-sdk-go-v2, github.com/aws/smithy-go, golang.org/x/sys, golang.org/x/term
	infra/local/replay google.golang.org/protobuf/encoding/protowire
	internal           golang.org/x/sys, google.golang.org/protobuf, go.opentelemetry.io/proto/otlp
	bench              golang.org/x/sys
	bench/synth        github.com/aws/aws-cdk-go, github.com/aws/constructs-go, github.com/aws/jsii-runtime-go
	internal/lambdalocal/testdata/gofunction github.com/aws/aws-lambda-go
	wrapper/golang/internal/invocation github.com/aws/aws-lambda-go
	wrapper/golang/lambda github.com/aws/aws-lambda-go
	wrapper/golang/awsv2 github.com/aws/aws-sdk-go-v2/aws
	wrapper/golang/tests github.com/aws/aws-lambda-go, github.com/aws/aws-sdk-go-v2, github.com/aws/aws-sdk-go
	wrapper/conformance/actors/go github.com/aws/aws-lambda-go
	bench/hooks/programs/golang github.com/aws/aws-lambda-go, go.opentelemetry.io
`

// speaks tells whether a package of the extension speaks HTTP: to collectors and AWS, to Lambda, or, as telemetry does, when Lambda speaks to it.
func speaks(pkg string) bool {
	return pkg == "extension/internal/export" || pkg == "extension/internal/lambdaapi" || pkg == "extension/internal/telemetry"
}

// A source is one Go file and what it imports.
type source struct {
	pkg, file string
	test      bool
	imports   []string
}

func TestImports(t *testing.T) {
	sources := parseAll(t)
	if len(sources) < 20 {
		t.Fatalf("only %d Go files found: the test looks in the wrong place", len(sources))
	}
	allowed := arrows(t)
	for _, s := range sources {
		for _, imp := range s.imports {
			ours, isOurs := strings.CutPrefix(imp, module+"/")
			switch {
			case s.test && isOurs && strings.HasPrefix(s.pkg, "spool") && !strings.HasPrefix(ours, "spool"):
				t.Errorf("%s imports %s: the spool's tests stand alone, every language has the same", s.file, ours)
			case s.test:
			case isOurs && !allows(allowed, s.pkg, ours):
				t.Errorf("%s: %s may not import %s (see imports in deps_test.go, and why in ARCHITECTURE.md)", s.file, s.pkg, ours)
			case strings.HasPrefix(s.pkg, "extension/") && imp == "net/http" && !speaks(s.pkg):
				t.Errorf("%s: %s may not import %s: only export, lambdaapi and telemetry speak to anybody", s.file, s.pkg, imp)
			case !isOurs && strings.Contains(strings.Split(imp, "/")[0], ".") && !allowsThirdParty(s.pkg, imp):
				t.Errorf("%s: %s may not import %s (see thirdParty in deps_test.go)", s.file, s.pkg, imp)
			}
		}
	}
}

// TestRevealIsForTheStagesUpToMask: unmasked data is of a type that prints as [unmasked]; only these may look inside.
func TestRevealIsForTheStagesUpToMask(t *testing.T) {
	may := map[string]bool{"intake": true, "enrich": true, "correlate": true, "mask": true, "event": true}
	for _, file := range goFiles(t) {
		dir, ok := strings.CutPrefix(path.Dir(file), "extension")
		if !ok || strings.HasSuffix(file, "_test.go") || may[strings.Split(strings.TrimPrefix(dir, "/internal/"), "/")[0]] {
			continue
		}
		if strings.Contains(read(t, file), ".Reveal") {
			t.Errorf("%s has to do with Reveal: unmasked data stops at package mask", file)
		}
	}
}

// arrows reads the text above.
func arrows(t *testing.T) map[string][]string {
	allowed := map[string][]string{}
	for _, line := range strings.Split(imports, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		left, right, ok := strings.Cut(strings.ReplaceAll(line, "E/", "extension/internal/"), "<")
		if !ok {
			t.Fatalf("imports: %q has no arrow", line)
		}
		for _, by := range split(right) {
			allowed[by] = append(allowed[by], split(left)...)
		}
	}
	return allowed
}

func allows(allowed map[string][]string, pkg, imp string) bool {
	for by, what := range allowed {
		if !covers(by, pkg) {
			continue
		}
		for _, w := range what {
			if covers(w, imp) {
				return true
			}
		}
	}
	return false
}

// covers tells whether the pattern, a package or a tree written as dir/..., covers a package.
func covers(pattern, pkg string) bool {
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == tree || strings.HasPrefix(pkg, tree+"/")
	}
	return pattern == pkg
}

func allowsThirdParty(pkg, imp string) bool {
	best, modules := "", []string(nil)
	for _, line := range strings.Split(thirdParty, "\n") {
		f := strings.Fields(strings.NewReplacer(",", " ", "E/", "extension/internal/", "\tE", "\textension/internal").Replace(line))
		if len(f) > 0 && covers(f[0]+"/...", pkg) && len(f[0]) > len(best) {
			best, modules = f[0], f[1:]
		}
	}
	for _, m := range modules {
		if imp == m || strings.HasPrefix(imp, m+"/") {
			return true
		}
	}
	return false
}

func parseAll(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	for _, file := range goFiles(t) {
		f, err := parser.ParseFile(fset, filepath.FromSlash(file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		s := source{pkg: path.Dir(file), file: file, test: strings.HasSuffix(file, "_test.go")}
		for _, imp := range f.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			s.imports = append(s.imports, p)
		}
		all = append(all, s)
	}
	return all
}

// goFiles lists every Go file of the module. It walks the tree in-process: a test that shells out to `go list` passes on a violation
// out of Go's test cache.
func goFiles(t *testing.T) []string {
	t.Helper()
	return files(t, func(name string) bool { return strings.HasSuffix(name, ".go") })
}

func files(t *testing.T, want func(name string) bool) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != "." && (strings.HasPrefix(name, ".") && name != ".ci" && name != ".github" || name == "node_modules" || name == "__pycache__" || name == "dist" || name == "cdk.out" || name == "testdata") {
			return filepath.SkipDir
		}
		if d.Type().IsRegular() && want(name) {
			all = append(all, filepath.ToSlash(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(all)
	return all
}

func split(s string) []string {
	var l []string
	for _, f := range strings.Split(s, ",") {
		if f = strings.TrimSpace(f); f != "" {
			l = append(l, f)
		}
	}
	return l
}

func TestCoversIsWhatTheTextSays(t *testing.T) {
	for _, c := range []struct {
		pattern, pkg string
		want         bool
	}{
		{"spool", "spool", true}, {"spool", "spool/cat", false}, {"internal/...", "internal/a", true}, {"internal/...", "internals", false},
	} {
		if got := covers(c.pattern, c.pkg); got != c.want {
			t.Errorf("covers(%q, %q) = %v", c.pattern, c.pkg, got)
		}
	}
}

package span_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const page = "../../../docs/spans.md"

// TestAttributesAreDocumented: every attribute that any golden file has stands on the page with its type, and every one of ours that the page has is written by
// the code.
func TestAttributesAreDocumented(t *testing.T) {
	types, used := documented(t), golds(t)
	for key, kind := range used {
		want, ok := types[key]
		for _, family := range []string{"http.request.header.", "http.response.header.", "afterglow.lost.", "afterglow.dropped."} {
			if rest, is := strings.CutPrefix(key, family); is && !ok {
				name := map[bool]string{true: "<what>", false: "<name>"}[family == "afterglow.dropped."]
				if family == "afterglow.lost." {
					name = "<reason>" + rest[strings.LastIndexByte(rest, '.'):]
				}
				want, ok = types[family+name]
			}
		}
		switch {
		case !ok:
			t.Errorf("%s is not on %s", key, page)
		case kind != "number" && want != kind, kind == "number" && want != "int" && want != "double":
			t.Errorf("%s is of type %s, the page says %s", key, kind, want)
		}
	}
	names := strings.Join(constants(t, "names.go"), " ")
	for key := range types {
		if !strings.HasPrefix(key, "afterglow.") || strings.ContainsAny(key, "<…") {
			continue
		}
		stem := key
		for _, suffix := range []string{".content", ".size", ".truncated", ".hidden"} {
			if s, ok := strings.CutSuffix(key, suffix); ok && strings.Contains(names, strconv.Quote(s)) {
				stem = s
			}
		}
		if used[key] == "" && !strings.Contains(names, strconv.Quote(stem)) {
			t.Errorf("the page has %s, which nothing writes", key)
		}
	}
}

// TestNoNameBeginsAnother: some backends make objects of dotted names, and a thing cannot be a text and an object.
func TestNoNameBeginsAnother(t *testing.T) {
	types := documented(t)
	for a := range types {
		for b := range types {
			if strings.HasPrefix(a, "afterglow.") && strings.HasPrefix(b, a+".") {
				t.Errorf("%s begins %s", a, b)
			}
		}
	}
}

// TestReasonsOfLossesAreDocumented: those of all packages that have any.
func TestReasonsOfLossesAreDocumented(t *testing.T) {
	text := read(t, page)
	reasons := 0
	for _, dir := range []string{"intake", "deliver", "lifecycle", "event"} {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, c := range constants(t, file) {
				name, value, _ := strings.Cut(c, "=")
				if !strings.HasPrefix(name, "Loss") && !strings.HasPrefix(name, "Dropped") {
					continue
				}
				reasons++
				if reason := strings.Trim(value, `"`); !strings.Contains(text, "`"+reason+"`") {
					t.Errorf("the reason %s (%s) is not on %s", reason, name, page)
				}
			}
		}
	}
	if reasons < 15 {
		t.Errorf("%d reasons found: the test looks in the wrong place", reasons)
	}
}

// documented reads the page's tables: attributes and their types.
func documented(t *testing.T) map[string]string {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| ([a-z0-9\\[\\], ]+) \\|")
	types := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(read(t, page), -1) {
		kinds := strings.Split(m[2], ", ")
		for n, key := range strings.Split(m[1], ", ") {
			types[strings.Trim(key, "`")] = kinds[min(n, len(kinds)-1)]
		}
	}
	if len(types) < 80 {
		t.Fatalf("%d attributes on %s", len(types), page)
	}
	return types
}

// golds gives the attributes in the golden files of this package and of the whole chain, with their types; "number" where the file does not tell which.
func golds(t *testing.T) map[string]string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^ {4,}([a-z][\w.-]*) = (\S+)`)
	users := []string{"deployment.environment.name", "service.namespace"} // of OTEL_RESOURCE_ATTRIBUTES in the tests
	kinds := map[string]string{}
	var files []string
	for _, pattern := range []string{"testdata/*.golden", "../lifecycle/testdata/golden/*.txt", "../lifecycle/testdata/golden/*/*.txt"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 40 {
		t.Fatalf("%d golden files: the test looks in the wrong place", len(files))
	}
	for _, file := range files {
		for _, m := range line.FindAllStringSubmatch(read(t, file), -1) {
			key, value := m[1], m[2]
			kind := value // the chain's files say it
			switch {
			case slices.Contains(users, key):
				continue
			case value[0] == '"':
				kind = "string"
			case value[0] == '[':
				kind = "string[]"
			case value == "true", value == "false":
				kind = "bool"
			case value[0] >= '0' && value[0] <= '9':
				kind = "number"
			}
			if kinds[key] == "" || kinds[key] == "number" {
				kinds[key] = kind
			}
		}
	}
	return kinds
}

// constants gives the constants of a file as name="value".
func constants(t *testing.T, file string) (all []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				all = append(all, spec.Names[i].Name+"="+lit.Value)
			}
		}
		return true
	})
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

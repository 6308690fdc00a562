package construct

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// documented are the types whose fields docs/construct-props.md lists, in its order.
var documented = []string{
	"InstrumentedFunctionProps", "InstrumentedNodejsFunctionProps", "Instrumentation", "OTLPProps", "OTLPSignalProps", "InstrumentAllProps", "Override", "InstrumentationLayerProps", "SharedLayerProps", "LayerArns",
}

const propsPage = "../docs/construct-props.md"

// TestPropsAreDocumented: every field's doc tells what it does and what its default does, and the page has them all.
func TestPropsAreDocumented(t *testing.T) {
	types := structsOf(t)
	var page strings.Builder
	page.WriteString("# Properties of the construct\n\nWhat [the construct](construct.md) takes. This page is generated from the source (`go test ./construct -run Props -update`).\n")
	for _, name := range documented {
		fields := types[name]
		if fields == nil {
			t.Fatalf("there is no type %s", name)
		}
		fmt.Fprintf(&page, "\n## %s\n\n| property | type | meaning | default |\n|---|---|---|---|\n", name)
		for _, field := range fields {
			meaning, fallback, found := strings.Cut(field.doc, " Default: ")
			if !found && !field.embedded {
				t.Errorf("%s.%s: its doc does not tell what its default does", name, field.name)
			}
			fmt.Fprintf(&page, "| `%s` | `%s` | %s | %s |\n", field.name, field.kind, strings.TrimSpace(meaning), strings.TrimSpace(fallback))
		}
	}
	if *update {
		if err := os.WriteFile(propsPage, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if content, err := os.ReadFile(propsPage); err != nil || string(content) != page.String() {
		t.Errorf("%s is not what the source says (%v); -update writes it anew", propsPage, err)
	}
}

type documentedField struct {
	name, kind, doc string
	embedded        bool
}

// structsOf reads the package's structs with the docs of their fields.
func structsOf(t *testing.T) map[string][]documentedField {
	t.Helper()
	found := map[string][]documentedField{}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		source, err := os.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					found[spec.Name.Name] = fieldsOf(s, source)
				}
			}
			return true
		})
	}
	return found
}

func fieldsOf(s *ast.StructType, source []byte) (fields []documentedField) {
	for _, f := range s.Fields.List {
		if len(f.Names) > 0 && !f.Names[0].IsExported() {
			continue
		}
		kind := string(bytes.TrimSpace(source[f.Type.Pos()-1 : f.Type.End()-1]))
		doc := strings.Join(strings.Fields(f.Doc.Text()), " ")
		if len(f.Names) == 0 {
			fields = append(fields, documentedField{kind[strings.LastIndex(kind, ".")+1:], kind, doc, true})
		}
		for _, name := range f.Names {
			fields = append(fields, documentedField{name.Name, kind, doc, false})
		}
	}
	return fields
}

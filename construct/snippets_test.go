package construct

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSnippetsCompile: what README.md and docs/construct.md show in Go compiles against this very package.
func TestSnippetsCompile(t *testing.T) {
	if os.Getenv(envNewest) != "" {
		t.Skip("SKIPPED: compiled against the CDK of go.mod")
	}
	var source strings.Builder
	source.WriteString(`// Package snippets is made of the documentation.
package snippets

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct"
)

var _ awssecretsmanager.ISecret
var _ awslambda.FunctionProps
`)
	value, declared := regexp.MustCompile(`(?m)^&`), regexp.MustCompile(`(?m)^(\w+) :=`)
	found := 0
	for _, page := range []string{"README.md", "docs/construct.md"} {
		text, err := os.ReadFile(filepath.Join("..", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatchIndex(text, -1) {
			code, line := string(text[match[2]:match[3]]), bytes.Count(text[:match[2]], []byte("\n"))+1
			if strings.Contains(code, "cdknag.") { // nag_test.go has it
				continue
			}
			found++
			code = value.ReplaceAllString(code, "_ = &")
			for _, name := range declared.FindAllStringSubmatch(code, -1) {
				code += "_ = " + name[1] + "\n"
			}
			// What the pages take for granted.
			fmt.Fprintf(&source, "\nfunc _(app awscdk.App, stack awscdk.Stack, someConstruct constructs.Construct, pythonFunction awslambda.Function) {\n//line %s:%d\n%s_ = jsii.Bool\n_ = construct.Instrument\n}\n", page, line, code)
		}
	}
	if found < 6 {
		t.Errorf("only %d blocks of Go: the test looks in the wrong place", found)
	}
	dir := t.TempDir()
	file, overlay := filepath.Join(dir, "snippets.go"), filepath.Join(dir, "overlay.json")
	place, err := filepath.Abs("snippets/snippets.go") // nowhere but in the overlay
	if err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{place: file}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{file: source.String(), overlay: string(replace)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "./snippets").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

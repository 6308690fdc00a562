package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/internal/cfnlint"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

const checkout = "../.."

// recipes gives the blocks of code below a heading of docs/other-tools.md.
func recipes(t *testing.T, heading, language string) (blocks []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(checkout, "docs", "other-tools.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/other-tools.md has no heading %s", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, match := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, match[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s: no block of %s", heading, language)
	}
	return blocks
}

// TestRecipesNameWhatThereIs: files that `make layer` writes, the wrapper where it is in the layer.
func TestRecipesNameWhatThereIs(t *testing.T) {
	for heading, language := range map[string]string{"Terraform": "hcl", "AWS SAM": "yaml", "Serverless Framework": "yaml", "Container images": "dockerfile"} {
		text := strings.Join(recipes(t, heading, language), "")
		for _, name := range regexp.MustCompile(`dist/[a-z0-9_./-]+`).FindAllString(text, -1) {
			if !slices.Contains([]string{"dist/afterglow-layer-" + layer.ARM64 + ".zip", "dist/afterglow-layer-" + layer.X86_64 + ".zip", "dist/layer/"}, name) {
				t.Errorf("%s: make layer does not write %s", heading, name)
			}
		}
		if !strings.Contains(text, layer.ExecWrapper) {
			t.Errorf("%s: does not name the wrapper, %s", heading, layer.ExecWrapper)
		}
	}
}

func TestSAMRecipe(t *testing.T) {
	cfnlint.Check(t, checkout, map[string]string{"template.yaml": recipes(t, "AWS SAM", "yaml")[0]}, nil)
}

// TestTerraformRecipe: the file is Terraform's language, and says what a function needs. No package registry has Terraform or the schema of its provider.
func TestTerraformRecipe(t *testing.T) {
	const parse = `import hcl2, json, sys; print(json.dumps(hcl2.load(sys.stdin)))`
	var file struct {
		Resource []map[string]map[string]struct {
			Filename, Source_code_hash string //nolint:revive,staticcheck // Terraform's names
			Layers                     []string
			Environment                []struct{ Variables map[string]string }
		}
	}
	out := python(t, linters(t), parse, recipes(t, "Terraform", "hcl")[0])
	if err := json.Unmarshal(bytes.ReplaceAll(out, []byte(`\"`), nil), &file); err != nil || len(file.Resource) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	version, function := file.Resource[0]["aws_lambda_layer_version"]["afterglow"], file.Resource[1]["aws_lambda_function"]["orders"]
	if !strings.Contains(version.Source_code_hash, "("+version.Filename+")") {
		t.Errorf("the layer is made of %s, and made anew when %s changes", version.Filename, version.Source_code_hash)
	}
	if !slices.Equal(function.Layers, []string{"${aws_lambda_layer_version.afterglow.arn}"}) || len(function.Environment) != 1 ||
		function.Environment[0].Variables["AWS_LAMBDA_EXEC_WRAPPER"] != layer.ExecWrapper {
		t.Errorf("the function is %+v", function)
	}
}

// TestServerlessRecipe: the file is a configuration that the Serverless Framework's own types take. The framework itself is 250 MB and asks AWS; its version 4 wants a licence.
func TestServerlessRecipe(t *testing.T) {
	const parse = `import json, sys, yaml
yaml.SafeLoader.add_constructor("!Ref", lambda loader, node: {"Ref": loader.construct_scalar(node)})
print(json.dumps(yaml.safe_load(sys.stdin)))`
	l := linters(t)
	recipe := recipes(t, "Serverless Framework", "yaml")[0]
	for name, c := range map[string]struct {
		recipe string
		fails  bool
	}{
		"as it is":       {recipe, false},
		"with a mistake": {strings.Replace(recipe, "compatibleArchitectures:", "compatibleArchitecture:", 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Symlink(l.Modules, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			source := "import type { AWS } from '@serverless/typescript';\nexport const configuration: AWS = " + string(python(t, l, parse, c.recipe))
			if err := os.WriteFile(filepath.Join(dir, "serverless.ts"), []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			argv := append(slices.Clone(l.TSC), "--noEmit", "--strict", "--skipLibCheck", "serverless.ts")
			command := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
			command.Dir = dir
			if out, err := command.CombinedOutput(); (err != nil) != c.fails {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// linters installs what reads the recipes.
func linters(t *testing.T) tools.Linters {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	folder, err := filepath.Abs(filepath.Join(checkout, ".afterglow", "tools"))
	if err != nil {
		t.Fatal(err)
	}
	machine, err := tools.Look(t.Context())
	var found tools.Linters
	if err == nil {
		found, err = tools.RecipeLinters(t.Context(), machine, folder, io.Discard)
	}
	if err != nil {
		lacking(t, err)
	}
	return found
}

// lacking skips a test on a machine that cannot do it; CI may not be one.
func lacking(t *testing.T, why error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skipf("SKIPPED: %v", why)
}

// python runs a program of a line or two over a text.
func python(t *testing.T, l tools.Linters, program, input string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), l.Python, "-I", "-c", program)
	command.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return out
}

package consumer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
)

// A project is one that requires the module.
type project struct {
	dir string
	env []string
}

// newProject makes one as a user does: go mod init, and the module as get adds it.
func newProject(t *testing.T, env []string, get ...[]string) project {
	t.Helper()
	p := project{t.TempDir(), append(env, "SHOP_ARCHITECTURE="+deployed.HostArchitecture())}
	if err := os.CopyFS(p.dir, os.DirFS(filepath.Join("testdata", "shop"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(p.dir, "wrapping", "wrapping"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.run(t, "go", "mod", "init", "example.com/shop")
	p.run(t, "go", "mod", "edit", "-go=1.25.0")
	for _, args := range get {
		p.run(t, "go", args...)
	}
	return p
}

func (p project) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	return output(t, p.dir, p.env, name, args...)
}

// synthesise runs the project's app, with more environment, and gives what it says and the assemblies' directory.
func (p project) synthesise(t *testing.T, app string, env []string, editions ...string) (said, assemblies string) {
	t.Helper()
	assemblies = t.TempDir()
	_, said, err := try(t, p.dir, append(append(p.env, env...), "SHOP_ASSEMBLIES="+assemblies), app, editions...)
	if err != nil {
		t.Fatalf("synthesise: %v\n%s", err, said)
	}
	return said, assemblies
}

// instrumentedIn counts the functions of an assembly that are instrumented.
func instrumentedIn(t *testing.T, assembly string) (functions int) {
	t.Helper()
	var template struct {
		Resources map[string]struct {
			Properties struct {
				Environment struct{ Variables map[string]any }
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(assembly, "Shop.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	for _, r := range template.Resources {
		if r.Properties.Environment.Variables["AWS_LAMBDA_EXEC_WRAPPER"] == layer.ExecWrapper {
			functions++
		}
	}
	return functions
}

package cloud

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// A function that cannot run here is refused with its name, its runtime and what would help.
func TestAFunctionWithoutItsRuntimeIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, runtime string
		says          []string
	}{
		{"nothing of its family can be had", "java21", []string{"function orders: ", "find runtime java21: ", "missing", "install with: "}},
		{"not known", "cobol85", []string{"function orders: ", "find runtime cobol85: ", "Lambda has no such runtime", "known here are python3.9, ", "deploy the function for one of them"}},
		{"another version could stand in", "ruby3.4", []string{"find runtime ruby3.4: ", "install with: rbenv install 3.4", "up --nearest"}},
		{"CoreCLR could stand in", "dotnet10", []string{"find runtime dotnet10: ", "install with: ", "dotnet-runtime-10.0", "up --nearest"}},
		{"deprecated", "nodejs18.x", []string{"find runtime nodejs18.x: ", "Lambda has deprecated nodejs18.x", "nodejs20.x", "deploy the function for one of them", "up --nearest"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir()) // nothing that installs something
			t.Setenv("HOME", t.TempDir())
			t.Setenv("JAVA_HOME", "")
			cloud := &Cloud{opt: Options{Checkout: t.TempDir()}, runtimes: map[string]runtimes.Runtime{}}
			orders := deployed.Function{Function: lambdalocal.Function{Name: "orders", Runtime: c.runtime}}
			err := progress.New(io.Discard, 1).Do("finding runtimes", func(s *progress.Step) (string, error) {
				_, err := cloud.adopt(t.Context(), orders, s)
				return "", err
			})
			if err == nil {
				t.Fatal("it is not refused")
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
}

// With Nearest another version stands in; a line says so, and what is shown is what runs.
func TestTheNearestRuntimeStandsIn(t *testing.T) {
	checkout, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cloud := &Cloud{opt: Options{Checkout: checkout, Nearest: true, Log: progress.New(&said, 1)}, runtimes: map[string]runtimes.Runtime{}}
	if err := cloud.findRuntime(t.Context(), "python3.8", nil); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NOT TESTED: %v", err)
	}
	if used := cloud.runsOn("python3.8"); !strings.HasPrefix(used, "python3.") || !strings.Contains(said.String(), "python3.8 does not run on this machine, "+used+" is used instead") {
		t.Errorf("it runs on %q; said %q", used, said.String())
	}
}

// Package cfnlint holds templates of CloudFormation against AWS's own schemas and rules, in tests, with cfn-lint.
//
// It takes templates by their names, as JSON or YAML, and the findings that are allowed, each with its reason. It fails the test for every other finding, and
// for every allowance that nothing needs any more. cfn-lint brings its schemas along and asks nobody.
package cfnlint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// An Allowance is a kind of findings that stay.
type Allowance struct {
	Rules []string // such as W3005
	Says  string   // in its message; "" for whatever it says
	Why   string
}

// A finding is one that cfn-lint tells.
type finding struct {
	Rule     struct{ Id string } //nolint:revive,staticcheck // cfn-lint's name
	Message  string
	Filename string
	Location struct{ Path []any }
}

func (f finding) String() string {
	where := make([]string, len(f.Location.Path))
	for n, step := range f.Location.Path {
		where[n] = fmt.Sprint(step)
	}
	return fmt.Sprintf("%s: %s: %s %s", filepath.Base(f.Filename), strings.Join(where, "/"), f.Rule.Id, f.Message)
}

// Check lints the templates. checkout is the folder whose .afterglow has the tools, or is to have them. Where cfn-lint cannot be had the test is skipped; in CI
// that is a failure.
func Check(t *testing.T, checkout string, templates map[string]string, allowed []Allowance) {
	t.Helper()
	for _, problem := range problems(findings(t, installed(t, checkout), templates), allowed) {
		t.Error(problem)
	}
}

// problems are the findings that nothing allows, and what is allowed in vain.
func problems(found []finding, allowed []Allowance) (all []string) {
	used := make([]bool, len(allowed))
	for _, f := range found {
		n := slices.IndexFunc(allowed, func(a Allowance) bool {
			return slices.Contains(a.Rules, f.Rule.Id) && strings.Contains(f.Message, a.Says)
		})
		if n < 0 {
			all = append(all, f.String())
			continue
		}
		used[n] = true
	}
	for n, a := range allowed {
		if !used[n] {
			all = append(all, fmt.Sprintf("nothing needs the allowance of %v %q any more: take it away", a.Rules, a.Says))
		}
	}
	return all
}

// installed gives the program, which is beside moto: that needs it too.
func installed(t *testing.T, checkout string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	folder, err := filepath.Abs(filepath.Join(checkout, ".afterglow", "tools"))
	if err != nil {
		t.Fatal(err)
	}
	machine, err := tools.Look(t.Context())
	if err == nil {
		var others tools.Others
		if others, err = tools.Peers(t.Context(), machine, folder, io.Discard); err == nil {
			return others.CFNLint
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("SKIPPED: %v", err)
	return ""
}

// findings runs cfn-lint once over all templates. It ends with a code that is not 0 where it finds something, and tells that as JSON.
func findings(t *testing.T, program string, templates map[string]string) (all []finding) {
	t.Helper()
	folder := t.TempDir()
	args := []string{"--format", "json"}
	for name, template := range templates {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(template), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = folder // away from whatever has a .cfnlintrc
	command.Env = append(os.Environ(), "HOME="+folder)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &all); err != nil || (ended != nil) != (len(all) > 0) {
		t.Fatalf("cfn-lint: %v, %v\n%s%s", ended, err, out, stderr.String())
	}
	return all
}

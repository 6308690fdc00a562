// Package ruby_test runs the tests that Ruby's hook has in its own language, and looks at what surrounds it. Stories that run it as Lambda does are in
// wrapper/conformance.
package ruby_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// runtimeNames are Lambda's Ruby that can be had from Debian, and the oldest one that the hook looks into, which child processes may be.
var runtimeNames = []string{"ruby3.3", "ruby3.1"}

// ruby gives the interpreter of a runtime. On a machine that cannot have it the test is skipped, but not where tests have to be complete.
func ruby(t *testing.T, name string) string {
	t.Helper()
	rt, err := runtimes.Find(t.Context(), name, runtimes.Options{Progress: os.Stderr})
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("find runtime: %v", err)
		}
		t.Skipf("NOT TESTED on %s: %v", name, err)
	}
	return filepath.Join(rt.Lang, "bin", "ruby")
}

func TestUnits(t *testing.T) {
	files, err := filepath.Glob("tests/*_test.rb")
	if err != nil || len(files) == 0 {
		t.Fatalf("find unit tests: %v, %d files", err, len(files))
	}
	for _, name := range runtimeNames {
		t.Run(name, func(t *testing.T) {
			interpreter := ruby(t, name)
			for _, file := range files {
				t.Run(filepath.Base(file), func(t *testing.T) {
					t.Parallel()
					cmd := exec.CommandContext(t.Context(), interpreter, file)
					cmd.Env = append(withoutHook(os.Environ()), "RUBY_UNDER_TEST="+interpreter)
					if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
						t.Errorf("%v\n%s", err, out)
					}
				})
			}
		})
	}
}

// withoutHook leaves out what would have a hook in the tests, and options of whoever runs them.
func withoutHook(env []string) []string {
	return slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, "RUBY") || strings.HasPrefix(e, "AFTERGLOW_") })
}

// TestExecWrapper: what the exec wrapper makes of RUBYOPT, and that another vendor's wrapper comes next.
func TestExecWrapper(t *testing.T) {
	layer := filepath.Join(t.TempDir(), "afterglow")
	place(t, filepath.Join(layer, "exec-wrapper"), read(t, "../exec-wrapper"))
	place(t, filepath.Join(layer, "ruby", "start.rb"), "")
	spaced := filepath.Join(t.TempDir(), "a folder")
	place(t, filepath.Join(spaced, "exec-wrapper"), read(t, "../exec-wrapper"))
	place(t, filepath.Join(spaced, "ruby", "start.rb"), "")
	bare := t.TempDir()
	place(t, filepath.Join(bare, "exec-wrapper"), read(t, "../exec-wrapper"))
	next := filepath.Join(t.TempDir(), "next")
	place(t, next, "#!/bin/sh\nVENDOR=$RUBYOPT\nexport VENDOR\nexec \"$@\"\n")
	start := "-r" + filepath.Join(layer, "ruby", "start.rb")
	for _, test := range []struct {
		name, dir string
		env       []string
		want      string // RUBYOPT and what the next wrapper saw
	}{
		{"a runtime of Lambda's", layer, []string{"AWS_EXECUTION_ENV=AWS_Lambda_ruby3.4"}, start + "|"},
		{"by the program's name", layer, nil, start + "|"},
		{"options of the function stay", layer, []string{"AWS_EXECUTION_ENV=AWS_Lambda_ruby3.3", "RUBYOPT=-W0 -rset"}, "-W0 -rset " + start + "|"},
		{"another wrapper comes next", layer, []string{"AWS_EXECUTION_ENV=AWS_Lambda_ruby3.3", "AFTERGLOW_EXEC_WRAPPER_NEXT=" + next}, start + "|" + start},
		{"disabled", layer, []string{"AFTERGLOW_DISABLED=TRUE", "RUBYOPT=-W0"}, "-W0|"},
		{"disabled, and another wrapper", layer, []string{"AFTERGLOW_DISABLED=1", "RUBYOPT=-W0", "AFTERGLOW_EXEC_WRAPPER_NEXT=" + next}, "-W0|-W0"},
		{"another runtime", layer, []string{"AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023"}, "|"},
		{"a path that RUBYOPT cannot name", spaced, nil, "|"},
		{"the hook is missing", bare, nil, "|"},
	} {
		t.Run(test.name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "ruby")
			place(t, program, "#!/bin/sh\nprintf '%s|%s' \"$RUBYOPT\" \"$VENDOR\"\n")
			cmd := exec.CommandContext(t.Context(), filepath.Join(test.dir, "exec-wrapper"), program)
			cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, test.env...)
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != test.want {
				t.Errorf("%v: got %q, want %q", err, out, test.want)
			}
		})
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func place(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

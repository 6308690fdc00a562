// Package dotnet tests the hook for .NET: that the assembly which is checked in is what its source makes, what it does to functions, and
// what it sees of them. It runs on the CoreCLR 3.1 that can be had everywhere, and on a newer .NET where the machine has one.
package dotnet

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// The files that ship: the one that .NET is told of, and the hook, which that one loads.
const (
	startName = "afterglow-start.dll"
	dllName   = "afterglow.dll"
)

// whole is the end of the first one, by which exec-wrapper knows it: what stands behind an assembly is not looked at.
const whole = "\nafterglow-start is whole\n"

var update = flag.Bool("update", false, "build the assembly and keep it")

// sources are the hook's, in the order in which they are compiled.
func sources(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"src/*.cs", "src/clients/*.cs"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("nothing matches %s: %v", pattern, err)
		}
		all = append(all, found...)
	}
	return all
}

// compile compiles C#. On a machine that cannot, the test is skipped, but not where tests have to be complete.
func compile(t *testing.T, c runtimes.CSharp) {
	t.Helper()
	if err := c.Compile(t.Context(), runtimes.Options{Progress: os.Stderr}); err != nil {
		missing(t, err)
	}
}

func missing(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, runtimes.ErrMissing) || os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("NOT TESTED: %v", err)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDll builds the assemblies again. Whoever changed the source runs `make dotnet`.
func TestDll(t *testing.T) {
	for _, c := range []struct {
		name    string
		sources []string
		end     string
	}{
		{startName, []string{"src/start/StartupHook.cs"}, whole},
		{dllName, sources(t), ""},
	} {
		out := filepath.Join(t.TempDir(), c.name)
		compile(t, runtimes.CSharp{Out: out, Sources: c.sources})
		built := append(read(t, out), c.end...)
		if *update {
			if err := os.WriteFile(c.name, built, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(built, read(t, c.name)) {
			t.Errorf("%s is not what its source makes: run make dotnet", c.name)
		}
	}
}

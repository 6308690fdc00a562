package java

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// versions are the Javas that the tests run on where they are found; the first two have to be.
var versions = []string{"java17", "java25", "java21", "java11"}

// each runs a test on every Java of the machine.
func each(t *testing.T, test func(t *testing.T, rt runtimes.Runtime)) {
	t.Helper()
	for i, version := range versions {
		t.Run(version, func(t *testing.T) {
			if i < 2 {
				test(t, find(t, version))
				return
			}
			rt, err := runtimes.Find(t.Context(), version, runtimes.Options{Progress: os.Stderr})
			if err != nil {
				t.Skipf("NOT TESTED on %s: %v", version, err)
			}
			test(t, rt)
		})
	}
}

func find(t *testing.T, name string) runtimes.Runtime {
	t.Helper()
	rt, err := runtimes.Find(t.Context(), name, runtimes.Options{Progress: os.Stderr})
	if errors.Is(err, runtimes.ErrMissing) {
		missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// missing skips a test, but not where tests have to be complete.
func missing(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("NOT TESTED: %v", err)
}

// compile compiles Java source into a folder.
func compile(t *testing.T, into, classPath string, sources ...string) {
	t.Helper()
	javac := filepath.Join(find(t, "java17").Lang, "bin", "javac")
	if _, err := os.Stat(javac); err != nil {
		missing(t, err)
	}
	var args []string
	for _, option := range short() {
		args = append(args, "-J"+option)
	}
	args = append(append(args, "--release", "11", "-proc:none", "-Xlint:-options", "-nowarn", "-cp", classPath, "-d", into), sources...)
	if out, err := exec.CommandContext(t.Context(), javac, args...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
}

// short are options for what does not run for long: half the time goes into compiling it well otherwise.
func short() []string { return []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"} }

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("nothing matches %s: %v", pattern, err)
	}
	return found
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// copyAll copies a file or a folder.
func copyAll(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

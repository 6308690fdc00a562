// Package python_test runs the tests of the Python hook: its stories under every Python of this machine, and functions under
// AWS's own runtime client, with and without the hook.
package python_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// versions are the Pythons that Lambda has and the hook knows.
var versions = []string{"3.9", "3.10", "3.11", "3.12", "3.13", "3.14"}

// unlike are those for which the hook takes different ways: the frames of exceptions that are raised again (before 3.11) and the contexts of threads (since 3.14).
var unlike = []string{"3.9", "3.13", "3.14"}

// Libraries beyond those of the runtime: requests, and the urllib3 and botocore of functions that are not kept up to date.
var (
	newLibraries = []string{"requests==2.32.5", "charset-normalizer==3.4.4", "idna==3.11", "certifi==2025.11.12"}
	// aiohttp and httpx with what they need, by version of Python: the newest, and those that are some years old.
	asyncLibraries = map[string][]string{
		"3.13": {
			"httpx==0.28.1", "httpcore==1.0.9", "h11==0.16.0", "h2==4.3.0", "hpack==4.1.0", "hyperframe==6.1.0", "anyio==4.11.0", "sniffio==1.3.1",
			"aiohttp==3.14.5", "aiohappyeyeballs==2.7.1", "aiosignal==1.4.0", "attrs==26.1.0", "frozenlist==1.8.0", "multidict==7.2.1", "propcache==0.5.4", "yarl==1.25.1",
		},
		"3.10": {
			"httpx==0.25.2", "httpcore==1.0.2", "h11==0.14.0", "h2==4.1.0", "hpack==4.0.0", "hyperframe==6.0.1", "anyio==3.7.1", "sniffio==1.3.1", "exceptiongroup==1.3.0",
			"typing_extensions==4.15.0", "aiohttp==3.9.5", "aiosignal==1.3.1", "attrs==23.2.0", "frozenlist==1.4.1", "multidict==6.0.5", "yarl==1.9.4", "async-timeout==4.0.3",
		},
	}
	oldLibraries = []string{
		"urllib3==1.26.20", "requests==2.31.0", "charset-normalizer==3.4.4", "idna==3.11", "certifi==2025.11.12",
		"boto3==1.28.85", "botocore==1.31.85", "s3transfer==0.7.0", "jmespath==1.0.1", "python-dateutil==2.9.0.post0", "six==1.17.0",
	}
)

// missing ends a test that needs what this machine does not have, and fails it where tests have to be complete.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf("NOT TESTED: "+format, args...)
}

// find gives AWS's runtime for a version of Python, or skips: few machines have all of them, and Maven not for every machine.
func find(t *testing.T, version string) runtimes.Runtime {
	t.Helper()
	rt, err := runtimes.Find(t.Context(), "python"+version, runtimes.Options{Progress: os.Stderr})
	if errors.Is(err, runtimes.ErrMissing) {
		missing(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// TestSomePythonIsHere keeps a machine without any Python from passing by skipping.
func TestSomePythonIsHere(t *testing.T) {
	for _, version := range versions {
		if _, err := runtimes.Find(t.Context(), "python"+version, runtimes.Options{Progress: os.Stderr}); err == nil {
			return
		}
	}
	missing(t, "no Python that Lambda has")
}

// TestUnits runs the tests that are written in Python, those in tests/, under every Python.
func TestUnits(t *testing.T) {
	// Breaking the hook takes long, and depends on the version only where frames.py begins and ends: there one client stands for all.
	faults := map[string]string{"3.9": "no", "3.10": "http_client", "3.11": "no", "3.12": "no", "3.13": "all", "3.14": "no"}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			rt := find(t, version)
			libraries := install(t, rt, "new", slices.Concat(newLibraries, asyncLibraries[version]))
			unittest(t, rt, faults[version], libraries+string(os.PathListSeparator)+rt.Dir)
		})
	}
	t.Run("old libraries", func(t *testing.T) {
		t.Parallel()
		rt := find(t, "3.12")
		unittest(t, rt, "no", install(t, rt, "old", oldLibraries))
	})
}

// unittest runs the tests. faults says which of the hook's files are broken on the way.
func unittest(t *testing.T, rt runtimes.Runtime, faults, libraries string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), interpreter(rt), "-m", "unittest", "discover", "-s", "tests", "-b")
	cmd.Env = append(os.Environ(), "TEST_LIBRARIES="+libraries, "TEST_FAULTS="+faults)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", bytes.TrimSpace(out))
}

func interpreter(rt runtimes.Runtime) string {
	return filepath.Join(rt.Lang, "bin", filepath.Base(rt.Command[0]))
}

// install has pip install a set of libraries below .afterglow, once.
func install(t *testing.T, rt runtimes.Runtime, set string, libraries []string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".afterglow", "python-tests", rt.Name+"-"+set))
	if err != nil {
		t.Fatal(err)
	}
	pins := []byte(filepath.Join(libraries...))
	if have, err := os.ReadFile(filepath.Join(dir, "pins")); err == nil && bytes.Equal(have, pins) {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".install-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	argv := append([]string{"-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--root-user-action=ignore", "--target", tmp}, libraries...)
	if out, err := exec.CommandContext(t.Context(), interpreter(rt), argv...).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("pip: %v\n%s", err, out)
		}
		t.Skipf("NOT TESTED: libraries cannot be installed: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(tmp, "pins"), pins, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

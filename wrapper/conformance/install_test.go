package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// install makes a folder below .afterglow/conformance once for all that it is made of, the pins. make fills it.
func install(t *testing.T, name, pins string, make func(dir string) *exec.Cmd) string {
	t.Helper()
	root := absolute(t, "..", "..", ".afterglow", "conformance")
	dir, have := filepath.Join(root, name), filepath.Join(root, name+".pins")
	if b, err := os.ReadFile(have); err == nil && string(b) == pins {
		return dir
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(root, "."+name+"-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	t.Logf("installing the libraries of %s", name)
	cmd := make(tmp)
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("install libraries of %s: %v\n%s", name, err, out)
		}
		t.Skipf("NOT TESTED: libraries of %s cannot be installed: %v\n%s", name, err, out)
	}
	// The pins come last, and go first: a folder with the right ones is complete.
	for _, stale := range []string{have, dir} {
		if err := os.RemoveAll(stale); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		t.Fatal(err)
	}
	write(t, have, []byte(pins), 0o644)
	return dir
}

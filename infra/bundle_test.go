package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBundleIsReproducible(t *testing.T) {
	needPip(t)
	var trees [2]string
	for i := range 2 {
		dir := filepath.Join(t.TempDir(), "bundle")
		if err := pack(t.Context(), "functions/orders", dir); err != nil {
			t.Fatal(err)
		}
		trees[i] = describe(t, dir)
		out, err := exec.Command("python3", "-B", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import requests; print(requests.__file__)", dir).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), dir) {
			t.Errorf("requests cannot be imported from the bundle: %v %s", err, out)
		}
	}
	if trees[0] != trees[1] {
		t.Errorf("two bundles differ:\n%s\n%s", trees[0], trees[1])
	}
	for _, line := range strings.Split(trees[0], "\n") {
		if strings.Contains(line, ".so ") || strings.Contains(line, ".pyc ") || strings.HasPrefix(line, "bin/") {
			t.Errorf("%s does not belong there", line)
		}
	}
	if !strings.Contains(trees[0], "app.py -rw-r--r-- 1980-01-01") {
		t.Errorf("app.py is not there as it should be:\n%s", trees[0])
	}
}

func TestBundleTellsWhatPipSaid(t *testing.T) {
	needPip(t)
	source, packed := t.TempDir(), filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(filepath.Join(source, "requirements.txt"), []byte("not a requirement\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := pack(t.Context(), source, packed); err == nil || !strings.Contains(err.Error(), "Invalid requirement") {
		t.Errorf("%v, want pip's words", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(packed), "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSourceHash(t *testing.T) {
	dir := t.TempDir()
	hash := func(change, content string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, change), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		hash, err := sourceHash(dir)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	first := hash("app.py", "one")
	if hash("app.py", "one") != first || hash(".hidden", "x") != first || hash("app.pyc", "x") != first {
		t.Error("the hash changed with nothing that is bundled")
	}
	if hash("app.py", "two") == first {
		t.Error("the hash did not change with the source")
	}
}

// needPip skips on a machine without pip and fails in CI, where it must be.
func needPip(t *testing.T) {
	t.Helper()
	_, cleanUp, err := findPip(t.Context())
	if err == nil {
		cleanUp()
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skipf("SKIPPED: %v", err)
}

// describe lists names, modes, times and contents of a tree.
func describe(t *testing.T, dir string) string {
	t.Helper()
	var tree strings.Builder
	err := eachFile(dir, func(name string) error {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&tree, "%s %s %s %x\n", name, info.Mode(), info.ModTime().UTC().Format("2006-01-02"), sha256.Sum256(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree.String()
}

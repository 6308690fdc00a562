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

func TestRunTellsWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"flag", []string{"-x"}, 2, "not defined"},
		{"directory", []string{"-o", filepath.Join(file, "dist"), "-cache", "../../.afterglow/cache/layer"}, 1, "make directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			if code := run(t.Context(), c.args, &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("exit code %d, %q, want %d, %q", code, stderr.String(), c.code, c.want)
			}
		})
	}
}

// TestMakeLayer: the target writes both layers, whatever a user has set for the go command, and others may read them.
func TestMakeLayer(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		lacking(t, err)
	}
	env, out := filepath.Join(t.TempDir(), "env"), filepath.Join(t.TempDir(), "dist")
	if err := os.WriteFile(env, []byte("GOFLAGS=-race -mod=vendor\nGOOS=plan9\nGO111MODULE=off\nCGO_ENABLED=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "sh", "-c", `umask 077; exec make -C ../.. layer ARGS="-o $0"`, out)
	command.Env = append(os.Environ(), "GOENV="+env, "GOWORK=/nonexistent/go.work", "GOARCH=mips", "GOFLAGS=-mod=vendor")
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the directory: %v, %v", info, err)
	}
	for _, name := range []string{"afterglow-layer-arm64.zip", "afterglow-layer-x86_64.zip"} {
		name := filepath.Join(out, name)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%x  %s", sha256.Sum256(data), name); !strings.Contains(string(said), want) {
			t.Errorf("did not print %q but %q", want, said)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

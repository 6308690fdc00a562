package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunWritesBothLayers(t *testing.T) {
	var stdout, stderr strings.Builder
	out := filepath.Join(t.TempDir(), "dist")
	if code := run(t.Context(), []string{"-o", out, "-cache", "../../.afterglow/cache/layer"}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	for _, name := range []string{"afterglow-layer-arm64.zip", "afterglow-layer-x86_64.zip"} {
		data, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%x  %s", sha256.Sum256(data), filepath.Join(out, name)); !strings.Contains(stdout.String(), want) {
			t.Errorf("did not print %q but %q", want, stdout.String())
		}
	}
}

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

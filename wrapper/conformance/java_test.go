package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// java is told by AWS's own runtime client.
func java() actor {
	return actor{
		language:  "java",
		versions:  []string{"java17", "java25"},
		handlers:  map[string]string{"": "app.Actor"},
		libraries: []string{"HttpURLConnection", "java.net.http", "java.net.http async"},
		build:     compileJava,
		noise:     []*regexp.Regexp{regexp.MustCompile(`0x[0-9a-f]{6,}`), regexp.MustCompile(`@[0-9a-f]{4,8}\b`), regexp.MustCompile(`\b1\d{12}\b`), regexp.MustCompile(`127\.0\.0\.1:\d+`)}, // addresses, hashes, times, the Runtime API
	}
}

// compileJava compiles source for the oldest Java of all, so that one class runs on every version.
func compileJava(t *testing.T, rt runtimes.Runtime, source string, _ bool) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(source, func(path string, _ os.DirEntry, err error) error {
		if filepath.Ext(path) == ".java" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	javac := filepath.Join(rt.Lang, "bin", "javac")
	args := append([]string{"--release", "11", "-Xlint:-options", "-nowarn", "-cp", filepath.Join(rt.Dir, "lib", "*"), "-d", into}, files...)
	if out, err := exec.CommandContext(t.Context(), javac, args...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return into
}

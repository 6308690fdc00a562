package conformance

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// golang is told by aws-lambda-go. The function is the same source in both runs; with Afterglow it is built with the overlay.
func golang() actor {
	return actor{
		language:   "go",
		versions:   []string{"provided.al2023"},
		handlers:   map[string]string{"": "handler", "stream": "stream"},
		libraries:  []string{"default", "transport"},
		build:      buildGo,
		compiledIn: true,
		noise: []*regexp.Regexp{
			// Ports that a client is given, and the Runtime API's.
			regexp.MustCompile(`127\.0\.0\.1:\d+(->|/2018-06-01)`),
			// What Go prints of a crash.
			regexp.MustCompile(`goroutine \d+( gp=0x[0-9a-f]+ m=\d+ mp=0x[0-9a-f]+)?`), regexp.MustCompile(`0x[0-9a-f]+\??`),
		},
	}
}

func buildGo(t *testing.T, _ runtimes.Runtime, source string, hooked bool) string {
	t.Helper()
	root := absolute(t, "..", "..")
	task := t.TempDir()
	args := []string{"build", "-o", filepath.Join(task, "bootstrap")}
	if !strings.HasPrefix(source, root) { // a story's: a module of its own
		mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		client := regexp.MustCompile(`github\.com/aws/aws-lambda-go v\S+`).Find(mod)
		write(t, filepath.Join(source, "go.mod"), []byte("module story\n\ngo 1.25.0\n\nrequire "+string(client)+"\n"), 0o644)
		write(t, filepath.Join(source, "go.sum"), sum, 0o644)
	}
	if hooked {
		overlay := goCommand(t, source, "run", "-C", root, "./wrapper/golang/overlay", "-source", root, "-o", t.TempDir(), source)
		args = append(args, "-overlay", strings.TrimSpace(overlay))
	}
	goCommand(t, source, append(args, ".")...)
	return task
}

func goCommand(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := command.Output()
	if err != nil {
		complaint := ""
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			complaint = string(exit.Stderr)
		}
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, complaint)
	}
	return string(out)
}

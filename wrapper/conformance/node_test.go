package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// node is told by AWS's own runtime client, aws-lambda-ric.
func node() actor {
	return actor{
		language:  "node",
		versions:  []string{"nodejs22.x", "nodejs20.x", "nodejs24.x"},
		handlers:  map[string]string{"": "app.handler", "stream": "app.stream", "callback": "app.callback"},
		libraries: []string{"http", "fetch"},
		installed: []string{"undici", "axios", "got", "node-fetch", "http2"},
		pending:   []string{"http2"},
		build:     asItIs,
		layers:    nodeLayers,
		noise:     []*regexp.Regexp{regexp.MustCompile(`\(node:\d+\)`), regexp.MustCompile(`\b1\d{12}\b`)}, // the process; the time
	}
}

// nodeLayers has what functions bring along; OpenTelemetry is the other APM of a story. libraries/node pins it.
func nodeLayers(t *testing.T, _ runtimes.Runtime) []string {
	t.Helper()
	pins, err := os.ReadFile(filepath.Join("libraries", "node", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile(filepath.Join("libraries", "node", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	return []string{install(t, "nodejs", string(pins), func(dir string) *exec.Cmd {
		in := filepath.Join(dir, "nodejs") // Lambda looks into /opt/nodejs/node_modules
		write(t, filepath.Join(in, "package-lock.json"), pins, 0o644)
		write(t, filepath.Join(in, "package.json"), manifest, 0o644)
		cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		cmd.Dir = in
		cmd.Env = append(os.Environ(), "npm_config_cache="+absolute(t, "..", "..", ".afterglow", "runtimes", ".cache", "npm"), "npm_config_update_notifier=false")
		return cmd
	})}
}

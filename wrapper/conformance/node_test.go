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
		build:     asItIs,
		layers:    nodeLayers,
		asleep:    []string{"node/children.cjs", "node/shorten.cjs", "node/clients/http2.cjs", "node/clients/propagation.cjs", "node/clients/undici.cjs"},
		noise:     []*regexp.Regexp{regexp.MustCompile(`\(node:\d+\)`), regexp.MustCompile(`\b1\d{12}\b`)}, // the process; the time
	}
}

// nodeLayers has what functions bring along: libraries, version 2 of AWS's SDK, another APM. The folders of libraries/node pin it.
func nodeLayers(t *testing.T, _ runtimes.Runtime, set string) []string {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("libraries", "node", set, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	pins := read("package-lock.json")
	return []string{install(t, "nodejs-"+set, string(pins), func(dir string) *exec.Cmd {
		in := filepath.Join(dir, "nodejs") // Lambda looks into /opt/nodejs/node_modules
		write(t, filepath.Join(in, "package-lock.json"), pins, 0o644)
		write(t, filepath.Join(in, "package.json"), read("package.json"), 0o644)
		cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		cmd.Dir = in
		cmd.Env = append(os.Environ(), "npm_config_cache="+absolute(t, "..", "..", ".afterglow", "runtimes", ".cache", "npm"), "npm_config_update_notifier=false")
		return cmd
	})}
}

package conformance

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// pythonSets are what functions bring along: libraries, those of functions that are not kept up to date, and another APM.
func pythonSets() map[string]string {
	return map[string]string{
		installedSet: `requests==2.32.5 urllib3==2.8.0 charset-normalizer==3.4.4 idna==3.11 certifi==2025.11.12
			httpx==0.28.1 httpcore==1.0.9 h11==0.16.0 h2==4.3.0 hpack==4.1.0 hyperframe==6.1.0 anyio==4.11.0 sniffio==1.3.1
			aiohttp==3.14.5 aiohappyeyeballs==2.7.1 aiosignal==1.4.0 attrs==26.1.0 frozenlist==1.8.0 multidict==7.2.1 propcache==0.5.4 yarl==1.25.1`,
		"old": `requests==2.31.0 urllib3==1.26.20 charset-normalizer==3.4.4 idna==3.11 certifi==2025.11.12`,
		"telemetry": `requests==2.32.5 urllib3==2.8.0 charset-normalizer==3.4.4 idna==3.11 certifi==2025.11.12
			opentelemetry-sdk==1.45.1 opentelemetry-api==1.45.1 opentelemetry-semantic-conventions==0.66b1 opentelemetry-instrumentation==0.66b1
			opentelemetry-util-http==0.66b1 opentelemetry-instrumentation-requests==0.66b1 opentelemetry-instrumentation-urllib==0.66b1
			opentelemetry-instrumentation-urllib3==0.66b1 typing_extensions==4.16.0 wrapt==2.5.2 packaging==26.3`,
	}
}

// python is told by AWS's own runtime client, awslambdaric.
func python() actor {
	return actor{
		language:  "python",
		versions:  []string{"python3.13", "python3.9", "python3.10", "python3.11", "python3.12", "python3.14"},
		handlers:  map[string]string{"": "app.handler"},
		libraries: []string{"http.client", "urllib"},
		installed: []string{"urllib3", "requests", "httpx", "httpx-async", "aiohttp"},
		build:     asItIs,
		layers:    pythonLayers,
		noise:     []*regexp.Regexp{regexp.MustCompile(`\[\d{13}\]`), regexp.MustCompile(`0x[0-9a-f]{8,}`)}, // the time, where the client logs; addresses
	}
}

func pythonLayers(t *testing.T, rt runtimes.Runtime, set string) []string {
	t.Helper()
	pins := pythonSets()[set]
	if pins == "" {
		t.Fatalf("there is no set %q of Python's libraries", set)
	}
	return []string{install(t, rt.Name+"-"+set, pins, func(dir string) *exec.Cmd {
		argv := append([]string{"-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--root-user-action=ignore", "--target", filepath.Join(dir, "python")},
			strings.Fields(pins)...)
		return exec.CommandContext(t.Context(), filepath.Join(rt.Lang, "bin", filepath.Base(rt.Command[0])), argv...)
	})}
}

package conformance

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// dotnet is told by a client of our own on what registries have: .NET 9 and 8. AWS's client is to be had from NuGet alone, other versions of .NET from Microsoft.
func dotnet() actor {
	return actor{
		language:  "dotnet",
		versions:  []string{"dotnet9", "dotnet8"},
		handlers:  map[string]string{"": "app::Actor::Handle"},
		libraries: []string{"HttpClient", "HttpClient stream", "HttpWebRequest"},
		build:     compileDotnet,
		noise:     []*regexp.Regexp{regexp.MustCompile(`127\.0\.0\.1:\d+`)}, // the Runtime API
		// Of a response's body nothing is told to those who listen to HttpClient.
		headersOnly: true,
	}
}

// compileDotnet makes what `dotnet publish` makes of a function.
func compileDotnet(t *testing.T, rt runtimes.Runtime, source string, _ bool) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(source, "*.cs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", source, err)
	}
	into := t.TempDir()
	c := runtimes.CSharp{Out: filepath.Join(into, "app.dll"), Sources: files, References: []string{filepath.Join(rt.Dir, "Amazon.Lambda.Core.dll")}}
	if err := c.Compile(t.Context(), runtimes.Options{Progress: os.Stderr}); errors.Is(err, runtimes.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(into, "app.deps.json"), []byte(`{"runtimeTarget":{"name":".NETCoreApp,Version=v3.1"},
		"targets":{".NETCoreApp,Version=v3.1":{"app/1.0.0":{"runtime":{"app.dll":{}}}}},
		"libraries":{"app/1.0.0":{"type":"project","serviceable":false,"sha512":""}}}`), 0o644)
	write(t, filepath.Join(into, "app.runtimeconfig.json"), []byte(`{"runtimeOptions":{"rollForward":"LatestMajor","framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}`), 0o644)
	return into
}

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
		installed: []string{"Apache HttpClient 4", "Apache HttpClient 5", "Apache HttpClient 5 async", "OkHttp",
			"AWS SDK netty", "AWS SDK crt", "AWS SDK crt async"},
		build:  compileJava,
		layers: javaLayers,
		noise: []*regexp.Regexp{ // addresses, hashes, times, the Runtime API, how long a channel has been open, what is signed
			regexp.MustCompile(`0x[0-9a-f]{6,}`), regexp.MustCompile(`@[0-9a-f]{4,8}\b`), regexp.MustCompile(`\b1\d{12}\b`), regexp.MustCompile(`127\.0\.0\.1:\d+`),
			regexp.MustCompile(`[A-Z][a-z]{2} \d\d?, \d{4} \d\d?:\d\d:\d\d [AP]M`), regexp.MustCompile(`channelAge=PT[0-9.]+S`), regexp.MustCompile(`channel=\[id: \w+`),
		},
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
	path := filepath.Join(rt.Dir, "lib", "*")
	for _, set := range []string{installedSet, "aws-sdk", "aws-sdk-1"} {
		for _, layer := range javaLayers(t, rt, set) {
			path += ":" + filepath.Join(layer, "java", "lib", "*")
		}
	}
	into := t.TempDir()
	javac := filepath.Join(rt.Lang, "bin", "javac")
	// A compiler that is not compiled well itself takes half the time for so little.
	args := append([]string{"-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "--release", "11", "-proc:none", "-Xlint:-options", "-nowarn", "-cp", path, "-d", into}, files...)
	if out, err := exec.CommandContext(t.Context(), javac, args...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return into
}

// javaLayers has what functions bring along: clients, the AWS SDKs. The manifests below libraries/java pin it.
func javaLayers(t *testing.T, _ runtimes.Runtime, set string) []string {
	t.Helper()
	manifest := absolute(t, "libraries", "java", set, "pom.xml")
	pins, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	return []string{install(t, "java-"+set, string(pins), func(dir string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "mvn", "--batch-mode", "--quiet", "--strict-checksums", "--file", manifest,
			"-Dmaven.repo.local="+absolute(t, "..", "..", ".afterglow", "runtimes", ".cache", "maven"),
			"org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "java", "lib"))
	})}
}

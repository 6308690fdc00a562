//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestBenchRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.md")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-n", "1", "-time", "1ms", "-o", file}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr.String())
	}
	report, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"orders", "nested", "long text", "form", "xml", "text"} {
		if !regexp.MustCompile(`(?m)^\| ` + kind + ` \| [1-9][0-9]* \| (–|[0-9.]+) \|$`).Match(report) {
			t.Errorf("no row of figures for %s in\n%s", kind, report)
		}
	}
}

func TestParse(t *testing.T) {
	best, err := parse([]byte("goos: linux\nBenchmarkContent/long_text-2 \t 97\t 16 ns/op\t 64.82 MB/s\t 0.85 ×json.Valid\t 300.5 cpu-MB/s\t 4 B/op\nBenchmarkContent/long_text-2 97 16 ns/op 0.7 ×json.Valid 280 cpu-MB/s\nBenchmarkContent/xml 1 2 ns/op 7 cpu-MB/s\nPASS\n"))
	if err != nil || best["long text"] != (speed{300.5, 0.7}) || best["xml"] != (speed{7, 0}) {
		t.Errorf("%v, %v", best, err)
	}
	if _, err := parse([]byte("PASS\n")); err == nil {
		t.Error("nothing was measured, and nobody said so")
	}
}

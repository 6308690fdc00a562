//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestBenchRuns plays every story with a few invocations. How long they hold is for the report, but for the one bound that holds on any machine: nobody is late.
func TestBenchRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.md")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-short", "-memory", "0", "-o", file}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr.String())
	}
	report, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(report) != stdout.String() {
		t.Error("the file is not what was printed")
	}
	for _, st := range stories() {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(st.name) + ` \| Afterglow \|( [0-9.]+ \|){4} [0-9]+ of [0-9]+ \| [0-9.]+ \| [0-9]+ \|`)
		if !row.Match(report) {
			t.Errorf("no row of figures for %q in\n%s", st.name, report)
		}
	}
}

func TestQuantile(t *testing.T) {
	all := []time.Duration{40, 10, 20, 30, 50}
	for q, want := range map[float64]time.Duration{0: 10, 0.5: 30, 0.9: 50, 1: 50} {
		if got := quantile(all, q); got != want {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if quantile(nil, 0.5) != 0 || mean(nil) != 0 || mean(all) != 30 {
		t.Error("none, or the mean")
	}
}

func TestReport(t *testing.T) {
	got := write([]table{{mb: 128, rows: []row{{story: busy(), program: "P", holds: []time.Duration{time.Millisecond, 3 * time.Millisecond}, late: 1}}}}, 0.5, []string{"x: y"})
	for _, want := range []string{"## The CPU share of 128 MB (0.072 of a core)", "| P | 3.00 | 2.00 | 3.00 | 3.00 | 1 of 2 |", "Left out: x: y."} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

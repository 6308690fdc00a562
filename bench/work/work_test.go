//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// TestBenchRuns runs every case with a few invocations. What they cost is for the report.
func TestBenchRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.md")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-n", "20", "-memory", "0", "-o", file}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr.String())
	}
	report, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(report) != stdout.String() {
		t.Error("the file is not what was printed")
	}
	foreign := ""
	if !bytes.Contains(report, []byte("Left out")) {
		foreign = "some"
	} else if os.Getenv("CI") == "true" {
		t.Error("the extension on AWS's Rust crate is left out")
	}
	for _, c := range cases("ours", foreign, 0) {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(c.name) + ` \| 20 \|( [0-9.]+ \|){8}$`)
		if !row.Match(report) {
			t.Errorf("no row of figures for %s in\n%s", c.name, report)
		}
	}
}

func TestFlags(t *testing.T) {
	for name, args := range map[string][]string{"memory": {"-memory", "x"}, "unknown": {"-x"}} {
		if code := run(t.Context(), args, new(bytes.Buffer), new(bytes.Buffer)); code != 2 {
			t.Errorf("%s: exit code %d", name, code)
		}
	}
	for value, ok := range map[string]bool{"0": true, "0,512": true, "": false, "-1": false, "a": false} {
		if _, err := host.ParseMemory(value); (err == nil) != ok {
			t.Errorf("%q: %v", value, err)
		}
	}
}

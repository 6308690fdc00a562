//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// TestBenchRuns asks every question of every runtime, with as little of each as makes a figure. What hooks cost is for the report.
func TestBenchRuns(t *testing.T) {
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "report.md")
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{"-runtimes", l.name, "-processes", "1", "-young", "3", "-warm", "3", "-rounds", "1", "-calls", "3", "-starts", "1", "-memory", "1024", "-o", file}, &stdout, &stderr); code != 0 {
				if os.Getenv("CI") != "true" && bytes.Contains(stderr.Bytes(), []byte(runtimes.ErrMissing.Error())) {
					t.Skipf("NOT TESTED: %s", stderr.String())
				}
				t.Fatalf("exit code %d\n%s", code, stderr.String())
			}
			report, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(report) != stdout.String() {
				t.Error("the file is not what was printed")
			}
			for _, library := range l.libraries {
				if row := regexp.MustCompile(`(?m)^\| .* \| ` + library + ` \| [0-9.]+ \| -?[0-9.]+ \(`); !row.Match(report) {
					t.Errorf("no row for %s in\n%s", library, report)
				}
			}
			if n := bytes.Count(report, []byte(" | 1/")); l.noOther == "" && n != 2*len(l.libraries) { // exported, and thrown away
				t.Errorf("%d figures beside OpenTelemetry in\n%s", n, report)
			}
			if bytes.Contains(report, []byte("Left out")) && os.Getenv("CI") == "true" {
				t.Errorf("something is left out:\n%s", report)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	for name, args := range map[string][]string{"runtime": {"-runtimes", "cobol"}, "question": {"-only", "what"}, "unknown": {"-x"}} {
		if code := run(t.Context(), args, new(bytes.Buffer), new(bytes.Buffer)); code != 2 {
			t.Errorf("%s: exit code %d", name, code)
		}
	}
}

// TestEndedFunctionsAreTold: a function that ends says why, and is not waited for.
func TestEndedFunctionsAreTold(t *testing.T) {
	shop, err := newWorkshop(t.Context(), new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	defer shop.close()
	p := program{rt: runtimes.Runtime{Command: []string{"/bin/sh", "-c", "echo this is why >&2; exit 3"}}, code: t.TempDir()}
	_, err = shop.start(t.Context(), launch{program: p, variant: plain})
	if err == nil || !regexp.MustCompile(`(?s)exit status 3.*this is why`).MatchString(err.Error()) || errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestQuantiles(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	if got := median(values); got != 3 {
		t.Errorf("median %v", got)
	}
	if got := median(values[:1]); got != 5 {
		t.Errorf("median of one %v", got)
	}
}

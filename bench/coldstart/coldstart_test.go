//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/bench/host"
	"github.com/afterglow-lambda/afterglow/bench/programs"
	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// TestBenchRuns runs everything once: the programs build, start, and end. How long they take is for the report.
func TestBenchRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.md")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-n", "1", "-memory", "0", "-o", file}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr.String())
	}
	report, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(report) != stdout.String() {
		t.Error("the file is not what was printed")
	}
	names := []string{"floor: raw socket", "floor: net/http", "Afterglow"}
	if _, err := exec.LookPath("cargo"); err == nil || os.Getenv("CI") == "true" {
		names = append(names, programs.ForeignName)
	} else {
		t.Log("NOT MEASURED: the extension on AWS's Rust crate, for want of cargo")
	}
	for _, name := range names {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(name) + ` \|( [0-9.]+( \([0-9.]+\))? \|){7}$`)
		if !row.Match(report) {
			t.Errorf("no row of figures for %s in\n%s", name, report)
		}
	}
}

// TestSizeMark holds the mark for the extension's size in the layer, for both processors. Every module and every package of the standard
// library that joins weighs on each cold start.
func TestSizeMark(t *testing.T) {
	const most = 3 << 20
	for _, arch := range []string{layer.X86_64, layer.ARM64} {
		file := filepath.Join(t.TempDir(), "extension")
		if err := programs.Extract(t.Context(), arch, "", file, io.Discard); err != nil {
			t.Fatal(err)
		}
		p := program{name: "Afterglow", file: file}
		if err := p.weigh(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.2f MiB, zipped %.3f MiB", arch, float64(p.size)/mib, float64(p.zipped)/mib)
		if p.zipped > most {
			t.Errorf("%s: the extension has %.3f MiB zipped, more than %.1f; what grew: go tool nm -size -sort size", arch, float64(p.zipped)/mib, float64(most)/mib)
		}
	}
}

func TestShareRuns(t *testing.T) {
	limited, err := host.NewShare(128)
	if err != nil {
		t.Skipf("no share of the CPU can be given here: %v", err)
	}
	dir := limited.Dir()
	p := floor(t)
	if _, err := measure(t.Context(), p, limited); err != nil {
		t.Error(err)
	}
	if err := limited.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("cgroup is left behind: %v", err)
	}
}

// floor builds one floor for tests of the measuring itself.
func floor(t *testing.T) program {
	t.Helper()
	module, err := host.ModuleDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "floor")
	if err := buildFloor(t.Context(), module, "./bench/floors/nethttp", file); err != nil {
		t.Fatal(err)
	}
	return program{name: "floor", file: file}
}

func TestProgramsThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"exits at once":           {"echo sorry; exit 3", "exit status 3"},
		"says why":                {"echo sorry; exit 3", "sorry"},
		"asks for something else": {`exec curl -sS "$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension/init/error" -d {}`, "init/error"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "program")
			if err := os.WriteFile(file, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := measure(t.Context(), program{name: name, file: file}, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := measure(ctx, floor(t), nil); err == nil {
			t.Error("measured although it was interrupted")
		}
	})
}

func TestFlags(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		ok   bool
	}{
		"defaults":          {nil, true},
		"another extension": {[]string{"-extension", "peer=/bin/true"}, true},
		"no file":           {[]string{"-extension", "peer"}, false},
		"no runs":           {[]string{"-n", "0"}, false},
		"memory":            {[]string{"-memory", "128,x"}, false},
		"negative memory":   {[]string{"-memory", "-1"}, false},
		"unknown":           {[]string{"-x"}, false},
	} {
		if _, err := parse(c.args, new(bytes.Buffer)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuantile(t *testing.T) {
	samples := []sample{{rss: 40}, {rss: 10}, {rss: 20}, {rss: 30}}
	for q, want := range map[float64]float64{0: 10, 0.5: 25, 0.9: 37, 1: 40} {
		if got := quantile(samples, rssOf, q); got != want {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if got := quantile(samples[:1], rssOf, 0.9); got != 40 {
		t.Errorf("of one: %v", got)
	}
}

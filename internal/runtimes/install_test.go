package runtimes

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func newTestInstaller(t *testing.T) (*installer, *bytes.Buffer) {
	t.Helper()
	var progress bytes.Buffer
	in, err := newInstaller(Options{Root: filepath.Join(t.TempDir(), "runtimes"), Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	return in, &progress
}

// entries are what is visible in the root.
func entries(t *testing.T, in *installer) string {
	t.Helper()
	list, err := os.ReadDir(in.root)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestEnsure(t *testing.T) {
	in, _ := newTestInstaller(t)
	built := 0
	build := func(content string) func(context.Context, string) error {
		return func(_ context.Context, dir string) error {
			built++
			return os.WriteFile(filepath.Join(dir, "content"), []byte(content), 0o644)
		}
	}
	fails := func(_ context.Context, dir string) error {
		os.WriteFile(filepath.Join(dir, "half"), nil, 0o644)
		return errors.New("no network")
	}
	for _, step := range []struct {
		name    string
		pins    string
		build   func(context.Context, string) error
		builds  int
		content string
		wrong   string
	}{
		{name: "a failure", pins: "a 1", build: fails, wrong: "no network"},
		{name: "first time", pins: "a 1", build: build("one"), builds: 1, content: "one"},
		{name: "second time", pins: "a 1", build: build("never"), builds: 1, content: "one"},
		{name: "other pins", pins: "a 2", build: build("two"), builds: 2, content: "two"},
		{name: "a failure with other pins", pins: "a 3", build: fails, builds: 2, content: "two", wrong: "no network"},
	} {
		t.Run(step.name, func(t *testing.T) {
			dir, err := in.ensure(t.Context(), "thing", step.pins, step.build)
			if (err != nil) != (step.wrong != "") || err != nil && !strings.Contains(err.Error(), step.wrong) {
				t.Errorf("error is %v", err)
			}
			if dir == "" {
				dir = filepath.Join(in.root, "thing")
			}
			content, _ := os.ReadFile(filepath.Join(dir, "content")) // "" before the first success
			if string(content) != step.content || built != step.builds {
				t.Errorf("content %q after %d builds", content, built)
			}
			want := "thing thing.lock"
			if step.content == "" {
				want = "thing.lock"
			}
			if got := entries(t, in); got != want {
				t.Errorf("left behind: %s", got)
			}
		})
	}
}

// Two at once install once. A lock belongs to an open file, so two goroutines stand for two processes.
func TestEnsureAtOnce(t *testing.T) {
	in, _ := newTestInstaller(t)
	var built atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			quiet, err := newInstaller(Options{Root: in.root})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := quiet.ensure(t.Context(), "thing", "pins", func(context.Context, string) error {
				built.Add(1)
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if built.Load() != 1 {
		t.Errorf("built %d times", built.Load())
	}
}

// Whoever waits for another process says so and stops waiting with its context.
func TestEnsureWaits(t *testing.T) {
	in, progress := newTestInstaller(t)
	if err := os.MkdirAll(in.root, 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := in.lock(t.Context(), filepath.Join(in.root, "thing.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPoll/2)
	defer cancel()
	_, err = in.ensure(ctx, "thing", "pins", nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(progress.String(), "waiting for another process that installs thing") {
		t.Errorf("error %v, progress %q", err, progress)
	}
}

// A failed command tells the end of what it said; a cancelled one ends with its children.
func TestRun(t *testing.T) {
	in, _ := newTestInstaller(t)
	err := in.run(t.Context(), t.TempDir(), nil, "sh", "-c", "echo the reason; exit 3")
	if err == nil || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := in.run(ctx, t.TempDir(), nil, "sh", "-c", "sleep 1000 & wait"); err == nil {
		t.Error("a cancelled command succeeded")
	}
}

// fakeApt makes a PATH with nothing but an apt-get that installs what it is asked for.
func fakeApt(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	if script != noApt {
		script = `: >"${0%/*}/asked"` + "\n" + script
		if err := os.WriteFile(filepath.Join(dir, "apt-get"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}

func TestNeedTools(t *testing.T) {
	tools := []tool{{program: "cmake"}, {program: "xz", deb: "xz-utils"}}
	const installs = `case "$1" in
update) : >"${0%/*}/updated" ;;
install) [ -e "${0%/*}/updated" ] || exit 100
	for p; do case $p in cmake) ln -s /bin/sh "${0%/*}/cmake" ;; xz-utils) ln -s /bin/sh "${0%/*}/xz" ;; esac; done ;;
esac
`
	root := os.Geteuid() == 0
	for _, c := range []struct {
		name, apt string
		may, ok   bool
		says      string // the error, or what is told before packages are installed
		asked     bool   // apt-get was
	}{
		{"apt-get as root", "PATH=/usr/bin:/bin\n" + installs, true, root, "apt-get install -y --no-upgrade cmake xz-utils", root},
		{"nobody has asked for it", "PATH=/usr/bin:/bin\n" + installs, false, false, "install with: sudo apt-get install -y --no-upgrade cmake xz-utils", false},
		{"apt-get that installs nothing", "", true, false, "xz-utils", root},
		{"another package manager", noApt, true, false, "sudo dnf install -y cmake xz", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, _ := newTestInstaller(t)
			said := ""
			if c.may {
				in.system = func(what string) { said = what }
			}
			dir := fakeApt(t, c.apt)
			err := in.needTools(t.Context(), tools)
			if err != nil {
				said = err.Error()
			}
			if (err == nil) != c.ok || !strings.Contains(said, c.says) {
				t.Errorf("error %v, said %q", err, said)
			}
			if err != nil && !errors.Is(err, ErrMissing) {
				t.Errorf("%v does not say that something is missing", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "asked")); (err == nil) != c.asked {
				t.Errorf("apt-get was asked: %t, want %t", err == nil, c.asked)
			}
		})
	}
}

// noApt is a machine without apt-get.
const noApt = "no apt-get"

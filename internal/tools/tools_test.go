package tools

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheVersionsThatAreToldAreThoseThatArePinned(t *testing.T) {
	if !strings.Contains(string(requirements), "\nministack=="+MiniStackVersion+"\n") {
		t.Errorf("requirements.txt does not pin ministack %s", MiniStackVersion)
	}
	var lock struct {
		Packages map[string]struct{ Version, Resolved string }
	}
	if err := json.Unmarshal(cdkLock, &lock); err != nil {
		t.Fatal(err)
	}
	if got := lock.Packages["node_modules/aws-cdk"].Version; got != CDKVersion {
		t.Errorf("package-lock.json pins aws-cdk %s, want %s", got, CDKVersion)
	}
	for _, list := range [][]byte{cdkLock, linterLock} {
		clear(lock.Packages)
		if err := json.Unmarshal(list, &lock); err != nil {
			t.Fatal(err)
		}
		for name, p := range lock.Packages {
			if p.Resolved != "" {
				t.Errorf("package-lock.json has a download address for %s", name)
			}
		}
	}
	for line := range strings.Lines(string(collectorParts)) {
		if strings.Contains(line, "gomod:") && !strings.HasSuffix(line, " v"+CollectorVersion+"\n") {
			t.Errorf("collector.yaml takes %q, want version %s", strings.TrimSpace(line), CollectorVersion)
		}
	}
	for name, list := range map[string][]byte{"requirements.txt": requirements, "peers.txt": peers, "linters/requirements.txt": linterRequirements} {
		for line := range strings.Lines(string(list)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !strings.Contains(line, "==") {
				t.Errorf("%s does not pin %q", name, line)
			}
		}
	}
}

func TestInstall(t *testing.T) {
	var runs int
	dir := filepath.Join(t.TempDir(), "thing")
	broken := errors.New("broken")
	do := func(fail error) func() error {
		return func() error {
			runs++
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("what an older installation left is still there: %v", left)
			}
			_ = os.WriteFile(filepath.Join(dir, "file"), nil, 0o644)
			return fail
		}
	}
	steps := []struct {
		name string
		in   string
		fail error
		want int // how often it has been installed by now
	}{
		{"a first time that fails", "v1", broken, 1},
		{"begins anew", "v1", nil, 2},
		{"is not done again", "v1", nil, 2},
		{"is done again for other inputs", "v2", nil, 3},
	}
	for _, step := range steps {
		err := install(context.Background(), dir, [][]byte{[]byte(step.in)}, io.Discard, do(step.fail))
		if !errors.Is(err, step.fail) || runs != step.want {
			t.Fatalf("%s: got error %v after %d installations, want %v after %d", step.name, err, runs, step.fail, step.want)
		}
	}
}

func TestCheckoutsThatShareAFolderInstallOnce(t *testing.T) {
	shared, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), ".afterglow")
	if err := os.Symlink(shared, link); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(shared, "tools", "thing")
	for _, when := range []string{"before it is there", "when it is there"} {
		if got := placeOf(filepath.Join(link, "tools"), "thing"); got != want {
			t.Errorf("%s: got %s, want %s", when, got, want)
		}
		if err := os.MkdirAll(want, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTwoInstallationsAtOnceWaitForEachOther(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(context.Background(), file, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockEvery/4)
	defer cancel()
	var said strings.Builder
	if _, err := lock(ctx, file, &said); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	if !strings.Contains(said.String(), "another run") {
		t.Errorf("said %q, want it to say what it waits for", said.String())
	}
	unlock()
	ctx, cancel = context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	unlock, err = lock(ctx, file, io.Discard)
	if err != nil {
		t.Fatalf("after the other has finished: %v", err)
	}
	unlock()
}

func TestOlder(t *testing.T) {
	tests := []struct {
		version, than string
		want          bool
	}{
		{"3.9.2", "3.10", true},
		{"3.10.0", "3.10", false},
		{"3.14.1", "3.10", false},
		{"2.17", "3.10", true},
		{"20.20.2", "18.0", false},
		{"4.0.0", "3.10", false},
	}
	for _, test := range tests {
		if got := older(test.version, test.than); got != test.want {
			t.Errorf("older(%s, %s) = %v", test.version, test.than, got)
		}
	}
}

// TestEnsureVenv runs against a Python without venv and an apt-get that brings it.
func TestEnsureVenv(t *testing.T) {
	const simulated = "install -y --no-upgrade python3-venv --simulate|"
	const both = simulated + "install -y --no-upgrade python3-venv -o DPkg::Lock::Timeout=300|"
	tests := []struct {
		name    string
		apt     string // script of apt-get; "" means there is none
		root    bool
		may     bool // install packages of the system
		wantErr string
		wantRun string // what apt-get was asked
	}{
		{"root installs it", `case $* in *--simulate) ;; *) touch "$DIR/venv";; esac`, true, true, "", both},
		{"root, and it does not help", `:`, true, true, "python3 venv: exit status 1", both},
		{"root, and apt-get fails", `echo no network >&2; exit 100`, true, true, "no network", simulated + "update|"},
		{"root, and nobody has asked for it", `:`, true, false, "run: sudo apt-get install -y --no-upgrade python3-venv", ""},
		{"others are told how", `:`, false, true, "run: sudo apt-get install -y --no-upgrade python3-venv", ""},
		{"no apt-get", "", true, true, "cannot make virtual environments", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir+":/usr/bin:/bin")
			t.Setenv("DIR", dir)
			python := filepath.Join(dir, "python3")
			writeScript(t, python, `[ -e "$DIR/venv" ]`)
			if test.apt == "" {
				t.Setenv("PATH", dir)
			} else {
				writeScript(t, filepath.Join(dir, "apt-get"), `printf '%s|' "$*" >> "$DIR/asked"`+"\n"+test.apt)
			}
			var system func(string)
			if test.may {
				system = func(string) {}
			}
			err := ensureVenv(context.Background(), python, test.root, system)
			if (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %v, want %q", err, test.wantErr)
			}
			if asked, _ := os.ReadFile(filepath.Join(dir, "asked")); string(asked) != test.wantRun {
				t.Errorf("apt-get was asked %q, want %q", asked, test.wantRun)
			}
		})
	}
}

func writeScript(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestLookNamesTheVersions(t *testing.T) {
	m, err := Look(context.Background())
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	if !filepath.IsAbs(m.Python) || versionNumber.FindString(m.PythonVersion) == "" {
		t.Errorf("got %+v", m)
	}
}

func TestLookNamesEverythingThatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Look(context.Background())
	if err == nil {
		t.Fatal("found something on an empty PATH")
	}
	for _, want := range []string{"go: go not found", "python 3: none found", "node: node not found", "npm: not found"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

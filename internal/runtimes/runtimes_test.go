package runtimes

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// here finds a runtime, or skips loudly, or fails in CI.
func here(t *testing.T, name string) Runtime {
	t.Helper()
	rt, note, err := Nearest(t.Context(), name, Options{Progress: os.Stderr})
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NOT TESTED: %v", err)
	}
	if note != "" {
		t.Log(note)
	}
	return rt
}

func TestFindInstalled(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		lang  string // a file of the interpreter; %s is the version
	}{
		{"python3.13", []string{"bootstrap.py", "awslambdaric/bootstrap.py", "boto3/__init__.py"}, "bin/python%s"},
		{"nodejs22.x", []string{"index.mjs", "rapid-client.node", "node_modules/@aws-sdk/client-s3/package.json", "node_modules/@aws-sdk/client-sfn/package.json"}, "bin/node"},
		{"java17", []string{"lib/" + javaLib, "lib/" + javaEntry, "lib/jni/" + javaNative()}, "bin/java"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rt := here(t, c.name)
			for _, f := range c.files {
				if _, err := os.Stat(filepath.Join(rt.Dir, f)); err != nil {
					t.Error(err)
				}
			}
			_, version := split(rt.Name)
			if _, err := os.Stat(filepath.Join(rt.Lang, strings.ReplaceAll(c.lang, "%s", version))); err != nil {
				t.Error(err)
			}
			var progress bytes.Buffer
			begun := time.Now()
			again, err := Find(t.Context(), rt.Name, Options{Progress: &progress})
			if err != nil || again.Dir != rt.Dir || progress.Len() > 0 {
				t.Errorf("second time: %+v %v %q", again, err, progress.String())
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("finding what is installed took %v", took)
			}
		})
	}
}

func TestFindProvided(t *testing.T) {
	for _, name := range []string{"provided.al2023", "provided.al2", "provided"} {
		if rt, err := Find(t.Context(), name, Options{}); err != nil || rt.Name != name || len(rt.Argv(128, nil)) != 0 {
			t.Errorf("%s: %+v %v", name, rt, err)
		}
	}
}

// An error names what is missing and how it is installed, and changes nothing.
func TestFindMissing(t *testing.T) {
	for _, c := range []struct{ name, says string }{
		{"python3.14", "pyenv install 3.14"},
		{"cobol1", "Lambda has no such runtime; known here are python3.9,"},
		{"go1.x", "built for provided.al2023 now"},
		{"python3.8", "this version: Python 3.9 or newer is needed, and Lambda has deprecated python3.8; known here are python3.9,"},
		{"python2.7", "Python 3.9 or newer is needed"},
		{"python3.99", "none for Python 3.99; known here are python3.9,"},
		{"nodejs18.x", "Node.js 20 or newer is needed, and Lambda has deprecated nodejs18.x; known here are nodejs20.x,"},
		{"nodejs99.x", "none for Node.js 99;"},
		{"java19", "none for Java 19; known here are java8.al2, java11,"},
		{"ruby3.4", "interpreter of Ruby 3.4: missing on this machine; install with: rbenv install 3.4"},
		{"ruby9.9", "none for Ruby 9.9; known here are ruby3.1, ruby3.2,"},
		{"dotnet10", ".NET 10: missing on this machine; install with: sudo dnf install -y dotnet-runtime-10.0"},
		{"dotnet5", "none for .NET 5; known here are dotnetcore3.1, dotnet6,"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			t.Setenv("PATH", t.TempDir())
			t.Setenv("HOME", t.TempDir())
			t.Setenv("PYENV_ROOT", t.TempDir())
			_, err := Find(t.Context(), c.name, Options{Root: root})
			if err == nil && c.name == "python3.14" {
				t.Skip("the system has this version in a folder that is always looked at")
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v", err)
			}
			if c.name == "python3.14" && !errors.Is(err, ErrMissing) {
				t.Errorf("%v does not say that something is missing", err)
			}
			if left, _ := os.ReadDir(root); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	rt := here(t, "python3.13")
	got, note, err := Nearest(t.Context(), "python3.99", Options{Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	if want := "python3.99 does not run on this machine, " + got.Name + " is used instead"; note != want || len(got.Command) != 2 {
		t.Errorf("%+v %q", got, note)
	}
	if _, note, err := Nearest(t.Context(), rt.Name, Options{}); err != nil || note != "" {
		t.Errorf("%q %v", note, err)
	}
	if _, _, err := Nearest(t.Context(), "cobol85", Options{}); err == nil {
		t.Error("COBOL was found")
	}
}

func TestByDistance(t *testing.T) {
	for _, c := range []struct{ family, versions, wanted, want string }{
		{familyPython, "3.9 3.10 3.11 3.13", "3.12", "3.13 3.11 3.10 3.9"},
		{familyPython, "3.9 3.10", "3.14", "3.10 3.9"},
		{familyNode, "20 22 24", "18", "20 22 24"},
		{familyJava, "11 17 25", "21", "25 17 11"},
		{familyJava, "8 11 25", "17", "25 11 8"},
		{familyPython, "", "3.12", ""},
	} {
		if got := strings.Join(byDistance(c.family, strings.Fields(c.versions), c.wanted), " "); got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.wanted, c.versions, got, c.want)
		}
	}
}

// Sources: a public dump of argv; lambda-nodejs.html "experimental features".
func TestNodeArgv(t *testing.T) {
	for _, c := range []struct {
		name    string
		runtime string
		memory  int
		options string
		want    []string
		not     []string
	}{
		{"128 MB", "nodejs22.x", 128, "", []string{"--max-semi-space-size=6", "--max-old-space-size=116", "--expose-gc"}, nil},
		{"Node.js 22", "nodejs22.x", 512, "", []string{"--no-experimental-require-module", "--no-experimental-detect-module"}, nil},
		{"Node.js 20", "nodejs20.x", 512, "", []string{"--no-experimental-require-module"}, []string{"--no-experimental-detect-module"}},
		{"Node.js 24", "nodejs24.x", 512, "", nil, []string{"--no-experimental-require-module", "--no-experimental-detect-module"}},
		{"turned on again", "nodejs22.x", 512, "--require x --experimental-require-module", []string{"--no-experimental-detect-module"}, []string{"--no-experimental-require-module"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rt := Runtime{Name: c.runtime, Command: []string{"/var/lang/bin/node", "/var/runtime/index.mjs"}}
			argv := rt.Argv(c.memory, map[string]string{"NODE_OPTIONS": c.options})
			if argv[0] != "/var/lang/bin/node" || argv[len(argv)-1] != "/var/runtime/index.mjs" {
				t.Errorf("argv is %q", argv)
			}
			for _, w := range c.want {
				if !slices.Contains(argv, w) {
					t.Errorf("no %s in %q", w, argv)
				}
			}
			for _, n := range c.not {
				if slices.Contains(argv, n) {
					t.Errorf("%s in %q", n, argv)
				}
			}
		})
	}
}

// Nothing that is committed says where packages come from: that is the clients' own matter.
func TestPinsNameNoAddress(t *testing.T) {
	for _, name := range []string{"ric3", "ric4", "sdk"} {
		for _, file := range []string{"package.json", "package-lock.json"} {
			b, err := nodeFiles.ReadFile("node/" + name + "/" + file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte("://")) {
				t.Errorf("%s/%s has an address in it", name, file)
			}
		}
	}
	for _, v := range pythonVersions() {
		for _, pin := range pythonPins(v) {
			if !strings.Contains(pin, "==") {
				t.Errorf("Python %s: %s is not pinned", v, pin)
			}
		}
	}
}

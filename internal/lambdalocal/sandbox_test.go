package lambdalocal

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// Sources: LAYP, LRE; reference 5.4, 5.8: what is private, what is read-only, how layers are merged.
func TestIsolation(t *testing.T) {
	if os.Getenv(byPathSetting) != "" || runtime.GOOS != "linux" {
		t.Skip("there is no isolation by path")
	}
	stranger := filepath.Join(t.TempDir(), "stranger") // of this machine's /tmp
	writeFile(t, stranger, "x", 0o644)
	for _, c := range []struct {
		name   string
		layers int
	}{{"no layer", 0}, {"one layer", 1}, {"three layers", 3}} {
		t.Run(c.name, func(t *testing.T) {
			e, log := lambda{change: func(f *Function, _ *Options) { f.Layers = layers(t, c.layers) }}.start(t)
			invoke(t, e, `{"do":"ls=/tmp write=/tmp/mine write=/opt/x write=/var/task/x write=/etc/x write=/x ls=/var/task"}`)
			for _, want := range []string{
				`ls /tmp [] <nil>`, `write /tmp/mine: <nil>`, `write /opt/x: open /opt/x: read-only file system`,
				`write /var/task/x: open /var/task/x: read-only file system`, `write /x: open /x: read-only file system`,
				`ls /var/task ["bootstrap"] <nil>`,
			} {
				log.wait(t, want)
			}
			if os.Geteuid() == 0 {
				log.wait(t, `write /etc/x: open /etc/x: read-only file system`)
			}
			if _, err := os.Stat(filepath.Join(e.TempDir(), "mine")); err != nil {
				t.Errorf("what the function wrote to /tmp: %v", err)
			}
			if c.layers == 3 {
				invoke(t, e, `{"do":"ls=/opt ls=/opt/shared ls=/opt/turned"}`)
				log.wait(t, `ls /opt ["only0" "only1" "only2" "shared" "turned"] <nil>`)
				log.wait(t, `ls /opt/shared ["from0" "from1" "from2"] <nil>`)
				log.wait(t, `ls /opt/turned ["inside"] <nil>`) // a file in the first layer, a folder in the last
			}
		})
	}
}

// layers are folders that overlap.
func layers(t *testing.T, n int) []string {
	var out []string
	for i := range n {
		dir, name := t.TempDir(), string(rune('0'+i))
		writeFile(t, filepath.Join(dir, "only"+name), name, 0o644)
		writeFile(t, filepath.Join(dir, "shared", "from"+name), name, 0o644)
		if i == 0 {
			writeFile(t, filepath.Join(dir, "turned"), name, 0o644)
		} else {
			writeFile(t, filepath.Join(dir, "turned", "inside"), name, 0o644)
		}
		out = append(out, dir)
	}
	return out
}

// Later layers overwrite, modes and links are kept (LAYP, reference 1.6).
func TestMergeLayers(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(first, "extensions", "ext"), "first", 0o644)
	writeFile(t, filepath.Join(second, "extensions", "ext"), "second", 0o755)
	if err := os.Symlink("ext", filepath.Join(second, "extensions", "link")); err != nil {
		t.Fatal(err)
	}
	l, err := newLayout(filepath.Join(t.TempDir(), "env"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.mergeLayers([]string{first, second}); err != nil {
		t.Fatal(err)
	}
	ext := filepath.Join(l.opt, "extensions", "ext")
	content, err := os.ReadFile(ext)
	if err != nil || string(content) != "second" {
		t.Errorf("content is %q (%v)", content, err)
	}
	if info, err := os.Stat(ext); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode is %v (%v)", info.Mode(), err)
	}
	if link, err := os.Readlink(filepath.Join(l.opt, "extensions", "link")); err != nil || link != "ext" {
		t.Errorf("link is %q (%v)", link, err)
	}
	names, err := l.extensions(Function{Layers: []string{first, second}})
	if err != nil || strings.Join(names, " ") != "ext link" {
		t.Errorf("extensions are %q (%v)", names, err)
	}
	if err := l.remove(); err != nil {
		t.Error(err)
	}
}

// Listeners of the Telemetry API bind sandbox.localdomain (TEL) or sandbox (DD), which only exist inside; what
// this machine calls itself is known there as well.
func TestSandboxNames(t *testing.T) {
	if os.Getenv(byPathSetting) != "" || runtime.GOOS != "linux" {
		t.Skip("names are this machine's where there is no private file system")
	}
	e, log := lambda{}.start(t)
	invoke(t, e, `{"do":"lookup=sandbox.localdomain lookup=sandbox lookup=localhost"}`)
	log.wait(t, `lookup sandbox.localdomain ["127.0.0.1"] <nil>`)
	log.wait(t, `lookup sandbox ["127.0.0.1"] <nil>`)
	log.wait(t, `lookup localhost ["127.0.0.1"`)
}

// The same rules hold where there are no namespaces, and for a user who is not root.
func TestOtherSandboxes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is only one kind of sandbox here")
	}
	if os.Getenv(byPathSetting) != "" || os.Geteuid() != 0 {
		t.Skip("this is one of the others")
	}
	t.Parallel()
	dir, err := os.MkdirTemp("", "lambdalocal-others-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) // after the parallel subtests
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "tmp")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o777); err != nil { // the umask does not know that somebody else comes
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{self: "test", os.Getenv(probePath): "probe"} {
		if err := copyFile(from, filepath.Join(dir, to), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	for _, c := range []struct {
		name string
		env  string
		user *syscall.Credential
	}{
		{"by path", byPathSetting + "=1", nil},
		{"as an ordinary user", "NOTHING=", &syscall.Credential{Uid: nobody, Gid: nobody}},
		{"by path as an ordinary user", byPathSetting + "=1", &syscall.Credential{Uid: nobody, Gid: nobody}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 15*patience) // some twenty tests, each with its own bounds, beside all the others
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(dir, "test"), "-test.v", "-test.run",
				"TestInitOrder|TestExtensionProcess|TestFreeze|TestTimeout$|TestFailures/(extension|bootstrap)_|TestExtensionThatIsALink|TestIsolation/one|TestSandboxNames|TestTelemetry$|TestLeavesNothing|TestDeathOf|TestThousand|TestKeep|TestFrozen|TestCut|TestDevices|TestClear|TestLeftOut|TestRights|TestDaemons|TestInherited|TestSameVariables|TestShutdownWith|TestSameDir")
			cmd.Dir = dir
			cmd.Env = []string{
				"PATH=" + os.Getenv("PATH"), "HOME=/", "TMPDIR=" + filepath.Join(dir, "tmp"), c.env,
				probePath + "=" + filepath.Join(dir, "probe"),
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if !strings.Contains(string(out), "--- PASS: TestInitOrder") {
				t.Errorf("nothing ran:\n%s", out)
			}
		})
	}
}

// What a killed environment has left is removed, and nothing that links in it lead to: those of a private root are
// this machine's.
func TestClear(t *testing.T) {
	dir, machine := t.TempDir(), t.TempDir()
	l, err := newLayout(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(machine, "empty"), "", 0o644)
	if err := os.Mkdir(filepath.Join(machine, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"var/task/folder", "usr", "var/lib"} {
		if err := os.MkdirAll(filepath.Join(l.root, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(l.root, "var", "task", "app.py"), "", 0o644)
	for _, link := range []string{"run", "var/run", "var/task/linked"} {
		if err := os.Symlink(machine, filepath.Join(l.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(l.tmp); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(machine, l.tmp); err != nil { // as with a /tmp that was mounted
		t.Fatal(err)
	}
	if err := l.clear(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(l.root); !os.IsNotExist(err) {
		t.Errorf("the private root is left: %v", err)
	}
	for _, name := range []string{"empty", "folder"} {
		if _, err := os.Lstat(filepath.Join(machine, name)); err != nil {
			t.Errorf("this machine's own: %v", err)
		}
	}
}

// One line of the log says what is left out, and there is none where nothing is.
func TestLeftOut(t *testing.T) {
	e, log := lambda{change: func(f *Function, _ *Options) { f.MemoryMB = memoryPerCPU }}.start(t)
	var lines []string
	for _, text := range log.texts(SourcePlatform) {
		if strings.HasPrefix(text, "lambdalocal: ") {
			lines = append(lines, text)
		}
	}
	var want []string
	switch {
	case os.Getenv(byPathSetting) != "" || runtime.GOOS != "linux":
		want = []string{"no private file system", "/dev/shm", "no limit"}
	case os.Geteuid() != 0:
		want = []string{"without root", "no process namespace", "/tmp", "no user of its own"}
	}
	if os.Geteuid() != 0 {
		want = append(want, "no limit of CPU, memory and processes")
	}
	if len(want) > 0 && len(lines) != 1 {
		t.Fatalf("lines are %q", lines)
	}
	for _, part := range want {
		if !strings.Contains(lines[0], part) {
			t.Errorf("no %q in %s", part, lines[0])
		}
	}
	if len(want) == 0 && e.limits.group != nil && len(e.limits.group.Missing()) == 0 && len(lines) > 0 {
		t.Errorf("lines are %q", lines)
	}
}

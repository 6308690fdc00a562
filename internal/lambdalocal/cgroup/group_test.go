package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// victimSetting names the variable that makes the test binary make a group and wait to be killed.
const victimSetting = "CGROUP_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victimSetting) != "" {
		os.Exit(victim())
	}
	os.Exit(m.Run())
}

// real makes a group of this machine's.
func real(t *testing.T, limits Limits) *Group {
	t.Helper()
	g, err := New(limits)
	if errors.Is(err, ErrUnavailable) && (os.Getenv("CI") != "true" || os.Geteuid() != 0) {
		t.Skipf("SKIPPED: this machine has no control groups for this user: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return g
}

// start starts a shell in a group.
func start(t *testing.T, g *Group, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read go; "+script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, "go")
	return cmd
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come true", what)
		}
	}
}

// A group knows its processes and their children, and leaves neither them nor itself.
func TestGroup(t *testing.T) {
	g := real(t, Limits{CPU: 0.5, Memory: 64 << 20, Processes: 100})
	if missing := g.Missing(); len(missing) > 0 {
		t.Logf("this machine does without: %v", missing)
	}
	cmd := start(t, g, "sleep 1000 & sleep 1000 & wait")
	eventually(t, "three processes", func() bool { pids, err := g.Processes(); return err == nil && len(pids) == 3 })
	dirs := g.dirs
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process was not killed")
	}
}

// The limits are the kernel's, whichever version it has.
func TestLimits(t *testing.T) {
	g := real(t, Limits{CPU: 0.25, Memory: 32 << 20, Processes: 50})
	for _, c := range []struct {
		controller string
		files      map[int][2]string // by version: file and content
	}{
		{controlCPU, map[int][2]string{1: {"cpu.cfs_quota_us", "5000"}, 2: {"cpu.max", "5000 20000"}}},
		{controlMemory, map[int][2]string{1: {"memory.limit_in_bytes", "33554432"}, 2: {"memory.max", "33554432"}}},
		{controlPids, map[int][2]string{1: {"pids.max", "50"}, 2: {"pids.max", "50"}}},
	} {
		p, ok := g.by[c.controller]
		if !ok {
			t.Logf("there is no controller %s", c.controller)
			continue
		}
		file := c.files[p.version]
		if got, err := p.read(file[0]); err != nil || got != file[1] {
			t.Errorf("%s is %q (%v), want %q", file[0], got, err, file[1])
		}
	}
}

// A process that takes more than there is is killed and counted, the peak is the limit at most, and the page cache
// is told apart.
func TestMemory(t *testing.T) {
	const limit = 48 << 20
	g := real(t, Limits{Memory: limit})
	if _, ok := g.by[controlMemory]; !ok {
		t.Skip("SKIPPED: there is no memory controller")
	}
	file := filepath.Join(t.TempDir(), "big")
	done := start(t, g, "dd if=/dev/zero of="+file+" bs=1M count=40 2>/dev/null")
	if err := done.Wait(); err != nil {
		t.Fatal(err)
	}
	if use, err := g.Memory(); err != nil || use.Held > 20<<20 || use.Cache < 20<<20 || use.Peak < use.Cache {
		t.Errorf("after 40 MB of files it is %+v (%v)", use, err)
	}
	big := start(t, g, `x=$(head -c 1000000000 /dev/zero | tr '\0' x); echo ${#x}`)
	if err := big.Wait(); err == nil {
		t.Error("a gigabyte did fit")
	}
	if n, err := g.OOMKills(); err != nil || n == 0 {
		t.Errorf("%d processes were killed for memory (%v)", n, err)
	}
	if use, err := g.Memory(); err != nil || use.Peak < limit/2 || use.Peak > limit {
		t.Errorf("memory is %+v (%v)", use, err)
	}
}

// Frozen processes use no CPU time, go on after a thaw, and can be killed while they are frozen.
func TestFreeze(t *testing.T) {
	g := real(t, Limits{})
	if g.unified.version == 0 {
		if err := g.Freeze(); !errors.Is(err, ErrNoFreezer) {
			t.Errorf("without a freezer it says %v", err)
		}
		t.Skip("SKIPPED: there is no freezer of version 2")
	}
	cmd := start(t, g, "while :; do :; done")
	used := func() time.Duration {
		use, err := g.CPUUse()
		if err != nil {
			t.Fatal(err)
		}
		return use.Time
	}
	eventually(t, "it works", func() bool { return used() > 5*time.Millisecond })
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	before := used()
	time.Sleep(30 * time.Millisecond) // the time in which nothing may happen
	if after := used(); after != before {
		t.Errorf("frozen processes used %v", after-before)
	}
	if err := g.Thaw(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it works again", func() bool { return used() > before+5*time.Millisecond })
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
}

// victim makes a group with a process that outlives it.
func victim() int {
	g, err := New(Limits{Processes: 10})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Println("error", err)
		return 1
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		fmt.Println("error", err)
		return 1
	}
	_ = g.Freeze()
	fmt.Println(strings.Join(g.dirs, " "))
	time.Sleep(time.Hour)
	return 0
}

// What a killed process has left goes with the next group, its frozen processes included; what a living process has
// stays.
func TestSweep(t *testing.T) {
	mine := real(t, Limits{})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimSetting+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("the victim said %q (%v)", line, err)
	}
	dirs := strings.Fields(line)
	pids, err := processes(dirs[0])
	if err != nil || len(pids) != 1 {
		t.Fatalf("the victim's group has processes %v (%v): this test would see no survivor", pids, err)
	}
	real(t, Limits{})
	for _, dir := range dirs {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
	eventually(t, "its process is gone", func() bool { return syscall.Kill(pids[0], 0) != nil || zombie(pids[0]) })
	for _, dir := range mine.dirs {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("the group of a living process: %v", err)
		}
	}
}

// zombie tells whether a process has ended, but nobody has taken notice: its parent here is this machine's first.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

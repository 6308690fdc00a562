package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestAFolderOfARunIsRemovedAtItsEnd(t *testing.T) {
	parent := t.TempDir()
	d, err := newRunDir(t.Context(), parent, func(what string) { t.Log(what) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.logFile("some.log"); err != nil {
		t.Fatal(err)
	}
	if err := removeLeftOver(t.Context(), d.root, func(what string) { t.Log(what) }); !errors.Is(err, errHeld) {
		t.Errorf("a living run: got %v, want %v", err, errHeld)
	}
	if err := d.remove(); err != nil {
		t.Fatal(err)
	}
	if left := runDirs(parent); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestTheNextRunRemovesWhatAKilledOneLeft(t *testing.T) {
	parent := t.TempDir()
	killed := filepath.Join(parent, runPrefix+"killed")
	if err := os.MkdirAll(filepath.Join(killed, "aws", "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	sleeper := exec.Command("sleep", "600")
	sleeper.Env = []string{"TMPDIR=" + filepath.Join(killed, "aws", "tmp")}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- sleeper.Wait() }()
	if runtime.GOOS != "linux" {
		t.Log("only Linux tells which processes a run left")
		_ = sleeper.Process.Kill()
	} else {
		awaitEnvironment(t, sleeper.Process.Pid)
	}
	d, err := newRunDir(t.Context(), parent, func(what string) { t.Log(what) })
	if err != nil {
		t.Fatal(err)
	}
	defer d.remove() //nolint:errcheck // the test's folder goes anyway
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = sleeper.Process.Kill()
		t.Error("the process that the killed run left is still there")
	}
	if got := runDirs(parent); len(got) != 1 || got[0] != d.root {
		t.Errorf("folders: %v", got)
	}
}

// awaitEnvironment waits until a process's environment can be read: the kernel tells of the new program a moment before it has set that up.
func awaitEnvironment(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && len(env) > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the environment of process %d cannot be read: %v", pid, err)
		}
	}
}

func TestStopAll(t *testing.T) {
	runs := t.TempDir()
	if n, err := StopAll(context.Background(), runs, func(what string) { t.Log(what) }); n != 0 || err != nil {
		t.Errorf("without any run: got %d, %v", n, err)
	}
	left := filepath.Join(runs, runPrefix+"left")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	if n, err := StopAll(context.Background(), runs, func(what string) { t.Log(what) }); n != 1 || err != nil {
		t.Errorf("with a left-over: got %d, %v", n, err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Error("it is still there")
	}
}

func TestStopAllInterruptsALivingRun(t *testing.T) {
	if os.Getenv("AFTERGLOW_TEST_RUN") != "" {
		t.Skip("SKIPPED: this is the run that is interrupted")
	}
	runs := t.TempDir()
	run := exec.Command(os.Args[0], "-test.run", "^TestARunThatIsInterrupted$", "-test.v")
	run.Env = append(os.Environ(), "AFTERGLOW_TEST_RUN="+runs)
	var out strings.Builder
	run.Stdout, run.Stderr = &out, &out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if dirs := runDirs(runs); len(dirs) == 1 {
			if _, err := os.Stat(filepath.Join(dirs[0], pidFile)); err == nil {
				break
			}
		}
		if time.Now().After(deadline) {
			_ = run.Process.Kill()
			t.Fatal("the run did not begin")
		}
	}
	if n, err := StopAll(context.Background(), runs, func(what string) { t.Log(what) }); n != 1 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("the run: %v\n%s", err, out.String())
	}
}

// TestARunThatIsInterrupted is the other side of TestStopAllInterruptsALivingRun, in a process of its own.
func TestARunThatIsInterrupted(t *testing.T) {
	runs := os.Getenv("AFTERGLOW_TEST_RUN")
	if runs == "" {
		t.Skip("SKIPPED: runs only when another test starts it")
	}
	interrupted := interrupts(t)
	d, err := newRunDir(t.Context(), runs, func(what string) { t.Log(what) })
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-interrupted:
	case <-time.After(time.Minute):
		t.Error("nobody interrupted")
	}
	if err := d.remove(); err != nil {
		t.Error(err)
	}
}

func interrupts(t *testing.T) <-chan os.Signal {
	t.Helper()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	t.Cleanup(func() { signal.Stop(signals) })
	return signals
}

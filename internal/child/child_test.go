package child_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/child"
)

const bound = 10 * time.Second

func TestMain(m *testing.M) {
	if err := child.Adopt(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestRunTellsHowAProgramEnded(t *testing.T) {
	tests := []struct {
		name   string
		script string
		want   []string // parts of the error; none means nil
	}{
		{"well", "echo fine", nil},
		{"with a code, and says what it printed", "echo what went wrong >&2; exit 3", []string{"a script", "exit status 3", "what went wrong"}},
		{"silently", "exit 4", []string{"exit status 4"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := child.Run(context.Background(), script(test.script))
			if len(test.want) == 0 && err != nil {
				t.Fatalf("got %v, want nil", err)
			}
			for _, part := range test.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want it to say %q", err, part)
				}
			}
		})
	}
}

func TestRunPassesOutputOn(t *testing.T) {
	var out bytes.Buffer
	c := script("echo one; echo two >&2")
	c.Output = &out
	if err := child.Run(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if out.String() != "one\ntwo\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestRunOfAMissingProgram(t *testing.T) {
	err := child.Run(context.Background(), child.Command{Name: "a ghost", Args: []string{"/no/such/program"}})
	if err == nil || !strings.Contains(err.Error(), "start a ghost") {
		t.Errorf("got %v", err)
	}
}

func TestTheEndOfAContextEndsTheWholeGroup(t *testing.T) {
	tests := []struct{ name, script string }{
		{"a program and its child", "sleep 600 & echo $! > $PIDS; sleep 600"},
		{"a program that ignores SIGTERM", "trap '' TERM; sleep 600 & echo $! > $PIDS; wait; sleep 600"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				c := script(test.script)
				c.Env = append(os.Environ(), "PIDS="+pids)
				ended <- child.Run(ctx, c)
			}()
			grandchild := readPid(t, pids)
			cancel()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want the context's error", err)
				}
			case <-time.After(bound):
				t.Fatal("the program was not ended")
			}
			mustBeGone(t, grandchild)
		})
	}
}

func TestWhatAProgramLeavesInItsGroupIsEnded(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	c := script("sleep 600 >/dev/null 2>&1 & echo $! > $PIDS")
	c.Env = append(os.Environ(), "PIDS="+pids)
	if err := child.Run(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	mustBeGone(t, readPid(t, pids))
}

func TestSweepEndsWhatLeftItsGroup(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux lets a process adopt its descendants")
	}
	setsid, err := exec.LookPath("setsid")
	if err != nil {
		t.Skip("SKIPPED: no setsid on this machine")
	}
	pids := filepath.Join(t.TempDir(), "pids")
	c := script(setsid + " sh -c 'echo $$ > $PIDS; exec sleep 600' >/dev/null 2>&1 & while [ ! -s $PIDS ]; do sleep 0.01; done")
	c.Env = append(os.Environ(), "PIDS="+pids)
	if err := child.Run(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	escaped := readPid(t, pids)
	swept := child.Sweep()
	if !strings.Contains(strings.Join(swept, "\n"), "600") {
		t.Errorf("swept %q, want the escaped sleep", swept)
	}
	mustBeGone(t, escaped)
}

func script(text string) child.Command {
	return child.Command{Name: "a script", Args: []string{"sh", "-c", text}, Env: os.Environ()}
}

// readPid waits for a script to tell a process id.
func readPid(t *testing.T, file string) int {
	t.Helper()
	var pid int
	eventually(t, "the script tells its process id", func() bool {
		text, _ := os.ReadFile(file)
		got, err := strconv.Atoi(strings.TrimSpace(string(text)))
		pid = got
		return err == nil && strings.HasSuffix(string(text), "\n")
	})
	return pid
}

func mustBeGone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "process "+strconv.Itoa(pid)+" is gone", func() bool {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within %s: %s", bound, what)
}

package lambdalocal

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A process has its limits before its first instruction, another user's process as well (LIM: 1,024 descriptors;
// LMIENV: 4,096), and this process is in none of its groups.
func TestLimitsFromTheFirstInstruction(t *testing.T) {
	for _, c := range []struct {
		name  string
		init  InitType
		user  *syscall.Credential
		files int
	}{
		{"own user", OnDemand, nil, 1024},
		{"other user", OnDemand, &syscall.Credential{Uid: 65534, Gid: 65534}, 1024},
		{"managed instance", ManagedInstances, nil, 4096},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.user != nil && os.Geteuid() != 0 {
				t.Skip("only root can start processes of others")
			}
			l := newLimits(Function{MemoryMB: 128, InitType: c.init}, Options{})
			t.Cleanup(func() {
				if err := l.release(); err != nil {
					t.Error(err)
				}
			})
			if l.late && os.Getenv("CI") == "true" && os.Geteuid() == 0 {
				t.Fatalf("%q", l.left)
			}
			if l.late {
				t.Skipf("SKIPPED: %q", l.left)
			}
			stray, err := syscall.Dup(0) // as this process may have inherited one
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Close(stray)
			placed := 0
			l.placed = func(pid int) {
				placed++
				checkPlaced(t, l, pid, c.files)
			}
			run := newStarter()
			defer run.stop()
			probe := filepath.Join("/", "tmp", fmt.Sprintf("lambdalocal-limits-%d", os.Getpid())) // for another user
			placeProbe(t, probe)
			defer os.Remove(probe)
			cmd := exec.Command(probe)
			cmd.Env = []string{"SCRIPT_" + strings.ToUpper(filepath.Base(probe)) + "=limits cat=/proc/self/cgroup exit=0"}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.user}
			var out strings.Builder
			cmd.Stdout = &out
			if err := l.start(run, cmd); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil || placed != 1 {
				t.Errorf("%v, placed %d times: %s", err, placed, out.String())
			}
			if want := fmt.Sprintf("limits files %d of %d <nil>", c.files, c.files); !strings.Contains(out.String(), want) {
				t.Errorf("the process says %s", out.String())
			}
			if l.group != nil && !strings.Contains(out.String(), "afterglow-") {
				t.Errorf("the process is in %s", out.String())
			}
			if mine, _ := os.ReadFile("/proc/self/cgroup"); strings.Contains(string(mine), "afterglow-") {
				t.Errorf("this process is in %s", mine)
			}
		})
	}
}

// checkPlaced looks at a process that is held. It is asked by its tracer.
func checkPlaced(t *testing.T, l *limits, pid, files int) {
	if l.group != nil {
		if pids, err := l.group.Processes(); err != nil || !slices.Contains(pids, pid) {
			t.Errorf("the group has %v (%v), not %d", pids, err, pid)
		}
	}
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); (err != nil || len(open) != firstDescriptor) && !l.leaks {
		t.Errorf("it has open %v (%v)", open, err)
	}
	set, _ := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	for _, line := range strings.Split(string(set), "\n") {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max open files") && (f[3] != strconv.Itoa(files) || f[4] != f[3]) {
			t.Errorf("%s", line)
		}
	}
	if runtime.GOARCH != "amd64" {
		return
	}
	program, err := elf.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		t.Errorf("open program: %v", err)
		return
	}
	defer program.Close()
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &regs); err != nil {
		t.Errorf("read registers: %v", err)
	}
	if at := counter(&regs); at != program.Entry {
		t.Errorf("the process stands at %#x, its first instruction is at %#x", at, program.Entry)
	}
}

// What cannot be started says so as it does without limits, and nothing is left of it.
func TestLimitsOfWhatCannotStart(t *testing.T) {
	l := newLimits(Function{MemoryMB: 128}, Options{})
	defer l.release()
	run := newStarter()
	defer run.stop()
	noExec, noFormat := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	writeFile(t, noExec, "x", 0o644)
	writeFile(t, noFormat, "x", 0o755)
	for path, want := range map[string]error{noExec: unix.EACCES, noFormat: unix.ENOEXEC, noExec + "x": unix.ENOENT} {
		err := l.start(run, &exec.Cmd{Path: path, SysProcAttr: &syscall.SysProcAttr{}})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

// A program that somebody still has open for writing is tried again: whoever forks while it is copied has it open
// until his exec.
func TestBusyProgram(t *testing.T) {
	l := newLimits(Function{MemoryMB: 128}, Options{})
	defer l.release()
	run := newStarter()
	defer run.stop()
	program := filepath.Join(t.TempDir(), "program")
	placeProbe(t, program)
	writer, err := os.OpenFile(program, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { writer.Close() })
	cmd := &exec.Cmd{Path: program, Env: []string{"SCRIPT_PROGRAM=exit=0"}, SysProcAttr: &syscall.SysProcAttr{}}
	if err := l.start(run, cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// One line says what the machine lacks.
func TestFewerCores(t *testing.T) {
	big := newLimits(Function{MemoryMB: memoryPerCPU * (runtime.NumCPU() + 1)}, Options{})
	defer big.release()
	if left := strings.Join(big.left, "; "); !strings.Contains(left, fmt.Sprintf("this machine has %d", runtime.NumCPU())) {
		t.Errorf("left out: %s", left)
	}
	small := newLimits(Function{MemoryMB: memoryPerCPU}, Options{})
	defer small.release()
	if left := strings.Join(small.left, "; "); strings.Contains(left, "this machine has") {
		t.Errorf("left out: %s", left)
	}
}

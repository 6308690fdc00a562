package lambdalocal

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// needRoot skips what only root's sandbox has.
func needRoot(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 || os.Getenv(byPathSetting) != "" {
		t.Skip("this needs root's sandbox")
	}
}

// Runtime and extensions are the same user, who has no home, who owns /tmp, and whom the machine knows by name
// (reference 5.7). It can open its outputs by their names, as scripts do.
func TestUser(t *testing.T) {
	needRoot(t)
	who := "limits shell=id write=/dev/stderr cat=/etc/group shell=ls_-ld_/tmp env"
	e, log := lambda{bootstrap: who + " loop", extensions: map[string]string{"ext": who + " register=INVOKE loop"}}.start(t)
	invoke(t, e, `{"do":"write=/tmp/mine"}`)
	for _, source := range []Source{SourceFunction, SourceExtension} {
		lines := strings.Join(log.texts(source), "\n")
		for _, want := range []string{
			"uid 993 gid 990", `uid=993(sbx_user1051) gid=990(sbx_user1051) groups=990(sbx_user1051)`,
			`write /dev/stderr: <nil>`, "sbx_user1051:x:990:", "sbx_user1051 sbx_user1051",
		} {
			if !strings.Contains(lines, want) {
				t.Errorf("%s does not say %s:\n%s", source, want, lines)
			}
		}
		if strings.Contains(lines, `"HOME=`) {
			t.Errorf("%s has a home", source)
		}
	}
	info, err := os.Stat(filepath.Join(e.TempDir(), "mine"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 993 {
		t.Errorf("its file: %v %v", info, err)
	}
}

// Folders that only root can enter, as os.MkdirTemp and a narrow umask make them, are in nobody's way: what is in
// them keeps its modes. A file that the user cannot read stays so, as on Lambda, and a line says so.
func TestModes(t *testing.T) {
	needRoot(t)
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	private, err := os.MkdirTemp("", "lambdalocal-private-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(private)
	for _, layers := range []int{1, 2} {
		e, log := lambda{change: func(f *Function, o *Options) {
			move := func(from string) string {
				to, err := os.MkdirTemp(private, "*") // 0700
				if err != nil {
					t.Fatal(err)
				}
				if err := copyTree(from, to); err != nil {
					t.Fatal(err)
				}
				return to
			}
			f.Code = move(f.Code)
			writeFile(t, filepath.Join(f.Code, "secret"), "x", 0o600)
			if err := os.Symlink("bootstrap", filepath.Join(f.Code, "link")); err != nil {
				t.Fatal(err)
			}
			for range layers {
				layer := t.TempDir()
				placeProbe(t, filepath.Join(layer, "extensions", "ext"))
				f.Layers = append(f.Layers, move(layer))
			}
			o.Dir = filepath.Join(private, "env")
		}}.start(t)
		r, _ := invoke(t, e, `{"do":"ls=/var/task ls=/opt/extensions cat=/var/task/secret write=/var/task/x write=/opt/x"}`)
		if r.FunctionError != "" {
			t.Errorf("%s", r.Payload)
		}
		log.wait(t, `ls /var/task ["bootstrap" "link" "secret"] <nil>`)
		log.wait(t, `ls /opt/extensions ["ext"] <nil>`)
		log.wait(t, `cat /var/task/secret "" open /var/task/secret: permission denied`)
		log.wait(t, `write /var/task/x: open /var/task/x: read-only file system`)
		log.wait(t, `write /opt/x: open /opt/x: read-only file system`)
		log.wait(t, `cannot read 1 of its files, nor could it on Lambda, which keeps modes: chmod o+r /var/task/secret`)
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// There is no /dev/shm, so POSIX semaphores and shared memory fail (reference 5.8), and no device of the machine's.
func TestDevices(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getenv(byPathSetting) != "" {
		t.Skip("there are no devices of its own")
	}
	e, log := lambda{}.start(t)
	invoke(t, e, `{"do":"ls=/dev write=/dev/null shell=head_-c_4_/dev/zero_|_wc_-c shell=cat_</dev/urandom_|_head_-c_3_|_wc_-c write=/dev/shm/x"}`)
	log.wait(t, `ls /dev ["fd" "full" "null" "random" "stderr" "stdin" "stdout" "tty" "urandom" "zero"] <nil>`)
	log.wait(t, `write /dev/null: <nil>`)
	log.wait(t, `shell "4" <nil>`)
	log.wait(t, `shell "3" <nil>`)
	log.wait(t, `write /dev/shm/x: open /dev/shm/x: no such file or directory`)
}

// /tmp has its size and not more (LIM: 512 MB to 10,240 MB), it is seen from outside, and its content survives a
// reset (LRE).
func TestTempSize(t *testing.T) {
	needRoot(t)
	for _, c := range []struct{ set, mb int }{{0, 512}, {1024, 1024}, {10240, 10240}} {
		e, log := lambda{change: func(f *Function, _ *Options) { f.EphemeralMB = c.set }}.start(t)
		if left := e.leftOut(t.Context()); strings.Contains(left, "/tmp has no limit") {
			if os.Getenv("CI") == "true" {
				t.Fatal(left)
			}
			t.Skipf("SKIPPED: %s", left)
		}
		var size syscall.Statfs_t
		if err := syscall.Statfs(e.TempDir(), &size); err != nil {
			t.Fatal(err)
		}
		have, mb := int64(size.Bavail)*size.Bsize, int64(c.mb)<<20
		if have < mb || have > mb+mb/20 {
			t.Errorf("/tmp of %d MB has room for %d MB", c.mb, have>>20)
		}
		if c.mb > 512 {
			continue
		}
		r, _ := invoke(t, e, `{"do":"fill=/tmp/a:500 write=/tmp/kept exit=1"}`)
		if r.FunctionError == "" {
			t.Error("the runtime did not exit")
		}
		invoke(t, e, `{"do":"ls=/tmp fill=/tmp/b:40"}`)
		log.wait(t, `fill /tmp/a:500: <nil>`)
		log.wait(t, `ls /tmp ["a" "kept"] <nil>`)
		log.wait(t, `fill /tmp/b:40: no space left on device`)
	}
}

// With Keep, the content of /tmp is still there after Close.
func TestKeepTemp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "env")
	e, _ := lambda{change: func(_ *Function, o *Options) { o.Dir, o.Keep = dir, true }}.start(t)
	invoke(t, e, `{"do":"touch=/tmp/mine"}`)
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(e.TempDir(), "mine")); err != nil || string(content) != "x" {
		t.Errorf("%q %v", content, err)
	}
}

const lockApp = `
import multiprocessing, multiprocessing.shared_memory
def pipe():
    here, there = multiprocessing.Pipe()
    here.send(1)
    there.recv()
def attempt(what):
    try:
        what()
        return "works"
    except (OSError, ImportError) as e:
        return type(e).__name__
def handler(event, context):
    return {
        "lock": attempt(multiprocessing.Lock),
        "shared": attempt(lambda: multiprocessing.shared_memory.SharedMemory(create=True, size=4096)),
        "pipe": attempt(pipe),
    }
`

// Python's locks between processes and its shared memory fail as on Lambda, its pipes work (reference 5.8).
func TestNoSharedMemory(t *testing.T) {
	e, _ := managed(t, pythonName, "app.py", lockApp).start(t)
	got, r := ask(t, e, `{}`)
	if got["lock"] == "works" || got["shared"] == "works" || got["pipe"] != "works" {
		t.Errorf("%s", r.Payload)
	}
}

// An environment has 1,024 processes and threads and no more (LIM).
func TestProcessLimit(t *testing.T) {
	e, log := lambda{change: func(f *Function, _ *Options) { f.MemoryMB = memoryPerCPU }}.start(t)
	needGroup(t, e.limits)
	const script = `n=0;while_[_$n_-lt_1100_];do_sleep_1000_</dev/null_>/dev/null_2>&1_&_n=$((n+1));done`
	if r, _ := invoke(t, e, `{"do":"shell=`+script+`"}`); r.FunctionError != "" {
		t.Errorf("%s", r.Payload)
	}
	log.wait(t, "Cannot fork")
	if pids, err := e.limits.group.Processes(); err != nil || len(pids) < 900 || len(pids) > maxProcesses {
		t.Errorf("there are %d processes (%v)", len(pids), err)
	}
}

// With BoostInit, the init of an on-demand function has a whole vCPU and its invocations have not.
func TestBoostInit(t *testing.T) {
	for _, c := range []struct {
		boost bool
		init  InitType
		want  bool
	}{{true, OnDemand, true}, {false, OnDemand, false}, {true, ProvisionedConcurrency, false}} {
		e, _ := lambda{bootstrap: "burn=300ms loop", change: func(f *Function, o *Options) { f.InitType, o.BoostInit, o.allCPU = c.init, c.boost, false }}.start(t)
		needGroup(t, e.limits)
		use, err := e.limits.group.CPUUse()
		if err != nil {
			t.Fatal(err)
		}
		worth := float64(use.Periods+1) * float64(use.Period) * defaultMemoryMB / memoryPerCPU
		if boosted := use.Throttled == 0 || float64(use.Time) > 1.5*worth; boosted != c.want {
			t.Errorf("boost %v %s: init used %+v", c.boost, c.init, use)
		}
		invoke(t, e, `{"do":"burn=300ms"}`)
		after, err := e.limits.group.CPUUse()
		if err != nil || after.Throttled == use.Throttled {
			t.Errorf("the invocation was not limited: %+v, then %+v (%v)", use, after, err)
		}
	}
}

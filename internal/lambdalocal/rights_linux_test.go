package lambdalocal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fewerRights names the variable that tells that root lacks something here, so that there is a line about it.
const fewerRights = "LAMBDALOCAL_TEST_FEWER_RIGHTS"

// A function has no capabilities and cannot undo what protects its code, whoever it is, not even as root of a
// namespace of its own.
func TestRights(t *testing.T) {
	if os.Getenv(byPathSetting) != "" {
		t.Skip("nothing is protected by path")
	}
	const remount = "mount_-o_remount,bind,rw_/var/task;umount_/var/task;echo_evil_>/var/task/evil"
	e, log := lambda{extensions: map[string]string{"ext": "limits shell=grep_CapEff_/proc/self/status register=INVOKE loop"}}.start(t)
	if box, ok := e.box.(*pathSandbox); ok {
		t.Fatalf("there is only a sandbox by path: %s", box.leftOut())
	}
	r, _ := invoke(t, e, `{"do":"limits shell=grep_CapEff_/proc/self/status shell=`+remount+` shell=unshare_-Urm_sh_-c_'`+remount+`' write=/var/task/x ls=/var/task"}`)
	if r.FunctionError != "" {
		t.Errorf("%s", r.Payload)
	}
	log.wait(t, "write /var/task/x: open /var/task/x: read-only file system")
	log.wait(t, `ls /var/task ["bootstrap"] <nil>`)
	for _, source := range []Source{SourceFunction, SourceExtension} {
		lines := strings.Join(log.texts(source), "\n")
		if !strings.Contains(lines, `CapEff:\t0000000000000000`) {
			t.Errorf("%s has capabilities:\n%s", source, lines)
		}
		if uid := os.Getuid(); uid != 0 && !strings.Contains(lines, fmt.Sprintf("uid %d gid %d", uid, os.Getgid())) {
			t.Errorf("%s is somebody else than %d:\n%s", source, uid, lines)
		}
	}
	if _, err := os.Stat(filepath.Join(e.fn.Code, "evil")); err == nil {
		t.Error("it has written into the developer's folder")
	}
	if os.Getenv(fewerRights) == "" {
		return
	}
	var said []string
	for _, text := range log.texts(SourcePlatform) {
		if strings.HasPrefix(text, "lambdalocal: ") {
			said = append(said, text)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "not allowed here") {
		t.Errorf("what it lacks is told as %q", said)
	}
	t.Log(said)
}

// Root that is not allowed everything gets a sandbox with what it is allowed, and a line; extensions and runtimes are
// not blamed.
func TestFewerRights(t *testing.T) {
	if os.Getenv(byPathSetting) != "" || os.Geteuid() != 0 || os.Getenv(fewerRights) != "" {
		t.Skip("this needs root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	without := func(capability string) []string {
		return []string{"setpriv", "--bounding-set", "-" + capability, "--inh-caps", "-" + capability}
	}
	for name, prefix := range map[string][]string{
		"a namespace with one user": {"unshare", "-Ur"},
		"chown":                     without("chown"), "setuid": without("setuid"), "setgid": without("setgid"),
		"sys_chroot": without("sys_chroot"), "dac_override": without("dac_override"), "kill": without("kill"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(prefix[0]); err != nil {
				t.Skipf("SKIPPED: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, prefix[0], append(prefix[1:], self, "-test.v", "-test.run", "TestRights|TestInitOrder|TestLeavesNothing")...)
			cmd.Env = append(os.Environ(), fewerRights+"="+name, "CI=")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestRights") {
				t.Errorf("%v\n%s", err, out)
			}
			for _, line := range strings.Split(string(out), "\n") {
				if strings.Contains(line, "lambdalocal: ") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}

// Daemons are found and ended wherever they have gone: without variables, in a session and namespaces of their own.
func TestDaemons(t *testing.T) {
	e, log := lambda{}.start(t)
	name := fmt.Sprintf("9%d", os.Getpid())
	for i, command := range []string{"env_-i_setsid", "unshare_-m_setsid", "unshare_-Um_setsid", "unshare_-Ur_env_-i_setsid", "env_-i_setsid_nohup_setsid"} {
		invoke(t, e, fmt.Sprintf(`{"do":"shell=(%s_sleep_%s%d_</dev/null_>/dev/null_2>&1_&)"}`, command, name, i))
	}
	running := func() []string { return commandsWith("sleep\x00" + name) }
	invoke(t, e, `{"do":"sleep=100ms"}`) // while they get on
	if len(running()) < 2 {
		t.Errorf("only %q are there: this test would see no survivor", running())
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if left := running(); len(left) > 0 {
		t.Errorf("daemons are left: %q; the log is %q", left, log.texts(""))
	}
}

// commandsWith are the processes, as folders of /proc, whose command line has a part.
func commandsWith(part string) (found []string) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), part) {
			found = append(found, filepath.Dir(path))
		}
	}
	return found
}

// What this process has inherited without FD_CLOEXEC is none of a function's or an extension's.
func TestInherited(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	writeFile(t, secret, "x", 0o644)
	f, err := os.Open(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd())) // which does not set it
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	const list = "shell=readlink_/proc/$PPID/fd/0_/proc/$PPID/fd/*"
	e, log := lambda{bootstrap: list + " loop", extensions: map[string]string{"ext": list + " register=INVOKE loop"}}.start(t)
	if e.limits.leaks || e.limits.late {
		if left := e.leftOut(t.Context()); !strings.Contains(left, "inherited") {
			t.Errorf("left out: %s", left)
		}
		t.Skip("SKIPPED: they are handed on, and a line says so")
	}
	invoke(t, e, `{}`)
	for _, source := range []Source{SourceFunction, SourceExtension} {
		if lines := strings.Join(log.texts(source), "\n"); strings.Contains(lines, "secret") || !strings.Contains(lines, "/dev/null") {
			t.Errorf("%s has open %s", source, lines)
		}
	}
}

// The environment variables are those that were made for the process, in every sandbox; PWD is none of them.
func TestSameVariables(t *testing.T) {
	e, log := lambda{bootstrap: "env loop", env: map[string]string{"MINE": "x"}}.start(t)
	line := log.wait(t, "env [")
	want := len(e.env.ofRuntime())
	if _, ok := e.box.(*pathSandbox); ok {
		want += 2 // which say where /tmp and /opt are
	}
	if strings.Contains(line, "PWD=") || strings.Count(line, `","`)+1 != want || !strings.Contains(line, `"MINE=x"`) {
		t.Errorf("%d variables are wanted, there are %s", want, line)
	}
}

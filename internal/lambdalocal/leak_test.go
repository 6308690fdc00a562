package lambdalocal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An environment leaves no process, mount, folder, descriptor or goroutine (issue: "leaves no process,
// mount or file"), also when the function starts daemons.
func TestLeavesNothing(t *testing.T) {
	warm, _ := lambda{}.start(t) // what Go itself opens once and keeps
	invoke(t, warm, `{}`)
	if err := warm.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	descriptors, goroutines := countDescriptors(), runtime.NumGoroutine()
	fn, opt, _ := lambda{extensions: map[string]string{"one": "", "two": "child=sleep_1000 register=INVOKE,SHUTDOWN loop"}}.make(t)
	e, err := Start(t.Context(), fn, opt)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if r, err := e.Invoke(t.Context(), Invocation{Payload: []byte(`{"n":` + strconv.Itoa(i) + `}`)}); err != nil || r.FunctionError != "" {
			t.Fatalf("invocation %d: %v %s", i, err, r.Payload)
		}
		if i%10 == 0 {
			runtime.GC() // threads and finalizers of the runtime must not disturb the sandbox's thread
		}
	}
	api := e.RuntimeAPI()
	if runtime.GOOS == "linux" && len(processesOf(api)) < 3 {
		t.Errorf("the environment's processes are %v: this test would see no leak", processesOf(api))
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(api); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	if _, err := os.Stat(opt.Dir); !os.IsNotExist(err) {
		t.Errorf("the working directory is left: %v", err)
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err == nil && strings.Contains(string(mounts), opt.Dir) {
		t.Errorf("mounts are left: %s", mounts)
	}
	eventually(t, "as many descriptors as before", func() bool { return countDescriptors() <= descriptors })
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
}

// countDescriptors is 0 where they cannot be counted.
func countDescriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// processesOf are the processes that know an environment's Runtime API, with their command lines.
func processesOf(api string) []string {
	var found []string
	entries, _ := os.ReadDir("/proc") // elsewhere than on Linux there is none
	for _, e := range entries {
		environ, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && strings.Contains(string(environ), "AWS_LAMBDA_RUNTIME_API="+api+"\x00") {
			command, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
			found = append(found, e.Name()+" "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

// groupsOf are the control groups that a process has made.
func groupsOf(pid int) []string {
	var found []string
	for _, pattern := range []string{"*", "*/*", "*/*/*", "*/*/*/*"} {
		groups, err := filepath.Glob("/sys/fs/cgroup/" + pattern + "/afterglow-*-" + strconv.Itoa(pid) + "-*")
		if err == nil {
			found = append(found, groups...)
		}
	}
	return found
}

// victimDir names the variable that makes the test binary start an environment and wait to be killed.
const victimDir = "LAMBDALOCAL_TEST_VICTIM"

// victim is the whole program of a process that is about to be killed.
func victim(dir string) int {
	fn := Function{
		Name: "victim", Handler: "x", Runtime: "provided.al2023", Code: filepath.Join(dir, "code"),
		Layers: []string{filepath.Join(dir, "layer")}, Timeout: time.Hour,
		Env: map[string]string{"SCRIPT_EXT": "child=while_:;do_sleep_0.1;done register=INVOKE,SHUTDOWN loop"},
	}
	e, err := Start(context.Background(), fn, Options{Dir: filepath.Join(dir, "env"), byPath: os.Getenv(byPathSetting) != ""})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	go e.Invoke(context.Background(), Invocation{Payload: []byte(`{"do":"touch=/tmp/working sleep=1h"}`)})
	for {
		if _, err := os.Stat(filepath.Join(e.TempDir(), "working")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	fmt.Println("api", e.RuntimeAPI())
	time.Sleep(time.Hour)
	return 0
}

// Nothing survives this process, however it ends, but the files of its working directory.
func TestDeathOfTheTest(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what outlives its parent is only found on Linux")
	}
	dir := t.TempDir()
	placeProbe(t, filepath.Join(dir, "code", "bootstrap"))
	placeProbe(t, filepath.Join(dir, "layer", "extensions", "ext"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 200)
	n, err := out.Read(buf)
	api, ok := strings.CutPrefix(strings.TrimSpace(string(buf[:n])), "api ")
	if err != nil || !ok {
		t.Fatalf("the victim said %q (%v)", buf[:n], err)
	}
	strict := os.Geteuid() == 0 && os.Getenv(byPathSetting) == ""
	if strict && len(groupsOf(cmd.Process.Pid)) == 0 {
		t.Log("the victim has no control group")
	}
	if len(processesOf(api)) < 3 {
		t.Errorf("the victim's processes are %v: this test would see no survivor", processesOf(api))
	}
	if disks := len(loopDevices(dir)); strict && disks != 1 {
		t.Logf("the victim has %d loop devices", disks)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	eventually(t, "no survivor", func() bool { return len(processesOf(api)) == 0 })
	eventually(t, "no loop device", func() bool { return len(loopDevices(dir)) == 0 })
	if strict { // by path, the next one removes it
		eventually(t, "no control group", func() bool { return len(groupsOf(cmd.Process.Pid)) == 0 })
	}
	// The folders that it left are no obstacle to the next one, and are gone after it.
	fn := Function{Name: "next", Handler: "x", Runtime: "provided.al2023", Code: filepath.Join(dir, "code"), Timeout: patience}
	next, err := Start(t.Context(), fn, Options{Dir: filepath.Join(dir, "env"), byPath: os.Getenv(byPathSetting) != ""})
	if err != nil {
		t.Fatal(err)
	}
	if left := groupsOf(cmd.Process.Pid); len(left) > 0 {
		t.Errorf("control groups are left: %q", left)
	}
	if kept, err := os.ReadDir(next.TempDir()); err != nil || len(kept) > 0 {
		t.Errorf("/tmp of the next environment has %v (%v)", kept, err)
	}
	if err := next.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "env")); !os.IsNotExist(err) {
		t.Errorf("the working directory is left: %v", err)
	}
}

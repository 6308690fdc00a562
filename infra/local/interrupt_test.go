package main

import (
	"bufio"
	"fmt"
	"io"
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
)

const (
	// interruptBound is how long the demo may take to a moment of its story, and to end after Ctrl-C.
	interruptBound = 2 * time.Minute
	// promptBound is what a person at a terminal would call "at once".
	promptBound = 15 * time.Second
)

// TestDemoInterrupted sends SIGINT to a real demo at many moments of its story, and looks at what is left.
func TestDemoInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux tells which processes are left")
	}
	needMachine(t)
	binary := buildDemo(t)
	tests := []struct {
		name    string
		line    string // of the demo, after which
		process string // a process with this in its command line is waited for, if given
		signal  syscall.Signal
	}{
		{"before anything runs", "looking for", "", syscall.SIGINT},
		{"while the local AWS starts", "starting the local AWS", "ministack", syscall.SIGINT},
		{"during cdk bootstrap", "cdk bootstrap", "bootstrap", syscall.SIGINT},
		{"during cdk deploy, by kill", "cdk deploy", "deploy", syscall.SIGTERM},
		{"while the app is compiled", "compiling the app", "build", syscall.SIGINT},
		{"while the app's JavaScript runs", "cdk deploy", "jsii", syscall.SIGINT},
		{"while functions are read back", "reading the functions", "", syscall.SIGINT},
		{"while functions start, by a closed terminal", "sending a good order", "", syscall.SIGHUP},
		{"while an order is worked on", "answered", "", syscall.SIGINT},
		{"at the end", "stopping everything", "", syscall.SIGINT},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := childrenOf(os.Getpid())
			demo := startDemo(t, binary)
			demo.awaitLine(test.line)
			if test.process != "" {
				demo.awaitProcess(test.process)
			}
			sent := time.Now()
			if err := demo.command.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			code := demo.awaitEnd()
			if took := time.Since(sent); took > promptBound {
				t.Errorf("took %s to end", took)
			}
			// At the very end the demo may have been faster than the signal.
			if code != interrupted && (test.line != "stopping everything" || code != succeeded) {
				t.Errorf("exit code %d\n%s", code, demo.output())
			}
			demo.mustLeaveNothing(before)
		})
	}
}

// TestUpInterrupted is the same for `up`.
func TestUpInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux tells which processes are left")
	}
	needMachine(t)
	binary := buildDemo(t)
	app := newTestApp(t, map[string]any{"Patient": map[string]any{"code": patient}})
	tests := []struct {
		name, line, process string
		signal              syscall.Signal
		code                int
	}{
		{"while the app runs", "cdk deploy", "app.py", syscall.SIGINT, interrupted},
		{"while functions start", "starting a local Lambda", "", syscall.SIGTERM, interrupted},
		{"while a function works", "taken over", "", syscall.SIGHUP, succeeded},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := childrenOf(os.Getpid())
			up := startLocal(t, binary, testRuns(t), "up", "--app", app.dir)
			up.awaitLine(test.line)
			if test.process != "" {
				up.awaitProcess(test.process)
			}
			var working *exec.Cmd
			if test.code == succeeded {
				working = exec.Command(binary, "invoke", "--runs", up.runDir, "patient")
				if err := working.Start(); err != nil {
					t.Fatal(err)
				}
				up.awaitLog(binary, "function: waiting")
			}
			sent := time.Now()
			if err := up.command.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			code := up.awaitEnd()
			if took := time.Since(sent); took > promptBound {
				t.Errorf("took %s to end", took)
			}
			// A step that is quick may be over before the signal comes.
			if code != test.code && (test.code != interrupted || code != succeeded) {
				t.Errorf("exit code %d\n%s", code, up.output())
			}
			if working != nil {
				_ = working.Wait() // its invocation was broken off
			}
			up.mustLeaveNothing(before)
		})
	}
}

// demoProcess is a demo that runs as a person would run it, with its story read line by line.
type demoProcess struct {
	t       *testing.T
	command *exec.Cmd
	lines   chan string
	seen    []string
	runs    string // folder of its run's folder
	runDir  string
	ended   chan int
}

func buildDemo(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "local")
	build := exec.Command("go", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

func startDemo(t *testing.T, binary string, args ...string) *demoProcess {
	t.Helper()
	return startLocal(t, binary, testRuns(t), "demo", args...)
}

// startLocal starts a command that stays for a while.
func startLocal(t *testing.T, binary, runs, command string, args ...string) *demoProcess {
	t.Helper()
	d := &demoProcess{t: t, runs: runs, lines: make(chan string, 10_000), ended: make(chan int, 1)}
	before, _ := filepath.Glob(filepath.Join(d.runs, "run-*"))
	arguments := append([]string{command, "--runs", d.runs}, args...)
	if command == "up" {
		arguments = append(arguments, "--nearest") // which Python a machine has is no matter of these tests
	}
	d.command = exec.Command(binary, arguments...)
	reader, writer := io.Pipe()
	d.command.Stdout, d.command.Stderr = writer, writer
	// A group of its own: the signal is for the demo, not for us.
	d.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		scanner := bufio.NewScanner(reader)
		for scanner.Scan() {
			d.lines <- scanner.Text()
		}
		close(d.lines)
	}()
	go func() {
		_ = d.command.Wait()
		_ = writer.Close()
		d.ended <- d.command.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { _ = d.command.Process.Kill() })
	d.awaitLine("1/") // its folder is there when its first step begins
	folders, err := filepath.Glob(filepath.Join(d.runs, "run-*"))
	folders = slices.DeleteFunc(folders, func(folder string) bool { return slices.Contains(before, folder) })
	if err != nil || len(folders) != 1 {
		t.Fatalf("folders of runs: %v, %v", folders, err)
	}
	d.runDir = folders[0]
	return d
}

// testRuns is a folder for the runs of one test, in the checkout as a user's would be, but not among them.
func testRuns(t *testing.T) string {
	t.Helper()
	checkout, err := findCheckout()
	if err != nil {
		t.Fatal(err)
	}
	parent := filepath.Join(checkout, ".afterglow", "test")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	runs, err := os.MkdirTemp(parent, "runs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runs) })
	return runs
}

// mustLeaveNothing looks for processes and files of a demo that has ended. Its orphans are our children; before
// are those that we had already.
func (d *demoProcess) mustLeaveNothing(before []int) {
	d.t.Helper()
	if strings.Contains(d.output(), "ended a process that was left") {
		d.t.Errorf("needed the last resort:\n%s", d.output())
	}
	for _, pid := range childrenOf(os.Getpid()) {
		if !slices.Contains(before, pid) {
			d.t.Errorf("left: %s", commandLine(pid))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	for _, left := range processesWith(d.runDir) {
		d.t.Errorf("left: %s", left)
	}
	if _, err := os.Stat(d.runDir); !os.IsNotExist(err) {
		d.t.Errorf("left: %s", d.runDir)
	}
}

func (d *demoProcess) output() string { return strings.Join(d.seen, "\n") }

// awaitLine waits until a line of the story has the text; one that was read already counts.
func (d *demoProcess) awaitLine(text string) {
	d.t.Helper()
	for _, line := range d.seen {
		if strings.Contains(line, text) {
			return
		}
	}
	d.awaitNewLine(text)
}

// awaitNewLine waits for a line that was not read yet.
func (d *demoProcess) awaitNewLine(text string) {
	d.t.Helper()
	timeout := time.After(interruptBound)
	for {
		select {
		case line, open := <-d.lines:
			if !open {
				d.t.Fatalf("the demo ended before it said %q:\n%s", text, d.output())
			}
			d.seen = append(d.seen, line)
			if strings.Contains(line, text) {
				return
			}
		case <-timeout:
			d.t.Fatalf("the demo did not say %q within %s:\n%s", text, interruptBound, d.output())
		}
	}
}

// awaitProcess waits until a process below the demo has the text in its command line.
func (d *demoProcess) awaitProcess(text string) {
	d.t.Helper()
	for deadline := time.Now().Add(interruptBound); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, pid := range descendantsOf(d.command.Process.Pid) {
			if strings.Contains(commandLine(pid), text) {
				return
			}
		}
	}
	d.t.Fatalf("no process with %q below the demo:\n%s", text, d.output())
}

func (d *demoProcess) awaitEnd() int {
	d.t.Helper()
	timeout := time.After(interruptBound)
	for {
		select {
		case line, open := <-d.lines:
			if !open {
				return <-d.ended
			}
			d.seen = append(d.seen, line)
		case <-timeout:
			d.t.Fatalf("the demo did not end within %s:\n%s", interruptBound, d.output())
		}
	}
}

// childrenOf are the living processes whose parent is pid. Orphans of a demo become ours, because TestMain adopts.
func childrenOf(pid int) []int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var children []int
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil && commandLine(child) != "" {
				children = append(children, child)
			}
		}
	}
	return children
}

func descendantsOf(pid int) []int {
	var all []int
	for _, child := range childrenOf(pid) {
		all = append(all, child)
		all = append(all, descendantsOf(child)...)
	}
	return all
}

func commandLine(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
}

// processesWith are the processes, anybody's, that have a folder in their environment or mounts.
func processesWith(folder string) []string {
	var found []string
	for _, file := range []string{"environ", "mountinfo"} {
		paths, _ := filepath.Glob("/proc/[0-9]*/" + file)
		for _, path := range paths {
			if text, _ := os.ReadFile(path); strings.Contains(string(text), folder+"/") {
				found = append(found, path)
			}
		}
	}
	return found
}

// readUntil reads lines until one has the text.
func readUntil(r io.Reader, text string) bool {
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		if strings.Contains(scanner.Text(), text) {
			return true
		}
	}
	return false
}

// within waits for what may come, false if it does not.
func within(c <-chan bool, bound time.Duration) bool {
	select {
	case got := <-c:
		return got
	case <-time.After(bound):
		return false
	}
}

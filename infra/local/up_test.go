package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
)

// testApp is a copy of testdata/app with a state of its own.
type testApp struct {
	dir   string
	state map[string]any
}

func newTestApp(t *testing.T, state map[string]any) *testApp {
	t.Helper()
	a := &testApp{dir: t.TempDir(), state: state}
	if err := os.CopyFS(a.dir, os.DirFS(filepath.Join("testdata", "app"))); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_ARCHITECTURE", deployed.HostArchitecture())
	a.write(t, nil)
	return a
}

// write writes the state, changed.
func (a *testApp) write(t *testing.T, change map[string]any) {
	t.Helper()
	maps.Copy(a.state, change)
	maps.DeleteFunc(a.state, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(a.state)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.dir, "state.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// local runs a command of the binary to its end.
func (d *demoProcess) local(binary, stdin string, args ...string) (stdout, stderr string, code int) {
	d.t.Helper()
	command := exec.Command(binary, append([]string{args[0], "--runs", d.runDir}, args[1:]...)...)
	var out, errs bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

// url is the AWS endpoint that `up` has told.
func (d *demoProcess) url() string {
	d.t.Helper()
	found := regexp.MustCompile(`AWS_ENDPOINT_URL=(\S+)`).FindStringSubmatch(d.output())
	if found == nil {
		d.t.Fatalf("no endpoint was told:\n%s", d.output())
	}
	return found[1]
}

// awaitLog waits until a line of the functions' log has the text.
func (d *demoProcess) awaitLog(binary, text string) {
	d.t.Helper()
	follow := exec.Command(binary, "logs", "--runs", d.runDir, "-f")
	out, err := follow.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		d.t.Fatal(err)
	}
	found := make(chan bool, 1)
	go func() { found <- readUntil(out, text) }()
	if !within(found, interruptBound) {
		d.t.Errorf("no line has %q within %s", text, interruptBound)
	}
	_ = follow.Process.Signal(syscall.SIGINT)
	_ = follow.Wait()
}

func sendMessage(t *testing.T, endpoint, queue, body string) {
	t.Helper()
	response, err := directClient().PostForm(endpoint+"/000000000000/"+queue, url.Values{
		"Action": {"SendMessage"}, "Version": {"2012-11-05"}, "QueueUrl": {endpoint + "/000000000000/" + queue}, "MessageBody": {body}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		t.Fatalf("send a message: %s %s", response.Status, text)
	}
}

// Functions of the test app. patient answers once a bucket is there, so that a test says when.
const (
	greeter = `
import os
def handler(event, context):
    print("greeting", event)
    if event.get("boom"):
        raise ValueError("no greeting")
    if event.get("how"):
        return os.environ["GREETING"] + " " + os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
    return os.environ["GREETING"] + " " + event.get("name", "nobody")
`
	patient = `
import os, time, urllib.error, urllib.request
def handler(event, context):
    print("waiting")
    for _ in range(250):
        try:
            urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/go-on").read()
            return "first"
        except urllib.error.HTTPError:
            time.sleep(0.1)
    return "nobody said go on"
`
	consumer = `
import os
def handler(event, context):
    print(os.environ["ROUND"], "got", event["Records"][0]["body"], "in", os.environ["AWS_LAMBDA_FUNCTION_NAME"], os.path.exists("/var/task/index.py"))
`
)

// TestUp runs `up` as a person would, for an app in another language, and all the other commands beside it; then deploys again.
func TestUp(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	needMachine(t)
	other := "arm64"
	if deployed.HostArchitecture() == other {
		other = "x86_64"
	}
	app := newTestApp(t, map[string]any{
		"Greeter":  map[string]any{"code": greeter, "env": map[string]string{"GREETING": "hello"}},
		"Patient":  map[string]any{"code": patient},
		"Consumer": map[string]any{"code": consumer, "env": map[string]string{"ROUND": "one"}, "queue": "jobs"},
		"Leaving":  map[string]any{},
		"Foreign":  map[string]any{"properties": map[string]any{"Architectures": []string{other}}},
	})
	binary := buildDemo(t)
	before := childrenOf(os.Getpid())
	up := startLocal(t, binary, testRuns(t), "up", "--app", app.dir)
	up.awaitLine("taken over and said here")
	t.Run("a function that cannot run does not stop the others", func(t *testing.T) {
		if !strings.Contains(up.output(), "test-foreign does not run here: it is deployed for "+other) {
			t.Errorf("it is not told:\n%s", up.output())
		}
	})
	t.Run("invoke", func(t *testing.T) { testInvokeCommand(t, up, binary) })
	t.Run("logs", func(t *testing.T) {
		out, _, _ := up.local(binary, "", "logs", "greeter")
		if !strings.Contains(out, "test-greeter, function: greeting") || !strings.Contains(out, "test-greeter, platform: REPORT") {
			t.Errorf("got\n%s", out)
		}
	})
	t.Run("flow", func(t *testing.T) {
		if out, _, code := up.local(binary, "", "flow"); code != succeeded || !strings.Contains(out, "no such flow") {
			t.Errorf("got %d\n%s", code, out)
		}
	})
	t.Run("a trigger", func(t *testing.T) {
		sendMessage(t, up.url(), "jobs", "first-message")
		up.awaitLog(binary, "one got first-message in test-consumer True")
	})
	t.Run("deploy", func(t *testing.T) { testSecondDeploy(t, up, binary, app) })
	if err := up.command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := up.awaitEnd(); code != succeeded {
		t.Errorf("exit code %d\n%s", code, up.output())
	}
	if runtime.GOOS == "linux" {
		up.mustLeaveNothing(before)
	}
}

func testInvokeCommand(t *testing.T, up *demoProcess, binary string) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"name":"file"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, stdin string
		args        []string
		code        int
		stdout      string
		stderr      []string
	}{
		{"by logical id", "", []string{"Greeter", "--payload", `{"name":"you"}`}, succeeded, "\"hello you\"\n", []string{"test-greeter answered after", "REPORT RequestId"}},
		{"by a part, with a file", "", []string{"greet", "-e", event}, succeeded, "\"hello file\"\n", nil},
		{"from stdin, by ARN", `{"name":"pipe"}`, []string{"arn:aws:lambda:us-east-1:000000000000:function:test-greeter", "-e", "-"}, succeeded, "\"hello pipe\"\n", nil},
		{"without an event", "", []string{"greet"}, succeeded, "\"hello nobody\"\n", nil},
		{"with the log", "", []string{"greet", "--log"}, succeeded, "\"hello nobody\"\n", []string{"START RequestId", "greeting {}", "REPORT RequestId"}},
		{"an error", "", []string{"greet", "--payload", `{"boom":1}`}, failed, "", []string{"test-greeter failed (Unhandled): ValueError: no greeting"}},
		{"later", "", []string{"greet", "--async"}, succeeded, "", []string{"was handed over"}},
		{"nobody", "", []string{"ghost"}, failed, "", []string{`no function "ghost"`, "test-patient"}},
		{"one that cannot run here", "", []string{"foreign"}, failed, "", []string{"InvalidRuntimeException", "deployed for"}},
		{"an event that is no JSON", "", []string{"greet", "--payload", "{"}, failed, "", []string{"InvalidRequestContentException"}},
		{"two events", "", []string{"greet", "--payload", "{}", "-e", "-"}, misused, "", []string{"not both"}},
		{"no function", "", nil, misused, "", []string{"one FUNCTION"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := up.local(binary, test.stdin, append([]string{"invoke"}, test.args...)...)
			if code != test.code || test.stdout != "" && stdout != test.stdout {
				t.Errorf("exit code %d, stdout %q, stderr\n%s", code, stdout, stderr)
			}
			for _, want := range test.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr lacks %q:\n%s", want, stderr)
				}
			}
		})
	}
}

// testSecondDeploy changes everything that can change while an invocation runs, and deploys with `deploy`, which is a real
// `cdk deploy`.
func testSecondDeploy(t *testing.T, up *demoProcess, binary string, app *testApp) {
	answered := make(chan string, 1)
	go func() {
		stdout, stderr, _ := up.local(binary, "", "invoke", "patient")
		answered <- stdout + stderr
	}()
	up.awaitLog(binary, "test-patient, function: waiting")
	app.write(t, map[string]any{
		"Greeter":  map[string]any{"code": greeter, "env": map[string]string{"GREETING": "welcome"}},
		"Patient":  map[string]any{"code": `def handler(event, context): return "second"`},
		"Consumer": map[string]any{"code": consumer, "env": map[string]string{"ROUND": "two"}, "queue": "jobs"},
		"Coming":   map[string]any{"code": `def handler(event, context): return "new here"`},
		"Leaving":  nil,
	})
	if out, stderr, code := up.local(binary, "", "deploy"); code != succeeded {
		t.Fatalf("deploy: exit code %d\n%s%s", code, out, stderr)
	}
	for _, line := range []string{"test-patient: new code", "test-greeter: new configuration", "test-consumer: new configuration", "new function test-coming", "removed function test-leaving"} {
		up.awaitLine(line)
	}
	if out, stderr, _ := up.local(binary, "", "invoke", "patient"); out != "\"second\"\n" {
		t.Errorf("the new code answers %q\n%s", out, stderr)
	}
	select {
	case answer := <-answered:
		t.Errorf("the invocation that was running ended: %s", answer)
	default:
	}
	request, err := http.NewRequest(http.MethodPut, up.url()+"/go-on", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := directClient().Do(request); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("make the bucket: %v, %v", response, err)
	}
	if answer := <-answered; !strings.HasPrefix(answer, "\"first\"\n") {
		t.Errorf("the invocation that was running got %s", answer)
	}
	for function, want := range map[string]string{"greeter": "\"welcome nobody\"\n", "coming": "\"new here\"\n"} {
		if out, stderr, _ := up.local(binary, "", "invoke", function); out != want {
			t.Errorf("%s answers %q\n%s", function, out, stderr)
		}
	}
	if _, stderr, code := up.local(binary, "", "invoke", "leaving"); code != failed {
		t.Errorf("a removed function answers\n%s", stderr)
	}
	sendMessage(t, up.url(), "jobs", "second-message")
	up.awaitLog(binary, "two got second-message in test-consumer True")
}

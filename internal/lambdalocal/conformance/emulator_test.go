package conformance

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// checkout is this repository, seen from this package.
const checkout = "../../.."

// lacking skips a test for want of something that this machine does not have; in CI it fails.
func lacking(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, and CI runs everything: %v", what, err)
	}
	t.Skipf("SKIPPED, %s is missing: %v", what, err)
}

// emulator finds or installs AWS's Runtime Interface Emulator.
func emulator(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: AWS's Runtime Interface Emulator runs on Linux only")
	}
	machine, err := tools.Look(t.Context())
	if err != nil {
		lacking(t, "what AWS's Runtime Interface Emulator is fetched with", err)
	}
	binary, err := tools.RIE(t.Context(), machine, toolsFolder(t), testWriter{t})
	if err != nil {
		lacking(t, "AWS's Runtime Interface Emulator", err)
	}
	if err := canEnter(); err != nil {
		lacking(t, "a mount namespace for AWS's Runtime Interface Emulator", err)
	}
	return binary
}

func toolsFolder(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(checkout)
	if err != nil {
		t.Fatal(err)
	}
	return cloud.ToolsFolder(folder)
}

// testWriter shows what an installation says.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// emulatorRun is a rule on AWS's emulator.
type emulatorRun struct {
	process *enteredProcess
	url     string
	tmp     string
	output  *output
}

func startEmulator(t *testing.T, r rule, binary string) *emulatorRun {
	t.Helper()
	return startEmulatorOn(t, newStage(t, r), r.timeout, binary)
}

// startEmulatorOn runs whatever is on a stage.
func startEmulatorOn(t *testing.T, s stage, timeout time.Duration, binary string) *emulatorRun {
	t.Helper()
	p := &emulatorRun{tmp: t.TempDir(), output: &output{}}
	link(t, binary, filepath.Join(s.opt, "aws-lambda-rie"))
	api, front := freePort(t), freePort(t)
	p.url = "http://" + front + "/2015-03-31/functions/function/invocations"
	if timeout == 0 {
		timeout = patience
	}
	env := []string{
		"PATH=/usr/bin:/bin", "AWS_LAMBDA_FUNCTION_NAME=" + functionName, "AWS_LAMBDA_FUNCTION_HANDLER=" + handler,
		"AWS_LAMBDA_FUNCTION_TIMEOUT=" + strconv.Itoa(int(timeout.Seconds())),
	}
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	argv := []string{
		"/opt/aws-lambda-rie", "--log-level", "debug", "--runtime-api-address", api,
		"--runtime-interface-emulator-address", front, "/opt/" + runtimeActor,
	}
	var err error
	if p.process, err = startEntered([]bind{{s.opt, "/opt"}, {p.tmp, "/tmp"}}, argv, env, p.output); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.process.kill)
	p.waitFor(t, front)
	p.waitFor(t, api) // it takes invocations before it serves those that it starts
	return p
}

// waitFor waits until the emulator listens at an address.
func (p *emulatorRun) waitFor(t *testing.T, address string) {
	t.Helper()
	dialer := net.Dialer{Timeout: patience}
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if p.process.ended() || time.Now().After(end) {
			t.Fatalf("the emulator does not listen: %v\n%s", err, strings.Join(p.log(), "\n"))
		}
	}
}

// Ports that no system gives to outgoing connections of its own accord: one that is free stays so.
const firstPort, lastPort = 20000, 32000

// handedOut are the addresses that another test has got, and may not listen on yet.
var handedOut sync.Map

// freePort is an address that nobody listens on just now.
func freePort(t *testing.T) string {
	t.Helper()
	var err error
	for range 100 {
		var l net.Listener
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))
		if _, taken := handedOut.LoadOrStore(address, true); taken {
			continue
		}
		if l, err = net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatalf("no free port between %d and %d: %v", firstPort, lastPort, err)
	return ""
}

// link places a file without copying it where that is possible.
func link(t *testing.T, from, to string) {
	t.Helper()
	if os.Link(from, to) == nil {
		return
	}
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(content), 0o755)
}

func (p *emulatorRun) invoke(t *testing.T, in invocation) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience+5*time.Second) // patience is also the function's timeout
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(in.payload))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amzn-Trace-Id", traceHeader)
	if in.clientContext != "" {
		req.Header.Set("X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(in.clientContext)))
	}
	if in.tenant != "" {
		req.Header.Set("X-Amz-Tenant-Id", in.tenant)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "no answer"
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "broken answer"
	}
	switch res.StatusCode {
	case http.StatusOK:
		return "answer " + string(body)
	case http.StatusBadGateway: // its word for X-Amz-Function-Error
		return strings.TrimSpace("Unhandled " + string(body))
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", res.StatusCode, body))
}

// shutdown is a SIGTERM: the emulator then shuts its environment down and exits.
func (p *emulatorRun) shutdown(t *testing.T) {
	t.Helper()
	if err := p.process.terminate(patience); err != nil {
		t.Errorf("end the emulator: %v", err)
	}
}

func (p *emulatorRun) trace() string { return filepath.Join(p.tmp, "trace") }

func (p *emulatorRun) log() []string { return p.output.lines() }

// output keeps what a process writes.
type output struct {
	mu   sync.Mutex
	text []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	return len(p), nil
}

func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Split(string(o.text), "\n")
}

// bind is a folder and the place where it is to be seen.
type bind struct{ Folder, Place string }

// errNoNamespaces is why the emulator cannot be run.
var errNoNamespaces = errors.New("no namespaces here")

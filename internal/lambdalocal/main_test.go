package lambdalocal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// patience bounds every wait of these tests: what has not come by then will not come.
const patience = 20 * time.Second

// TestMain builds the probe, which is every extension and every provided runtime in these tests.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if dir := os.Getenv(victimDir); dir != "" {
		return victim(dir)
	}
	if os.Getenv(probePath) != "" { // run by another test, as another user
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "lambdalocal-probe-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build probe: %v\n%s", err, out)
		return 1
	}
	os.Setenv(probePath, filepath.Join(dir, "probe"))
	return m.Run()
}

// probePath names the variable with the path of the probe.
const probePath = "LAMBDALOCAL_TEST_PROBE"

// byPathSetting names the variable that makes these tests use no namespaces.
const byPathSetting = "LAMBDALOCAL_TEST_BY_PATH"

// recorder keeps an environment's log.
type recorder struct {
	mu    sync.Mutex
	lines []Line
	grew  chan struct{}
}

func newRecorder() *recorder { return &recorder{grew: make(chan struct{})} }

func (r *recorder) log(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, l)
	close(r.grew)
	r.grew = make(chan struct{})
}

// texts are the lines so far of one source, or of all.
func (r *recorder) texts(source Source) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, l := range r.lines {
		if source == "" || l.Source == source {
			out = append(out, l.Text)
		}
	}
	return out
}

// wait returns the first line that contains part.
func (r *recorder) wait(t *testing.T, part string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		grew := r.grew
		for _, l := range r.lines {
			if strings.Contains(l.Text, part) {
				r.mu.Unlock()
				return l.Text
			}
		}
		r.mu.Unlock()
		select {
		case <-grew:
		case <-timeout:
			t.Fatalf("no line with %q came; the log is\n%s", part, strings.Join(r.texts(""), "\n"))
		}
	}
}

func (r *recorder) has(part string) bool {
	for _, text := range r.texts("") {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// lambda describes a function of these tests: the probe as its runtime and as its extensions.
type lambda struct {
	bootstrap  string            // script of the runtime; "" answers every event with itself
	extensions map[string]string // scripts of the extensions by name; "" loops
	env        map[string]string
	timeout    time.Duration
	change     func(*Function, *Options)
}

// make lays the files out.
func (l lambda) make(t testing.TB) (Function, Options, *recorder) {
	t.Helper()
	fn := Function{
		Name: "probe", Handler: "app.handler", Runtime: "provided.al2023", Code: t.TempDir(),
		Env: map[string]string{}, Timeout: l.timeout, Account: "123456789012", Region: "eu-west-1",
	}
	if fn.Timeout == 0 {
		fn.Timeout = patience
	}
	placeProbe(t, filepath.Join(fn.Code, "bootstrap"))
	if l.bootstrap != "" {
		fn.Env["SCRIPT_BOOTSTRAP"] = l.bootstrap
	}
	if l.extensions != nil {
		layer := t.TempDir()
		for name, script := range l.extensions {
			placeProbe(t, filepath.Join(layer, "extensions", name))
			if script != "" {
				fn.Env["SCRIPT_"+strings.ToUpper(name)] = script
			}
		}
		fn.Layers = []string{layer}
	}
	merge(fn.Env, l.env)
	log := newRecorder()
	opt := Options{Dir: filepath.Join(t.TempDir(), "env"), Log: log.log, byPath: os.Getenv(byPathSetting) != "", allCPU: true}
	if l.change != nil {
		l.change(&fn, &opt)
	}
	return fn, opt, log
}

// start starts it and sees to its end.
func (l lambda) start(t *testing.T) (*Environment, *recorder) {
	t.Helper()
	fn, opt, log := l.make(t)
	e, err := Start(t.Context(), fn, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", strings.Join(log.texts(""), "\n"))
		}
	})
	return e, log
}

// needGroup skips a test where this user has no control groups.
func needGroup(t *testing.T, l *limits) {
	t.Helper()
	if l.group != nil && len(l.group.Missing()) == 0 {
		return
	}
	if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
		t.Fatalf("there are no control groups: %q", l.left)
	}
	t.Skipf("SKIPPED: there are no control groups: %q", l.left)
}

func placeProbe(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(os.Getenv(probePath), path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// invoke invokes and waits for the end of the phase.
func invoke(t *testing.T, e *Environment, payload string) (Result, Report) {
	t.Helper()
	r := invokeFor(t, e, Invocation{Payload: []byte(payload), LogTail: true})
	if err := e.Idle(t.Context()); err != nil {
		t.Fatalf("idle: %v", err)
	}
	return r, e.LastReport()
}

// invokeOnly invokes and waits for the answer.
func invokeOnly(t *testing.T, e *Environment, payload string) Result {
	t.Helper()
	return invokeFor(t, e, Invocation{Payload: []byte(payload)})
}

func invokeFor(t *testing.T, e *Environment, in Invocation) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := e.Invoke(ctx, in)
	if err != nil {
		t.Fatalf("invoke: %v", err)
	}
	return r
}

// events keeps an environment's telemetry as it is emitted, without the log lines of runtime and extensions.
type events struct {
	mu  sync.Mutex
	all []telemetry.Event
}

func (e *events) watch(event telemetry.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if event.Type != telemetry.TypeFunction && event.Type != telemetry.TypeExtension {
		e.all = append(e.all, event)
	}
}

// since are the events from a position on.
func (e *events) since(start int) []telemetry.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all[start:])
}

func (e *events) count() int { return len(e.since(0)) }

// eventually waits for something that nothing announces.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come true", what)
		}
	}
}

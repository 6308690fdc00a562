package conformance

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait of these tests: what has not come by then will not come.
const patience = 30 * time.Second

// logPatience is the same for lines that were written before.
const logPatience = 5 * time.Second

// The names of a function that both platforms can have: the emulator's are fixed.
const (
	functionName = "conform"
	functionARN  = "arn:aws:lambda:us-east-1:012345678912:function:" + functionName
	handler      = "app.handler"
	traceHeader  = "Root=1-5f35ae12-0c0fec141ab77a00bc047aa2;Parent=2be948a625588e32;Sampled=1"
)

// actorBinary is where TestMain has built testdata/actor.
const actorBinary = "CONFORMANCE_ACTOR"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(enterSetting) != "" {
		return enter()
	}
	if os.Getenv(actorBinary) != "" { // run by hand, as a user who cannot build
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "conformance-actor-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "actor"), "./testdata/actor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build actor: %v\n%s", err, out)
		return 1
	}
	os.Setenv(actorBinary, filepath.Join(dir, "actor"))
	return m.Run()
}

// platform runs the actors of a rule.
type platform interface {
	// invoke waits for the end of the whole phase and tells what the caller got.
	invoke(t *testing.T, in invocation) string
	// shutdown ends the environment as Lambda would.
	shutdown(t *testing.T)
	// trace is the path of the actors' file.
	trace() string
	log() []string
}

// stage is a rule's files: what becomes /opt and, inside it, scripts and runtime.
type stage struct {
	opt string
	env map[string]string
}

// newStage lays a rule's files out.
func newStage(t *testing.T, r rule) stage {
	t.Helper()
	s := stage{opt: t.TempDir(), env: map[string]string{
		"ACTOR_SCRIPTS": "/opt/scripts", "ACTOR_TRACE": "/tmp/trace", "ACTOR_END": "/tmp/end",
	}}
	scripts := map[string]string{runtimeActor: "serve"}
	maps.Copy(scripts, r.actors)
	for name, script := range scripts {
		path := filepath.Join(s.opt, "extensions", name)
		if name == runtimeActor {
			path = filepath.Join(s.opt, name)
		}
		placeActor(t, path)
		write(t, filepath.Join(s.opt, "scripts", name), script, 0o644)
	}
	if r.place != nil {
		if err := r.place(s.opt); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func placeActor(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(os.Getenv(actorBinary))
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(content), 0o755)
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), mode))
	if err != nil {
		t.Fatal(err)
	}
}

func TestRules(t *testing.T) {
	t.Run("lambdalocal", func(t *testing.T) {
		for _, r := range rules() {
			t.Run(r.id, func(t *testing.T) {
				t.Parallel()
				if err := perform(t, r, startLambda(t, r)); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("RIE", func(t *testing.T) {
		binary := emulator(t)
		for _, r := range rules() {
			t.Run(r.id, func(t *testing.T) {
				if r.rie.cannot != "" {
					t.Skip("not implemented there: " + r.rie.cannot)
				}
				t.Parallel()
				if err := performOnEmulator(t, r, binary); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// racesAllowed is how often a rule is run anew because the emulator has lost a race with itself.
const racesAllowed = 5

// performOnEmulator runs a rule anew where the emulator is wrong by a race of its own: when a process ends in
// a reset, it tells so twice, and if the reset is over in between, the second time cancels the next init
// (RIE rapid/handlers.go watchEvents), which then fails with ErrGateCanceled.
func performOnEmulator(t *testing.T, r rule, binary string) (err error) {
	t.Helper()
	for range racesAllowed {
		p := startEmulator(t, r, binary)
		if err = perform(t, r, p); err == nil || !says(p, "ErrGateCanceled") {
			return err
		}
		t.Log("once more: the emulator has cancelled its own init")
	}
	return err
}

// perform runs a rule and tells how it was not as the rule wants.
func perform(t *testing.T, r rule, p platform) error {
	t.Helper()
	var callers []record
	for _, in := range r.invoke {
		callers = append(callers, record{callerActor, 0, normal(p.invoke(t, in))})
	}
	var err error
	if r.shutdown {
		start := time.Now()
		p.shutdown(t)
		if took := time.Since(start); took < r.lasts {
			err = fmt.Errorf("the shutdown took %v", took)
		}
	}
	records := append(readTrace(t, p.trace()), callers...)
	wanted, log := parseWant(r.want), r.log
	if _, ok := p.(*emulatorRun); ok {
		maps.Copy(wanted, parseWant(r.rie.want))
		log = r.rie.log
	}
	err = errors.Join(err, compare(wanted, records), hasLines(log, p))
	for _, order := range r.order {
		err = errors.Join(err, inOrder(order, records))
	}
	if err == nil {
		return nil
	}
	var all strings.Builder
	for _, rec := range records {
		fmt.Fprintf(&all, "%s[%d]: %s\n", rec.Actor, rec.Pid, rec.Line)
	}
	return fmt.Errorf("%s (%s)\n%w\nall that came:\n%slog:\n%s", r.text, r.source, err, all.String(), strings.Join(p.log(), "\n"))
}

// hasLines waits for lines of the log: a process's output takes a moment to come here.
func hasLines(want []string, p platform) error {
	for end := time.Now().Add(logPatience); ; time.Sleep(5 * time.Millisecond) {
		var errs []error
		all := normal(strings.Join(p.log(), "\n"))
		for _, line := range want {
			if !strings.Contains(all, line) {
				errs = append(errs, fmt.Errorf("the log has no %q", line))
			}
		}
		if len(errs) == 0 || time.Now().After(end) {
			return errors.Join(errs...)
		}
	}
}

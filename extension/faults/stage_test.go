package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// What rows use of the hooks' and the extension's places.
const (
	spoolDir = "/tmp/afterglow"

	python = "python3.13"
	node   = "nodejs22.x"

	// long is a timeout of functions that none of them should ever get near to, on however busy a machine.
	long = 30 * time.Second
	// wholeCPU is the memory that brings one core.
	wholeCPU = 1769
)

// A step is one thing that the function does: a name of testdata's functions and its arguments.
type step []any

// Steps that most rows use. A call is two records of the hook's.
func get(path string) step            { return step{"get", path} }
func post(path string, size int) step { return step{"post", path, size} }

// A setting is how a row's function is set up.
type setting struct {
	runtime  string // python, if it is ""
	unhooked bool   // no hook: the row writes the spool itself
	env      map[string]string
	endpoint string            // of the collector; "" for the stage's own
	files    map[string][]byte // below /var/task
	timeout  time.Duration     // long, if it is 0
	memory   int               // wholeCPU, if it is 0
	options  func(*lambdalocal.Options)
	between  *between // stands between the extension and Lambda
	first    string   // what a shell does before it becomes the extension, if there is no between
}

// A stage is one environment with Afterglow, and its collector.
type stage struct {
	*testing.T
	world     *world
	set       setting
	collector *otlptest.Receiver
	env       *lambdalocal.Environment
	fn        lambdalocal.Function

	calls   []call // made of the function, in their order
	records int    // that the hooks made, but for those of files that the row wrote
	open    int    // spans that have one of them

	mu      sync.Mutex
	lines   []lambdalocal.Line
	ends    []lambdalocal.ExtensionEnd
	reports []lambdalocal.Report
	closed  bool
}

// A call is one invocation of the function and what its caller got.
type call struct {
	event  string
	result outcome
}

// An outcome is what the world sees of an invocation.
type outcome struct {
	Payload, Error, ErrorType, Status string
}

// newStage starts the collector; begin starts the environment.
func newStage(t *testing.T, w *world, set setting) *stage {
	t.Helper()
	s := &stage{T: t, world: w, set: set}
	s.collector = s.receive(otlptest.Options{})
	return s
}

// receive starts a collector that is closed at the end and whose violations of the protocol are the extension's.
func (s *stage) receive(o otlptest.Options) *otlptest.Receiver {
	s.Helper()
	r, err := otlptest.Start(o)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := r.Close(); err != nil {
			s.Errorf("close collector: %v", err)
		}
		violations := r.Violations()
		for _, v := range violations[:min(len(violations), 5)] {
			s.Errorf("violation of the protocol, the first of %d: %s", len(violations), v)
		}
	})
	return r
}

// begin starts the environment.
func (s *stage) begin() {
	s.Helper()
	fn, opt := s.world.function(s.T, s.set)
	fn.Layers = []string{s.world.layer}
	if s.set.endpoint == "" {
		s.set.endpoint = s.collector.URL()
	}
	fn.Env["OTEL_EXPORTER_OTLP_ENDPOINT"] = s.set.endpoint
	if !s.set.unhooked {
		fn.Env["AWS_LAMBDA_EXEC_WRAPPER"] = "/opt/afterglow/exec-wrapper"
	}
	for name, value := range s.set.env {
		if value == unset {
			delete(fn.Env, name)
			continue
		}
		fn.Env[name] = value
	}
	if s.set.between != nil {
		fn.Layers = append(fn.Layers, s.set.between.layer(s.T, s.world.layer))
	}
	if s.set.first != "" {
		fn.Layers = append(fn.Layers, after(s.T, s.world.layer, s.set.first))
	}
	opt.Log = s.log
	opt.ExtensionEnded = s.ended
	opt.Report = s.report
	var err error
	if s.env, err = lambdalocal.Start(s.Context(), fn, opt); err != nil {
		s.Fatal(err)
	}
	s.fn = fn
	s.Cleanup(s.end)
}

// unset as the value of a variable takes it away.
const unset = "\x00"

// function gives the function of a setting, without Afterglow.
func (w *world) function(t *testing.T, set setting) (lambdalocal.Function, lambdalocal.Options) {
	t.Helper()
	fn := lambdalocal.Function{
		Name: "faults", Runtime: set.runtime, Handler: "app.handler", MemoryMB: set.memory, Timeout: set.timeout, Account: "123456789012", Region: "eu-central-1",
		Env: map[string]string{"PEER": w.peer},
	}
	if fn.Runtime == "" {
		fn.Runtime = python
	}
	if fn.MemoryMB == 0 {
		fn.MemoryMB = wholeCPU
	}
	if fn.Timeout == 0 {
		fn.Timeout = long
	}
	fn.Code = code(t, fn.Runtime, set.files)
	opt := lambdalocal.Options{Dir: filepath.Join(t.TempDir(), "environment"), Runtime: w.runtime(t, fn.Runtime), BoostInit: true}
	if set.options != nil {
		set.options(&opt)
	}
	return fn, opt
}

func (s *stage) log(l lambdalocal.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, l)
	if s.set.between != nil {
		s.set.between.heard(l)
	}
}

func (s *stage) ended(e lambdalocal.ExtensionEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, e)
}

func (s *stage) report(r lambdalocal.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, r)
}

// said gives the lines of one source so far.
func (s *stage) said(source lambdalocal.Source) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	for _, l := range s.lines {
		if l.Source == source {
			texts = append(texts, l.Text)
		}
	}
	return texts
}

// invoke has the function do something and waits until everybody is done with it.
func (s *stage) invoke(steps ...step) {
	s.Helper()
	records, open := recordsOf(steps)
	s.records, s.open = s.records+records, s.open+open // without a hook, the row's own files say as much of the invocation itself
	event := eventOf(len(s.calls), steps)
	result := invoke(s.T, s.env, len(s.calls), event)
	s.calls = append(s.calls, call{event, result})
}

// busy invokes the function so many times, with two calls each.
func (s *stage) busy(times int) {
	s.Helper()
	for range times {
		s.invoke(get("/a"), post("/b", 100))
	}
}

// end ends the environment as Lambda does.
func (s *stage) end() {
	s.Helper()
	if s.closed {
		return
	}
	s.closed = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), patience)
	defer cancel()
	if err := s.env.Close(ctx); err != nil {
		s.Errorf("close environment: %v", err)
	}
	if s.Failed() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range s.lines {
			s.Logf("%s %s %s: %s", l.Time.Format("05.000"), l.Source, l.Name, l.Text)
		}
	}
}

func eventOf(n int, steps []step) string {
	event, err := json.Marshal(map[string]any{"n": n, "do": append([]step{}, steps...)})
	if err != nil {
		panic(err) // steps are texts and numbers
	}
	return string(event)
}

// requestID is that of the n-th invocation of an environment.
func requestID(n int) string { return fmt.Sprintf("6d68ca91-49c9-448d-89b8-%012d", n) }

// invoke runs one invocation to the end of its phase.
func invoke(t *testing.T, env *lambdalocal.Environment, n int, event string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	result, err := env.Invoke(ctx, lambdalocal.Invocation{
		RequestID: requestID(n), Payload: []byte(event), TraceHeader: fmt.Sprintf("Root=1-5759e988-%024x;Parent=53995c3f42cd8ad8;Sampled=0", n+1),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Idle(ctx); err != nil {
		t.Fatal(err)
	}
	return outcome{string(result.Payload), result.FunctionError, result.ErrorType, env.LastReport().Status}
}

// A plainRun is the same function without Afterglow, and what its callers got.
type plainRun struct {
	once    sync.Once
	results []outcome
}

// check asserts what holds whatever was broken, but for the accounts.
func (s *stage) check() {
	s.Helper()
	want := s.world.without(s.T, s.set, s.calls)
	resets := 0
	for n, c := range s.calls {
		if c.result != want[n] {
			s.Errorf("invocation %d gave\n%+v, without Afterglow\n%+v", n, c.result, want[n])
		}
		if want[n].Status != "success" {
			resets++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ends) != resets+1 {
		s.Errorf("the extension ended %d times, where the function would have been ended %d times: %+v", len(s.ends), resets+1, s.ends)
	}
	for _, e := range s.ends {
		if !e.InTime || e.Status != "exit status 0" {
			s.Errorf("the extension left like this: %+v", e)
		}
	}
}

// without runs the same events without Afterglow, once for all rows that have the same.
func (w *world) without(t *testing.T, set setting, calls []call) []outcome {
	t.Helper()
	events := make([]string, len(calls))
	for n, c := range calls {
		events[n] = c.event
	}
	key := fmt.Sprint(set.runtime, set.timeout, set.memory, len(set.files), strings.Join(events, "\n"))
	w.mu.Lock()
	p := w.plain[key]
	if p == nil {
		p = &plainRun{}
		w.plain[key] = p
	}
	w.mu.Unlock()
	p.once.Do(func() {
		fn, opt := w.function(t, setting{runtime: set.runtime, timeout: set.timeout, memory: set.memory, files: maps.Clone(set.files)})
		env, err := lambdalocal.Start(t.Context(), fn, opt)
		if err != nil {
			t.Fatal(err)
		}
		for n, event := range events {
			p.results = append(p.results, invoke(t, env, n, event))
		}
		if err := env.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if len(p.results) != len(calls) {
		t.Fatal("the function without Afterglow has not answered")
	}
	return p.results
}

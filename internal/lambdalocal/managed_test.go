package lambdalocal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// onInstances makes a function one of managed instances.
func onInstances(concurrency int) func(*Function, *Options) {
	return func(f *Function, _ *Options) { f.InitType, f.MaxConcurrency = ManagedInstances, concurrency }
}

// newManagedRig is an API rig of a managed instance.
func newManagedRig(t *testing.T, external ...string) *apiRig {
	return newAPIRigOf(t, Function{Name: "orders", InitType: ManagedInstances}, external...)
}

// Sources: LMIENV; RIE-LMI rapi/handler/agentregister.go, core/externalagent.go, rapid/model/customer_error.go.
func TestManagedExtensionsAPI(t *testing.T) {
	for _, c := range []struct {
		name, extension, body string
		status                int
		message               string
	}{
		{"external for SHUTDOWN", "ext", `{"events":["SHUTDOWN"]}`, 200, ""},
		{"external for nothing", "ext", `{}`, 200, ""},
		{"external for INVOKE", "ext", `{"events":["SHUTDOWN","INVOKE"]}`, 403, "INVOKE: ErrorInvalidEventType"},
		{"internal for nothing", "other", `{"events":[]}`, 200, ""},
		{"internal for INVOKE", "other", `{"events":["INVOKE"]}`, 403, "No events allowed for internal extensions"},
		{"internal for SHUTDOWN", "other", `{"events":["SHUTDOWN"]}`, 403, "No events allowed for internal extensions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := newManagedRig(t, "ext").register(c.extension, c.body)
			if got.status != c.status || got.message != c.message || (got.errorType == "Extension.InvalidEventType") != (c.status == 403) {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	for _, c := range []struct{ name, path, given, want string }{
		{"init/error", initErrorPath, "Extension.BadConfig", "Extension.BadConfig"},
		{"init/error of another form", initErrorPath, "bad", "Extension.InitError"},
		{"exit/error of another form", exitErrorPath, "Extension.bad", "Extension.ExitError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newManagedRig(t, "ext")
			id := r.mustRegister("ext", `{}`)
			if got := r.reportError(c.path, id, c.given); got.status != 202 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			r.g.fail(failure{errorType: "Extension.Crash"})
			if x := r.g.extensions[0]; x.errorType != c.want || r.g.failure.errorType != c.want {
				t.Errorf("extension has %s, failure %s, want %s", x.errorType, r.g.failure.errorType, c.want)
			}
		})
	}
}

// Sources: RIE-LMI invoke/invoke_router.go, rapi/handler/invocationresponse.go, rapi/router.go: every event has a
// state of its own.
func TestManagedRuntimeAPI(t *testing.T) {
	r := newManagedRig(t)
	path := func(id, what string) string { return "/2018-06-01/runtime/invocation/" + id + "/" + what }
	in := map[string]*invocation{}
	for _, id := range []string{"one", "two", "late"} {
		in[id] = &invocation{Invocation: Invocation{RequestID: id, Payload: []byte(id)}}
		r.g.update(func() { r.g.dispatch(in[id], time.Now()) })
		got := r.do("GET", "/2018-06-01/runtime/invocation/next", "")
		if got.header.Get("Lambda-Runtime-Aws-Request-Id") != id || len(got.header["Lambda-Runtime-Client-Context"]) != 1 {
			t.Fatalf("next gave %v", got.header)
		}
	}
	r.g.update(func() {
		r.g.release(in["late"])
		r.g.expired["late"] = true
	})
	for _, c := range []struct {
		id, what, body string
		status         int
		errorType      string
	}{
		{"two", "response", "2", 202, ""},
		{"two", "response", "2", 400, "InvalidRequestID"},
		{"two", "error", "2", 400, "InvalidRequestID"},
		{"one", "error", strings.Repeat("x", maxManagedError+1), 413, "RequestEntityTooLarge"},
		{"one", "error", "1", 202, ""},
		{"one", "response", "1", 400, "InvalidRequestID"},
		{"late", "response", "3", 410, "InvokeTimeout"},
		{"late", "response", "3", 400, "InvalidRequestID"},
		{"three", "response", "3", 400, "InvalidRequestID"},
	} {
		if got := r.do("POST", path(c.id, c.what), c.body); got.status != c.status || got.errorType != c.errorType {
			t.Errorf("%s of %s: got %d %s", c.what, c.id, got.status, got.body)
		}
	}
	if one, two := in["one"].response, in["two"].response; string(one.payload) != "1" || one.functionError == "" || string(two.payload) != "2" {
		t.Errorf("responses are %+v, %+v", one, two)
	}
}

// Source: RIE-LMI invoke/running_invoke.go sendRuntimeResponse: an error that comes while a response is on its
// way is what the invocation ends with.
func TestManagedErrorBreaksAStream(t *testing.T) {
	e, log := lambda{bootstrap: "crew=2", change: onInstances(2)}.start(t)
	c := &caller{wrote: func(string) error { return os.WriteFile(filepath.Join(e.TempDir(), "had"), nil, 0o644) }}
	r := invokeStream(t, e, c, `{"do":"open=text/plain piece=half until=/tmp/had error=Function.Bad piece=late close"}`)
	if c.text() != "half" || r.ErrorType != "Function.Bad" || string(r.Payload) != `{"errorMessage":"told"}` {
		t.Errorf("the caller had %q, result %+v %s", c.pieces, r, r.Payload)
	}
	log.wait(t, "response 500 ")
	if r, _ := invoke(t, e, `{"n":2}`); r.FunctionError != "" {
		t.Errorf("answer is %s", r.Payload)
	}
}

// What the runtime writes after it told an error, or after the time was over, reaches no caller, however long that one goes on listening.
func TestManagedStreamEndsWithItsInvocation(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(r *apiRig, in *invocation)
		late int // status that the response is answered with
	}{
		{"an error is told", func(r *apiRig, in *invocation) {
			if got := r.do("POST", "/2018-06-01/runtime/invocation/"+in.RequestID+"/error", `{}`); got.status != 202 {
				r.t.Errorf("got %d %s", got.status, got.body)
			}
		}, 500},
		{"the time is over", func(r *apiRig, in *invocation) { r.g.update(func() { in.expired = true }) }, 410},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newManagedRig(t)
			half := make(chan bool, 1)
			to := &caller{wrote: func(string) error { half <- true; return nil }}
			in := &invocation{Invocation: Invocation{RequestID: "one", Stream: to.stream}}
			r.g.update(func() { r.g.dispatch(in, time.Now()) })
			r.do("GET", "/2018-06-01/runtime/invocation/next", "")
			body, writes := io.Pipe()
			answered := make(chan int, 1)
			go func() {
				res, err := http.Post("http://"+r.a.addr()+"/2018-06-01/runtime/invocation/one/response", "text/plain", body)
				if err != nil {
					t.Error(err)
					answered <- 0
					return
				}
				res.Body.Close()
				answered <- res.StatusCode
			}()
			io.WriteString(writes, "half")
			<-half
			c.end(r, in)
			io.WriteString(writes, "late")
			writes.Close()
			if got := <-answered; got != c.late || to.text() != "half" {
				t.Errorf("the response is answered %d, the caller had %q", got, to.text())
			}
		})
	}
}

// Source: LMIENV, reference 2.8: several invocations at once in one environment, never frozen, no
// runtimeDone, a report of durations.
func TestManagedInstance(t *testing.T) {
	var mu sync.Mutex
	var events []telemetry.Event
	e, log := lambda{
		bootstrap:  "env crew=2",
		extensions: map[string]string{"ext": "env register=SHUTDOWN ticks loop"},
		change: func(f *Function, o *Options) {
			onInstances(2)(f, o)
			o.watch = func(event telemetry.Event) {
				mu.Lock()
				defer mu.Unlock()
				events = append(events, event)
			}
		},
	}.start(t)
	var wg sync.WaitGroup
	for i := range 2 { // neither could end if they were not at work at once
		wg.Go(func() {
			do := fmt.Sprintf(`{"do":"touch=/tmp/%d until=/tmp/%d"}`, i, 1-i)
			if r := invokeOnly(t, e, do); r.FunctionError != "" || string(r.Payload) != do {
				t.Errorf("answer is %s", r.Payload)
			}
		})
	}
	wg.Wait()
	if r, report := invoke(t, e, `{"do":"error=Function.Bad silent"}`); r.FunctionError == "" || report.Status != "error" || report.ErrorType != "Function.Bad" {
		t.Errorf("result %s, report %+v", r.Payload, report)
	}
	ticks := filepath.Join(e.TempDir(), "ticks")
	before, _ := os.ReadFile(ticks)
	eventually(t, "the extension going on", func() bool { now, _ := os.ReadFile(ticks); return len(now) > 0 && string(now) != string(before) })
	for _, want := range []string{`AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances`, `AWS_LAMBDA_MAX_CONCURRENCY=2`} {
		if i := slices.IndexFunc(log.texts(SourceFunction), func(l string) bool { return strings.HasPrefix(l, "env ") && strings.Contains(l, want) }); i < 0 {
			t.Errorf("the runtime has no %s", want)
		}
	}
	if i := slices.IndexFunc(log.texts(SourceExtension), func(l string) bool { return strings.Contains(l, "AWS_LAMBDA_MAX_CONCURRENCY") }); i >= 0 {
		t.Error("the extension has AWS_LAMBDA_MAX_CONCURRENCY")
	}
	mu.Lock()
	defer mu.Unlock()
	reports := 0
	for _, event := range events {
		switch event.Type {
		case telemetry.RuntimeDone:
			t.Error("there is a runtimeDone")
		case telemetry.Report:
			reports++
			b, _ := json.Marshal(event.Record.(telemetry.ReportRecord).Metrics)
			if !strings.HasPrefix(string(b), `{"durationMs":`) || strings.Contains(string(b), ",") {
				t.Errorf("metrics are %s", b)
			}
		}
	}
	if reports != 3 {
		t.Errorf("%d reports", reports)
	}
}

// Source: LMIENV: a timeout ends the invocation and nothing else; what the runtime says later comes too
// late (RIE-LMI rapi/rendering RenderInvokeTimeout).
func TestManagedTimeout(t *testing.T) {
	e, log := lambda{bootstrap: "pid crew=2", timeout: time.Second, change: onInstances(2)}.start(t)
	r, report := invoke(t, e, `{"do":"until=/tmp/go"}`)
	if r.ErrorType != "Sandbox.Timedout" || !strings.Contains(string(r.Payload), "Task timed out after 1.00 seconds") || report.Status != "timeout" {
		t.Errorf("result %+v %s, report %+v", r, r.Payload, report)
	}
	writeFile(t, filepath.Join(e.TempDir(), "go"), "", 0o644)
	log.wait(t, "response 410 ")
	if r, _ := invoke(t, e, `{"n":2}`); r.FunctionError != "" || string(r.Payload) != `{"n":2}` {
		t.Errorf("after a timeout: %s", r.Payload)
	}
	if n := len(slices.DeleteFunc(log.texts(SourceFunction), func(l string) bool { return !strings.HasPrefix(l, "pid ") })); n != 1 {
		t.Errorf("%d runtimes were started", n)
	}
}

// Source: LMIENV, RIE-LMI rapid/shutdown.go: a process that exits ends the environment and every invocation
// in it; nothing is started again, and the others are told why.
func TestManagedCrash(t *testing.T) {
	for _, c := range []struct {
		name, do, errorType string
		extensions          map[string]string
		log                 string
	}{
		{"runtime", "exit=3", "Runtime.ExitError", map[string]string{"ext": "register=SHUTDOWN loop"}, `"shutdownReason":"failure"`},
		{"extension", "sleep=1h", "Extension.Crash", map[string]string{"ext": "register=SHUTDOWN exitat=/tmp/idle loop"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := lambda{bootstrap: "crew=2", extensions: c.extensions, change: onInstances(2)}.start(t)
			results := make(chan Result, 2)
			for _, do := range []string{c.do, "touch=/tmp/idle sleep=1h"} {
				go func() { results <- invokeOnly(t, e, `{"do":"`+do+`"}`) }()
			}
			for range 2 {
				if r := <-results; r.FunctionError == "" || r.ErrorType != c.errorType {
					t.Errorf("result is %+v %s", r, r.Payload)
				}
			}
			if !e.ended() {
				t.Error("the environment has not ended")
			}
			if c.log != "" {
				log.wait(t, c.log)
			}
			if r := invokeOnly(t, e, `{}`); r.ErrorType != c.errorType {
				t.Errorf("an ended environment answers %s", r.Payload)
			}
		})
	}
}

// An environment whose init failed takes nothing.
func TestManagedInitFails(t *testing.T) {
	for _, c := range []struct {
		name, bootstrap, errorType string
		change                     func(*Function, *Options)
	}{
		{"exit", "exit=1", "Runtime.ExitError", nil},
		{"no end", "sleep=1h", "Sandbox.Timedout", func(_ *Function, o *Options) { o.initLimit = 300 * time.Millisecond }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lambda{bootstrap: c.bootstrap, change: onInstances(2)}
			if c.change != nil {
				l = l.also(c.change)
			}
			e, _ := l.start(t)
			if r := invokeOnly(t, e, `{}`); r.ErrorType != c.errorType || !e.ended() {
				t.Errorf("answer is %s", r.Payload)
			}
		})
	}
}

// A pool fills an environment before it starts another, and replaces one that has ended.
func TestManagedPool(t *testing.T) {
	p, _, log := newTestPool(t, lambda{bootstrap: "pid crew=3", change: onInstances(3)}, 2)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if i > 0 {
				log.wait(t, "pid ") // an environment that is being started is nobody else's yet
			}
			do := fmt.Sprintf(`{"do":"touch=/tmp/%d until=/tmp/0 until=/tmp/1 until=/tmp/2"}`, i)
			if r, err := p.Invoke(t.Context(), Invocation{Payload: []byte(do)}); err != nil || r.FunctionError != "" {
				t.Errorf("%v %s", err, r.Payload)
			}
		})
		if i == 0 {
			log.wait(t, "pid ")
			eventually(t, "free places", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.idle) == 2 })
		}
	}
	wg.Wait()
	pids := func() int {
		return len(slices.DeleteFunc(log.texts(SourceFunction), func(l string) bool { return !strings.HasPrefix(l, "pid ") }))
	}
	if pids() != 1 {
		t.Errorf("%d environments for three invocations", pids())
	}
	if r, err := p.Invoke(t.Context(), Invocation{Payload: []byte(`{"do":"exit=1"}`)}); err != nil || r.ErrorType != "Runtime.ExitError" {
		t.Errorf("%v %s", err, r.Payload)
	}
	if r, err := p.Invoke(t.Context(), Invocation{}); err != nil || r.FunctionError != "" || pids() != 2 {
		t.Errorf("%v %s, %d environments", err, r.Payload, pids())
	}
}

// Close waits for what is at work in any of the places.
func TestManagedClose(t *testing.T) {
	e, log := lambda{bootstrap: "crew=2", change: onInstances(2)}.start(t)
	go e.Invoke(context.Background(), Invocation{Payload: []byte(`{"do":"say=working sleep=300ms say=worked"}`)})
	log.wait(t, "working")
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !log.has("worked") {
		t.Error("close did not wait")
	}
}

// Source: LRE: what is provisioned is initialised ahead of any invocation, under a longer limit.
func TestProvisionedConcurrency(t *testing.T) {
	p, _, log := newTestPool(t, lambda{bootstrap: "pid env loop", change: func(f *Function, _ *Options) { f.InitType = ProvisionedConcurrency }}, 3)
	if err := p.Provision(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(strings.Join(log.texts(SourcePlatform), "\n"), "INIT_REPORT Init Duration: "); n != 2 {
		t.Errorf("%d INIT_REPORT lines", n)
	}
	var wg sync.WaitGroup
	waited := make([]bool, 3)
	for i := range 3 {
		wg.Go(func() {
			r, err := p.Invoke(t.Context(), Invocation{Payload: []byte(`{"do":"env touch=/tmp/x sleep=300ms"}`)})
			if err != nil || r.FunctionError != "" {
				t.Errorf("%v %s", err, r.Payload)
			}
			waited[i] = r.Init > 0
		})
	}
	wg.Wait()
	if n := len(slices.DeleteFunc(waited, func(w bool) bool { return !w })); n != 1 {
		t.Errorf("%d invocations waited for an init, want the third one only", n)
	}
	kinds := map[string]int{}
	for _, line := range log.texts(SourceFunction) {
		for _, kind := range []InitType{ProvisionedConcurrency, OnDemand} {
			if strings.HasPrefix(line, "env ") && strings.Contains(line, "AWS_LAMBDA_INITIALIZATION_TYPE="+string(kind)) {
				kinds[string(kind)]++
			}
		}
	}
	if kinds[string(ProvisionedConcurrency)] != 4 || kinds[string(OnDemand)] != 2 {
		t.Errorf("initialization types are %v", kinds)
	}
	if err := p.Provision(t.Context(), 1); err == nil {
		t.Error("a full pool provisions")
	}
}

// Source: LRE, LMIENV.
func TestInitLimits(t *testing.T) {
	for _, c := range []struct {
		kind    InitType
		timeout time.Duration
		want    time.Duration
	}{
		{OnDemand, 900 * time.Second, 10 * time.Second},
		{ProvisionedConcurrency, 3 * time.Second, 130 * time.Second},
		{ProvisionedConcurrency, 300 * time.Second, 300 * time.Second},
		{SnapStart, 900 * time.Second, 900 * time.Second},
		{SnapStart, time.Hour, 900 * time.Second},
		{ManagedInstances, 3 * time.Second, 15 * time.Minute},
	} {
		if got := (Function{InitType: c.kind, Timeout: c.timeout}).initLimit(); got != c.want {
			t.Errorf("%s with %v: %v, want %v", c.kind, c.timeout, got, c.want)
		}
	}
}

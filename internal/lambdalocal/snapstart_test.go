package lambdalocal

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

func withSnapStart(f *Function, o *Options) {
	f.InitType = SnapStart
	o.ExtraEnv = map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session", "AWS_ENDPOINT_URL": "http://localhost:1",
	}
}

// eventLog keeps the events of an environment.
type eventLog struct {
	mu     sync.Mutex
	events []telemetry.Event
}

func (l *eventLog) add(e telemetry.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// platform are the types of the platform's events so far.
func (l *eventLog) platform() (types []string, times []time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if rest, ok := strings.CutPrefix(e.Type, "platform."); ok {
			types, times = append(types, rest), append(times, e.Time)
		}
	}
	return types, times
}

// Sources: LRE "Restore phase", RIE rapid/handlers.go handleRestore, reference 2.6.
func TestSnapStart(t *testing.T) {
	events := &eventLog{}
	e, log := lambda{
		bootstrap:  "env thaw say=hooks sleep=50ms loop",
		extensions: map[string]string{"ext": "env ticks register=INVOKE,SHUTDOWN loop"},
		change: func(f *Function, o *Options) {
			withSnapStart(f, o)
			o.watch = events.add
		},
	}.start(t)
	log.wait(t, "INIT_REPORT Init Duration: ")
	ticks := func() string { b, _ := os.ReadFile(filepath.Join(e.TempDir(), "ticks")); return string(b) }
	eventually(t, "the snapshot standing still", func() bool { // a stop signal takes its time
		frozen := ticks()
		time.Sleep(50 * time.Millisecond)
		return ticks() == frozen
	})
	if log.has("restore/next 200") {
		t.Error("the runtime was restored without an invocation")
	}
	r, report := invoke(t, e, `{"n":1}`)
	if r.FunctionError != "" || r.Init != 0 || r.Restore < 50*time.Millisecond || report.Restore != r.Restore || report.BilledRestoreMS < 50 || report.Init != 0 {
		t.Errorf("result %+v, report %+v", r, report)
	}
	if report.Duration >= 50*time.Millisecond && report.Duration >= report.Restore {
		t.Errorf("the restore is in the invocation's time: %+v", report)
	}
	lines := log.texts("")
	if restored, start := index(lines, "RESTORE_REPORT Restore Duration: "), index(lines, "START RequestId: "); restored < 0 || start < restored {
		t.Errorf("the log is %q", lines)
	}
	if line := log.wait(t, "REPORT RequestId: "); !strings.Contains(line, "\tRestore Duration: ") || !strings.Contains(line, "\tBilled Restore Duration: ") || strings.Contains(line, "Init Duration") {
		t.Errorf("REPORT is %q", line)
	}
	if n := len(slices.DeleteFunc(log.texts(SourceExtension), func(l string) bool { return !strings.HasPrefix(l, "call ") })); n != 2 { // register and INVOKE
		t.Errorf("the extension had %d answers", n)
	}
	if r, report := invoke(t, e, `{"n":2}`); r.FunctionError != "" || r.Restore != 0 || report.Restore != 0 {
		t.Errorf("result %+v, report %+v", r, report)
	}
	types, times := events.platform()
	want := []string{
		"initStart", "initRuntimeDone", "extension", "initReport",
		"restoreStart", "initStart", "initRuntimeDone", "initReport", "restoreRuntimeDone", "restoreReport",
		"start", "runtimeDone", "report", "start", "runtimeDone", "report",
	}
	if !slices.Equal(types, want) {
		t.Fatalf("events are %q", types)
	}
	for again, first := range map[int]int{5: 0, 6: 1, 7: 3} {
		if !times[again].Equal(times[first]) {
			t.Errorf("%s came again with another time", types[again])
		}
	}
}

// Sources: RIE rapidcore/env, rapi/handler/credentials.go, core/credentials.go: no keys in the environment, but
// where to get them.
func TestSnapStartCredentials(t *testing.T) {
	e, log := lambda{bootstrap: "env thaw loop", extensions: map[string]string{"ext": "env register=INVOKE,SHUTDOWN loop"}, change: withSnapStart}.start(t)
	var token string
	for _, source := range []Source{SourceFunction, SourceExtension} {
		env := environmentOf(t, log, source)
		if env["AWS_LAMBDA_INITIALIZATION_TYPE"] != "snap-start" || env["AWS_ENDPOINT_URL"] == "" || env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != "http://"+e.RuntimeAPI()+"/2021-04-23/credentials" {
			t.Errorf("%s: environment is %v", source, env)
		}
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
			if _, has := env[name]; has {
				t.Errorf("%s has %s", source, name)
			}
		}
		token = env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
	}
	r := &apiRig{t: t, a: e.api}
	got := r.do("GET", credentialsPath, "", "Authorization", token)
	var c struct {
		AccessKeyID, SecretAccessKey, Token string
		Expiration                          time.Time
	}
	if err := json.Unmarshal(got.body, &c); err != nil || got.status != 200 || c.AccessKeyID != "AKIAEXAMPLE" || c.SecretAccessKey != "secret" || c.Token != "session" || time.Until(c.Expiration) < time.Minute {
		t.Errorf("got %d %s (%v)", got.status, got.body, err)
	}
	for _, token := range []string{"", "other"} {
		if got := r.do("GET", credentialsPath, "", "Authorization", token); got.status != 404 || string(got.body) != "cannot get credentials for the provided token\n" {
			t.Errorf("with token %q: %d %s", token, got.status, got.body)
		}
	}
	e.api.credentials.renew(time.Now().Add(-time.Hour))
	if err := json.Unmarshal(r.do("GET", credentialsPath, "", "Authorization", token).body, &c); err != nil || time.Until(c.Expiration) < time.Minute {
		t.Errorf("credentials that have expired are not renewed: %+v", c)
	}
}

// environmentOf is what the probe's step env has shown.
func environmentOf(t *testing.T, log *recorder, source Source) map[string]string {
	t.Helper()
	for _, line := range log.texts(source) {
		if text, ok := strings.CutPrefix(line, "env "); ok {
			var list []string
			if err := json.Unmarshal([]byte(text), &list); err != nil {
				t.Fatal(err)
			}
			env := map[string]string{}
			for _, v := range list {
				name, value, _ := strings.Cut(v, "=")
				env[name] = value
			}
			return env
		}
	}
	t.Fatalf("no environment of %s", source)
	return nil
}

// Source: RIE core/states.go: a client that knows nothing of restores asks for an event at once, and that ends
// its init as well.
func TestSnapStartWithoutHooks(t *testing.T) {
	e, log := lambda{change: withSnapStart}.start(t)
	if r, _ := invoke(t, e, `{"n":1}`); string(r.Payload) != `{"n":1}` || r.Init != 0 {
		t.Errorf("result %+v %s", r, r.Payload)
	}
	log.wait(t, "RESTORE_REPORT Restore Duration: ")
}

// Sources: LRE (10 s for the hooks, SnapStartTimeoutException); AWS Invoke API, errors; RIE rapid/handlers.go
// handleRestore, rapi/handler/initerror.go. The next invocation finds a new snapshot.
func TestSnapStartThatFails(t *testing.T) {
	for _, c := range []struct {
		name, bootstrap, code, errorType string
		status                           int
		log                              string
	}{
		{"too slow", "thaw sleep=1h", "SnapStartTimeoutException", "", 408, "RESTORE_REPORT Restore Duration: "},
		{"restore/error", "thaw fail=restore/error@Runtime.HookFailed sleep=1h", "SnapStartException", "Runtime.HookFailed", 400, "Status: error\tError Type: Runtime.HookFailed"},
		{"init/error", "thaw fail=init/error@Runtime.HookFailed sleep=1h", "SnapStartException", "Runtime.HookFailed", 400, "Status: error\tError Type: Runtime.HookFailed"},
		{"exit", "thaw exit=3", "SnapStartException", "Runtime.ExitError", 400, "Status: error\tError Type: Runtime.ExitError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, log := lambda{bootstrap: "pid " + c.bootstrap, extensions: map[string]string{"ext": ""}, change: func(f *Function, o *Options) {
				withSnapStart(f, o)
				o.restoreLimit = 500 * time.Millisecond
			}}.start(t)
			for n := range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := e.Invoke(ctx, Invocation{})
				var failed *RestoreError
				if !errors.As(err, &failed) || failed.Code != c.code || failed.Status != c.status || failed.ErrorType != c.errorType {
					t.Errorf("invocation %d: %v", n, err)
				}
			}
			log.wait(t, c.log)
			log.wait(t, `"shutdownReason":"failure"`)
			if log.has("START RequestId") {
				t.Error("an invocation was started")
			}
			pids := slices.DeleteFunc(log.texts(SourceFunction), func(l string) bool { return !strings.HasPrefix(l, "pid ") })
			if len(pids) != 2 {
				t.Errorf("%d snapshots for two invocations", len(pids))
			}
		})
	}
}

// After a crash the environment is made of a snapshot again.
func TestSnapStartAfterACrash(t *testing.T) {
	e, _ := lambda{bootstrap: "thaw loop", change: withSnapStart}.start(t)
	if r, _ := invoke(t, e, `{"do":"exit=1"}`); r.ErrorType != "Runtime.ExitError" {
		t.Errorf("result is %+v", r)
	}
	if r, report := invoke(t, e, `{}`); r.FunctionError != "" || r.Restore == 0 || r.Init == 0 || report.Init != 0 {
		t.Errorf("result is %+v, report %+v", r, report)
	}
}

// An init that fails is tried again within the invocation, restore included.
func TestSnapStartWhoseInitFails(t *testing.T) {
	e, _ := lambda{bootstrap: "shell=test_-e_${TMPDIR:-/tmp}/once_||_{_touch_${TMPDIR:-/tmp}/once;_kill_$PPID;_sleep_9;_} thaw loop", change: withSnapStart}.start(t)
	if e.usable {
		t.Fatal("the init did not fail")
	}
	if r, report := invoke(t, e, `{"n":1}`); string(r.Payload) != `{"n":1}` || r.Init == 0 || report.Status != "success" {
		t.Errorf("result is %+v %s, report %+v", r, r.Payload, report)
	}
}

// Sources: RIE rapi/router.go (only with SnapStart), core/states.go, rapi/handler/restorenext.go, restoreerror.go.
func TestRestoreAPI(t *testing.T) {
	const next, fail = "/2018-06-01/runtime/restore/next", "/2018-06-01/runtime/restore/error"
	onDemand := newAPIRig(t)
	for _, got := range []answer{onDemand.do("GET", next, ""), onDemand.do("POST", fail, ""), onDemand.do("GET", credentialsPath, "")} {
		if got.status != 404 {
			t.Errorf("without SnapStart: %d %s", got.status, got.body)
		}
	}
	in := func(t *testing.T, state string) *apiRig {
		r := newAPIRigOf(t, Function{Name: "orders", InitType: SnapStart})
		r.g.update(func() { r.g.runtime.name = state })
		return r
	}
	for _, c := range []struct {
		state, method, path string
		status              int
		to                  string
	}{
		{runtimeRestoreReady, "GET", next, 403, "Ready"},
		{runtimeReady, "GET", next, 403, "Ready"},
		{runtimeRestoring, "GET", next, 403, "Ready"},
		{runtimeInitError, "GET", next, 403, "Ready"},
		{runtimeRestoring, "POST", fail, 202, ""},
		{runtimeStarted, "POST", fail, 403, "RuntimeRestoreErrorState"},
		{runtimeRestoreReady, "POST", fail, 403, "RuntimeRestoreErrorState"},
		{runtimeReady, "POST", fail, 403, "RuntimeRestoreErrorState"},
		{runtimeRestoreError, "POST", fail, 403, "RuntimeRestoreErrorState"},
		{runtimeRestoring, "POST", "/2018-06-01/runtime/init/error", 202, ""},
		{runtimeRestoreReady, "POST", "/2018-06-01/runtime/init/error", 403, "InitError"},
		{runtimeRestoreReady, "GET", "/2018-06-01/runtime/invocation/next", 403, "Ready"},
		{runtimeRestoreError, "GET", "/2018-06-01/runtime/invocation/next", 403, "Ready"},
		{runtimeStarted, "POST", next, 405, ""},
	} {
		t.Run(c.state+" "+c.method+" "+c.path, func(t *testing.T) {
			got := in(t, c.state).do(c.method, c.path, "")
			want := ""
			if c.status == 403 {
				want = "State transition from " + c.state + " to " + c.to + " failed for runtime. Error: State transition is not allowed"
			}
			if got.status != c.status || got.message != want {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	r := in(t, runtimeStarted)
	answered := make(chan answer, 1)
	go func() { got, _ := r.try("GET", next, ""); answered <- got }()
	eventually(t, "the runtime waiting", func() bool { r.g.mu.Lock(); defer r.g.mu.Unlock(); return r.g.runtime.name == runtimeRestoreReady })
	r.g.update(r.g.runtime.restore)
	if got := <-answered; got.status != 200 || len(got.body) != 0 {
		t.Errorf("restore/next: %d %q", got.status, got.body)
	}
}

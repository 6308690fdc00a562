package lambdalocal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Source: EXT "response before extensions are done"; reference 2.2.
func TestResponseComesBeforeTheExtensionsAreDone(t *testing.T) {
	const work = 300 * time.Millisecond
	e, log := lambda{extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN loop=300ms"}}.start(t)
	for range 2 {
		begun := time.Now()
		r := invokeOnly(t, e, `{"n":1}`)
		if took := time.Since(begun); took >= work || r.Latency >= work {
			t.Errorf("the answer took %v (latency %v)", took, r.Latency)
		}
		if string(r.Payload) != `{"n":1}` || r.FunctionError != "" {
			t.Errorf("answer is %s %s", r.Payload, r.FunctionError)
		}
		if err := e.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		report := e.LastReport()
		if report.RequestID != r.RequestID || report.Status != "success" {
			t.Errorf("report is %+v", report)
		}
		if report.Duration < work || report.ExtensionOverhead < work-50*time.Millisecond || report.RuntimeDone >= work {
			t.Errorf("report does not tell the extension's time: %+v", report)
		}
		log.wait(t, "REPORT RequestId: "+r.RequestID)
	}
}

// A second invocation waits for the end of the first one's phase (reference 2.2: the environment takes no
// further invoke until all next calls).
func TestOneInvocationAtATime(t *testing.T) {
	e, log := lambda{extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN loop=100ms"}}.start(t)
	first := invokeOnly(t, e, `{}`)
	second := invokeOnly(t, e, `{}`)
	lines := log.texts(SourcePlatform)
	if end, start := index(lines, "REPORT RequestId: "+first.RequestID), index(lines, "START RequestId: "+second.RequestID); end < 0 || start < end {
		t.Errorf("the log is %q", lines)
	}
}

// Source: EXT: extensions that did not register for INVOKE are not waited for.
func TestPhaseDoesNotWaitForOthers(t *testing.T) {
	e, _ := lambda{extensions: map[string]string{"ext": "register=SHUTDOWN loop"}}.start(t)
	if _, report := invoke(t, e, `{}`); report.Status != "success" {
		t.Errorf("report is %+v", report)
	}
}

// Source: LIM, reference 9.2: START, the function's lines, END, REPORT, in this order, the tail of 4 KB.
func TestLog(t *testing.T) {
	e, log := lambda{}.start(t)
	r, report := invoke(t, e, `{"do":"say=hello"}`)
	lines := log.texts("")
	order := []string{"START RequestId: " + r.RequestID + " Version: $LATEST", "hello", "END RequestId: " + r.RequestID, "REPORT RequestId: " + r.RequestID}
	last := -1
	for _, part := range order {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, part) })
		if i <= last {
			t.Errorf("%q is not in its place in %q", part, lines)
		}
		last = i
	}
	want := fmt.Sprintf("\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: 128 MB\tMax Memory Used: %d MB\tInit Duration: %s ms\t",
		milliseconds(report.Duration), report.BilledMS, report.MaxMemoryMB, milliseconds(report.Init))
	if line := log.wait(t, "REPORT"); !strings.HasSuffix(line, want) || report.MaxMemoryMB == 0 || report.Init == 0 {
		t.Errorf("REPORT is %q, want the end %q", line, want)
	}
}

// Source: Invoke API, LogType and LogResult: who asks for it gets the last 4 KB, and as REPORT is in it, only
// when the phase has ended.
func TestLogTail(t *testing.T) {
	e, _ := lambda{timeout: time.Second, extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN loop=50ms"}}.start(t)
	if r := invokeOnly(t, e, `{}`); r.LogTail != nil {
		t.Errorf("nobody asked for %q", r.LogTail)
	}
	for _, c := range []struct{ name, payload, status string }{
		{"a response", `{"do":"say=hello"}`, ""},
		{"a crash", `{"do":"say=hello exit=1"}`, "Status: error"},
		{"a timeout", `{"do":"say=hello sleep=1h"}`, "Status: timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := invokeFor(t, e, Invocation{Payload: []byte(c.payload), LogTail: true})
			lines := strings.Split(strings.TrimSuffix(string(r.LogTail), "\n"), "\n")
			start, hello := index(lines, "START RequestId: "+r.RequestID), index(lines, "hello")
			end, report := index(lines, "END RequestId: "+r.RequestID), index(lines, "REPORT RequestId: "+r.RequestID)
			if start < 0 || hello < start || end < hello || report < end || !strings.Contains(lines[report], c.status) {
				t.Errorf("the tail is %q", lines)
			}
			if strings.Count(string(r.LogTail), "START ") != 1 {
				t.Errorf("the tail has more than this invocation: %q", lines)
			}
		})
	}
	long := strings.Repeat("x", 5000)
	if r := invokeFor(t, e, Invocation{Payload: []byte(`{"do":"say=` + long + `"}`), LogTail: true}); len(r.LogTail) != tailSize || !strings.Contains(string(r.LogTail), "REPORT") {
		t.Errorf("tail has %d bytes", len(r.LogTail))
	}
}

// Source: LRE, reference 2.2: who waits for the end of the phase hears of an overrun of the tail too, beside the answer.
func TestStatusOfTheWholePhase(t *testing.T) {
	for _, c := range []struct{ name, extension, payload, want string }{
		{"everybody is in time", "register=INVOKE,SHUTDOWN loop=1ms", `{}`, "success"},
		{"an extension is not", "register=INVOKE,SHUTDOWN loop=1h", `{}`, "timeout"},
		{"the runtime exits", "register=INVOKE,SHUTDOWN loop=1ms", `{"do":"exit=1"}`, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := lambda{timeout: time.Second, extensions: map[string]string{"ext": c.extension}}.start(t)
			r := invokeFor(t, e, Invocation{Payload: []byte(c.payload), LogTail: true})
			if r.Status != c.want || (r.FunctionError != "") != (c.want == "error") {
				t.Errorf("status %q with error %q: %s", r.Status, r.FunctionError, r.Payload)
			}
		})
	}
}

// Sources: RTAPI, ENV; reference 4 "X-Ray env": the header is always there, and what the caller gave is
// what comes.
func TestTraceHeader(t *testing.T) {
	e, log := lambda{}.start(t)
	for _, c := range []struct{ name, given, want string }{
		{"none given", "", "trace Root=1-"},
		{"given", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:6e5eb7d9:0",
			"trace Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:6e5eb7d9:0 deadline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := e.Invoke(t.Context(), Invocation{TraceHeader: c.given}); err != nil {
				t.Fatal(err)
			}
			log.wait(t, c.want)
		})
	}
	if line := log.wait(t, "trace Root=1-"); !strings.Contains(line, ";Parent=") || !strings.Contains(line, ";Sampled=0;Lineage=1:") {
		t.Errorf("the header made here is %q", line)
	}
}

// Source: EXT, reference 2.5: everything stops after the last next, whoever started it and wherever it
// has moved to, and goes on with the next invocation.
func TestFreeze(t *testing.T) {
	e, log := lambda{extensions: map[string]string{
		"ext": "register=INVOKE,SHUTDOWN ticks child=while_:;do_echo_x>>${TMPDIR:-/tmp}/child;sleep_0.01;done loop",
	}}.start(t)
	log.wait(t, "child started")
	ticks := filepath.Join(e.TempDir(), "ticks")
	children := filepath.Join(e.TempDir(), "child")
	state := func() string {
		a, _ := os.ReadFile(ticks)
		b, _ := os.ReadFile(children)
		return string(a) + " " + strconv.Itoa(len(b))
	}
	for range 3 {
		invoke(t, e, `{"do":"sleep=50ms"}`)
		frozen := state()
		time.Sleep(100 * time.Millisecond) // nothing is waited for here: nothing may happen meanwhile
		if now := state(); now != frozen {
			t.Errorf("something went on while frozen: %q, then %q", frozen, now)
		}
	}
	before := state()
	answered := make(chan error, 1)
	go func() {
		_, err := e.Invoke(t.Context(), Invocation{Payload: []byte(`{"do":"until=/tmp/went-on"}`)})
		answered <- err
	}()
	eventually(t, "that all goes on after the thaw", func() bool { return state() != before })
	writeFile(t, filepath.Join(e.TempDir(), "went-on"), "", 0o644)
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// Source: reference 2.4, LRE: on a timeout the caller is told, extensions get SHUTDOWN with the reason,
// /tmp is kept, and the next invocation initialises again, within its own time.
func TestTimeout(t *testing.T) {
	t.Parallel()
	e, log := lambda{timeout: time.Second, extensions: map[string]string{"ext": ""}}.start(t)
	begun := time.Now()
	r := invokeOnly(t, e, `{"do":"touch=/tmp/kept sleep=1h"}`)
	if took := time.Since(begun); took < time.Second || took > 2*time.Second {
		t.Errorf("the timeout took %v", took)
	}
	want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ` + r.RequestID + ` Error: Task timed out after 1.00 seconds"}`
	if string(r.Payload) != want || r.FunctionError != "Unhandled" || r.Phase < time.Second {
		t.Errorf("answer is %s %s after %v", r.Payload, r.FunctionError, r.Phase)
	}
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.wait(t, `"shutdownReason":"timeout"`)
	log.wait(t, "exiting")
	if line := log.wait(t, "REPORT RequestId: "+r.RequestID); !strings.Contains(line, "Status: timeout") {
		t.Errorf("REPORT is %q", line)
	}
	r, report := invoke(t, e, `{"do":"ls=/tmp"}`)
	if r.FunctionError != "" || report.Status != "success" || report.Init != 0 || r.Init == 0 {
		t.Errorf("after the reset: %+v %s", report, r.Payload)
	}
	if got := log.wait(t, "ls /tmp"); !strings.Contains(got, "kept") {
		t.Errorf("/tmp after the reset: %s", got)
	}
}

// Source: EXT: the whole phase is limited by the function's timeout; an extension that overruns makes the
// invocation a timeout although the caller has its response.
func TestTimeoutOfTheTail(t *testing.T) {
	t.Parallel()
	e, log := lambda{timeout: time.Second, extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN loop=1h"}}.start(t)
	r := invokeOnly(t, e, `{"n":1}`)
	if r.FunctionError != "" || string(r.Payload) != `{"n":1}` {
		t.Errorf("answer is %s %s", r.Payload, r.FunctionError)
	}
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report := e.LastReport(); report.Status != "timeout" || report.Latency == 0 || report.Duration < time.Second {
		t.Errorf("report is %+v", report)
	}
	if e.usable {
		t.Error("the environment was not reset")
	}
	if log.has("exiting") {
		t.Error("an extension that never calls next cannot have got SHUTDOWN")
	}
}

// An invocation goes on when its caller hangs up.
func TestCallerHangsUp(t *testing.T) {
	e, _ := lambda{}.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := e.Invoke(ctx, Invocation{RequestID: "left", Payload: []byte(`{"do":"sleep=300ms"}`)}); err == nil {
		t.Error("no error")
	}
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report := e.LastReport(); report.RequestID != "left" || report.Status != "success" {
		t.Errorf("report is %+v", report)
	}
}

// A line without an end does not hold anything up, and is there at the end.
func TestLineWithoutEnd(t *testing.T) {
	fn, opt, log := lambda{}.make(t)
	e, err := Start(t.Context(), fn, opt)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for range 5 {
		invoke(t, e, `{"do":"print=endless"}`)
	}
	if took := time.Since(begun); took > 5*settleLimit {
		t.Errorf("five invocations took %v", took)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.wait(t, "endless")
}

// Sources: RIE rapid/handlers.go watchEvents, which does not ask what an extension registered for; reference 1.7:
// one that is not waited for ends the environment by its exit all the same.
func TestExitOfAnExtensionThatIsNotWaitedFor(t *testing.T) {
	e, log := lambda{extensions: map[string]string{"ext": "register=SHUTDOWN exitat=/tmp/leave loop"}}.start(t)
	r, report := invoke(t, e, `{"do":"touch=/tmp/leave sleep=1h"}`)
	if !strings.Contains(string(r.Payload), `"Extension.Crash"`) || report.Status != "error" {
		t.Errorf("answer is %s, report %+v", r.Payload, report)
	}
	log.wait(t, "Error Type: Extension.Crash")
}

// The same request id may come twice, as it does when an asynchronous invocation is tried again (LRE).
func TestRequestThatComesAgain(t *testing.T) {
	e, _ := lambda{}.start(t)
	for _, payload := range []string{`{"n":1}`, `{"do":"exit=1"}`, `{"n":3}`} {
		r := invokeFor(t, e, Invocation{RequestID: "again", Payload: []byte(payload)})
		if r.RequestID != "again" || (r.FunctionError == "") != (string(r.Payload) == payload) {
			t.Errorf("the answer to %s is %s %s", payload, r.Payload, r.FunctionError)
		}
	}
}

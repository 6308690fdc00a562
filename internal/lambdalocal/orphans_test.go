package lambdalocal

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// Invocations that do not end by themselves, as the collector gets to see them: with the calls that they made, the one that was under way, and why they ended.

// orphaned is a function that has one call behind it and one under way, and then does what the event says.
const orphaned = `
import http.client, os, threading, time
def call(address, path):
    try:
        c = http.client.HTTPConnection(address)
        c.request("GET", path + "?token=hunter2")
        c.getresponse().read()
    except OSError:
        pass
def extension():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = open("/proc/" + pid + "/cmdline").read().split("\0")[0]
        except OSError:
            continue
        if command.startswith("/opt/extensions/"):
            return int(pid)
def handler(event, context):
    what = event.get("do")
    if not what:
        return event
    print("last words, password=hunter2")
    call(event["answers"], "/before")
    threading.Thread(target=call, args=(event["hangs"], "/under-way"), daemon=True).start()
    time.sleep(0.2) # the request has gone out
    if what == "hang":
        time.sleep(60)
    if what == "exit":
        os._exit(3)
    if what == "kill the extension":
        os.kill(extension(), 9)
        time.sleep(60)
    hoard = []
    while what == "take memory":
        hoard.append(bytearray(os.urandom(1 << 20)) * 8)
`

// hanging listens and never answers.
func hanging(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestWhatDoesNotEnd(t *testing.T) {
	for _, c := range []struct {
		name, do   string
		needsGroup bool
		outcome    string
		kind       string // error.type
		message    string
		least      time.Duration
	}{
		{"times out", "hang", false, "timeout", "timeout", "timed out after 2", 1900 * time.Millisecond},
		{"ends its process", "exit", false, "killed", "Runtime.ExitError", "was ended before its handler was done", 200 * time.Millisecond},
		{"takes more memory than there is", "take memory", true, "out-of-memory", "Runtime.OutOfMemory", "ran out of memory", 200 * time.Millisecond},
		// The next process finds it in the spool and was not told of it: it knows that there is a new life before the deadline.
		{"its extension is killed", "kill the extension", false, "killed", "Runtime.ExitError", "was ended before its handler was done", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := collectorAt(t)
			w := withAfterglow(t, managed(t, pythonName, "app.py", orphaned).also(func(f *Function, _ *Options) {
				f.MemoryMB = 256
				if f.Timeout = time.Minute; c.outcome == "timeout" {
					f.Timeout = 2 * time.Second
				}
			}), nil)
			if c.needsGroup {
				needGroup(t, w.limits)
			}
			w.invoke(`{"n":1}`)
			bad := w.invoke(fmt.Sprintf(`{"do":%q,"answers":%q,"hangs":%q}`, c.do, answers, hanging(t)))
			if bad.FunctionError == "" {
				t.Errorf("answer is %s", bad.Payload)
			}
			w.invoke(`{"n":2}`)
			s := w.close()[bad.RequestID]
			if s.StatusCode != otlptest.StatusError || s.Attributes["afterglow.outcome"] != c.outcome || s.Attributes["error.type"] != c.kind {
				t.Errorf("its span has status %q, attributes %v", s.StatusCode, s.Attributes)
			}
			if took := s.End.Sub(s.Start); !strings.HasPrefix(s.StatusMessage, c.message) || !strings.HasSuffix(s.StatusMessage, ", waiting for GET 127.0.0.1") || took < c.least {
				t.Errorf("it says %q after %v", s.StatusMessage, took)
			}
			checkCalls(t, w, s)
		})
	}
}

// checkCalls expects the call that was answered, and the one that was under way when the invocation ended.
func checkCalls(t *testing.T, w *watched, function otlptest.Span) {
	t.Helper()
	calls := map[string]otlptest.Span{}
	for _, s := range w.collector.Spans() {
		if s.ParentID == function.SpanID {
			_, path, _ := strings.Cut(fmt.Sprint(s.Attributes["url.full"]), "127.0.0.1")
			_, path, _ = strings.Cut(path, "/")
			calls[path] = s
		}
	}
	before, underWay := calls["before?token=****"], calls["under-way?token=****"]
	if len(calls) != 2 || before.Attributes["afterglow.open"] != nil || underWay.Attributes["afterglow.open"] != true || underWay.StatusCode != otlptest.StatusError {
		t.Errorf("its calls are %v", calls)
	}
	if function.End.Sub(function.Start) > time.Second && underWay.End.Before(function.End) {
		t.Errorf("the call under way ended at %v, the invocation at %v", underWay.End, function.End)
	}
}

// collectorAt is something that answers.
func collectorAt(t *testing.T) (address string) {
	t.Helper()
	r, err := otlptest.Start(otlptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.Addr()
}

// TestWithoutAHook: what Lambda tells is all that is known, and each invocation arrives once.
func TestWithoutAHook(t *testing.T) {
	w := withAfterglow(t, lambda{change: func(f *Function, _ *Options) { f.Timeout = 2 * time.Second }}, map[string]string{wrapperSetting: ""})
	first := w.invoke(`{}`)
	for range 5 {
		w.invoke(`{}`)
	}
	crashed := w.invoke(`{"do":"exit=3"}`)
	again := w.invoke(`{}`)
	hung := w.invoke(`{"do":"sleep=1m"}`)
	w.invoke(`{}`)
	spans := w.close()
	for id, want := range map[string][2]any{first.RequestID: {nil, true}, crashed.RequestID: {"killed", false}, again.RequestID: {nil, true}, hung.RequestID: {"timeout", false}} {
		s := spans[id]
		if s.Attributes["afterglow.unhooked"] != true || s.Attributes["afterglow.outcome"] != want[0] || s.Attributes["faas.coldstart"] != want[1] {
			t.Errorf("%s has %v", id, s.Attributes)
		}
		if (want[0] != nil) != (s.StatusCode == otlptest.StatusError) || !s.End.After(s.Start) {
			t.Errorf("%s: status %q %q, from %v to %v", id, s.StatusCode, s.StatusMessage, s.Start, s.End)
		}
	}
	if took := spans[hung.RequestID].End.Sub(spans[hung.RequestID].Start); took < 1900*time.Millisecond {
		t.Errorf("what timed out took %v", took)
	}
}

// TestASetUpThatFails: the invocation that it fails has a span, beside that of the set-up.
func TestASetUpThatFails(t *testing.T) {
	for name, code := range map[string]string{"raises": "raise ValueError('no password=hunter2')", "ends its process": "import os; os._exit(3)"} {
		t.Run(name, func(t *testing.T) {
			w := withAfterglow(t, managed(t, pythonName, "app.py", code), nil)
			bad := w.invoke(`{}`)
			if bad.FunctionError == "" {
				t.Errorf("answer is %s", bad.Payload)
			}
			s := w.close()[bad.RequestID]
			setUps := map[string]bool{}
			for _, s := range w.collector.Spans() {
				if s.Name == "probe init" && s.StatusMessage == "no password=****" {
					setUps[s.SpanID] = true
				}
			}
			if want := map[string]int{"raises": 2}[name]; len(setUps) != want { // Lambda tries again in the invocation
				t.Errorf("%d set-ups have failed, want %d", len(setUps), want)
			}
			if s.StatusCode != otlptest.StatusError || s.Attributes["afterglow.unhooked"] != true {
				t.Errorf("its span has status %q, attributes %v", s.StatusCode, s.Attributes)
			}
		})
	}
}

package lambdalocal

import (
	"context"
	"strings"
	"testing"
	"time"
)

// Sources: LIM; RIE rapidcore/server.go sendResponseUnsafe: an error report is measured as a response is. The caller
// learns what happened, and the runtime goes on.
func TestErrorThatIsTooLarge(t *testing.T) {
	e, log := lambda{}.start(t)
	r := invokeOnly(t, e, `{"do":"bigerr=6291557"}`)
	if r.FunctionError != "Unhandled" || r.ErrorType != "Function.ResponseSizeTooLarge" || !strings.Contains(string(r.Payload), "exceeded maximum allowed payload size (6291556 bytes)") {
		t.Errorf("result is %+v, %.200s", r, r.Payload)
	}
	log.wait(t, `error 413 {"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}`)
	if r := invokeOnly(t, e, `{"do":"bigerr=6291556"}`); r.ErrorType != "Function.Big" || len(r.Payload) != 6291556 {
		t.Errorf("the largest error: %d bytes of %s", len(r.Payload), r.ErrorType)
	}
}

// Source: RIE rapidcore/server.go SendInitErrorResponse: what the runtime tells of an init inside an invocation is the
// invocation's answer at once, also if the runtime stays.
func TestInitErrorInsideAnInvocationIsAnsweredAtOnce(t *testing.T) {
	e, _ := lambda{bootstrap: "fail=init/error@Runtime.Bad until=/tmp/never", timeout: time.Hour, change: func(_ *Function, o *Options) {
		o.initLimit = 300 * time.Millisecond
	}}.start(t)
	r := invokeOnly(t, e, `{}`)
	if r.FunctionError != "Unhandled" || r.ErrorType != "Runtime.Bad" || string(r.Payload) != "{}" || r.Init == 0 {
		t.Errorf("result is %+v, %s", r, r.Payload)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Close(ctx); err != nil { // instead of an hour
		t.Error(err)
	}
}

// Sources: LRE, RIE rapidcore/server.go Invoke: an init that its limit cuts is a timeout, for its INIT_REPORT and for
// the extensions; one that fails is a failure.
func TestReasonOfAShutdownAfterInit(t *testing.T) {
	for _, c := range []struct{ name, bootstrap, status, reason string }{
		{"timeout", "sleep=1h", "Status: timeout", `"shutdownReason":"timeout"`},
		{"failure", "exit=1", "Status: error", `"shutdownReason":"failure"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, log := lambda{bootstrap: c.bootstrap, extensions: map[string]string{"ext": ""}, change: func(_ *Function, o *Options) {
				if c.name == "timeout" {
					o.initLimit = 500 * time.Millisecond
				}
			}}.start(t)
			log.wait(t, c.status)
			log.wait(t, c.reason)
		})
	}
}

package lambdalocal

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"
)

// Sources: EXT "shutdown", RIE rapid/shutdown.go; reference 2.3.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		l     lambda
		check func(t *testing.T, log *recorder, took time.Duration)
	}{
		{"SIGTERM to the runtime, then SHUTDOWN", lambda{bootstrap: "onterm=say loop", extensions: map[string]string{"ext": ""}},
			func(t *testing.T, log *recorder, took time.Duration) {
				lines := log.texts("")
				if term, down := index(lines, "got SIGTERM"), index(lines, `"shutdownReason":"spindown"`); term < 0 || down < term {
					t.Errorf("the log is %q", lines)
				}
				if took > 600*time.Millisecond {
					t.Errorf("shutdown took %v although everybody left at once", took)
				}
			}},
		{"a runtime that ignores SIGTERM has its share", lambda{bootstrap: "onterm=ignore loop", extensions: map[string]string{"ext": ""}},
			func(t *testing.T, log *recorder, took time.Duration) {
				if !log.has("got SIGTERM") || !log.has("exiting") || took < 600*time.Millisecond || took > 1500*time.Millisecond {
					t.Errorf("shutdown took %v", took)
				}
			}},
		{"without extensions nobody is asked", lambda{bootstrap: "onterm=say loop"},
			func(t *testing.T, log *recorder, took time.Duration) {
				if log.has("got SIGTERM") || took > 500*time.Millisecond {
					t.Errorf("shutdown took %v", took)
				}
			}},
		{"an extension that does not leave is killed after 2 s", lambda{bootstrap: "onterm=say loop", extensions: map[string]string{"ext": "register=SHUTDOWN next sleep=1h"}},
			func(t *testing.T, log *recorder, took time.Duration) {
				if took < 1900*time.Millisecond || took > 3*time.Second {
					t.Errorf("shutdown took %v", took)
				}
			}},
		{"an extension that did not register for SHUTDOWN is killed", lambda{bootstrap: "onterm=say loop", extensions: map[string]string{"ext": "register=INVOKE loop"}},
			func(t *testing.T, log *recorder, took time.Duration) {
				if log.has("exiting") || took > 600*time.Millisecond {
					t.Errorf("shutdown took %v", took)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := c.l.start(t)
			invoke(t, e, `{}`)
			begun := time.Now()
			if err := e.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.check(t, log, time.Since(begun))
			if _, err := e.Invoke(t.Context(), Invocation{}); err == nil {
				t.Error("a closed environment takes invocations")
			}
			if err := e.Close(t.Context()); err != nil {
				t.Errorf("second close: %v", err)
			}
		})
	}
}

// A daemon that has the runtime's outputs takes nothing of the extension's two seconds (EXT), neither at the end nor at
// a reset.
func TestShutdownWithDaemons(t *testing.T) {
	const tries, most = 3, 1900 * time.Millisecond // a busy machine may be late once
	var left time.Duration
	for range tries {
		e, log := lambda{bootstrap: "onterm=say loop", extensions: map[string]string{"ext": "daemon=sleep_1000 register=SHUTDOWN loop"}}.start(t)
		invoke(t, e, `{"do":"daemon=sleep_1000 daemon=sleep_1000"}`)
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		log.wait(t, "got SIGTERM")
		if left = timeLeft(t, log); left >= most {
			return
		}
	}
	t.Errorf("the extension has %v", left)
}

// timeLeft is what an extension has when it gets SHUTDOWN.
func timeLeft(t *testing.T, log *recorder) time.Duration {
	t.Helper()
	log.wait(t, `"eventType":"SHUTDOWN"`)
	log.mu.Lock()
	defer log.mu.Unlock()
	for _, l := range log.lines {
		if at := strings.Index(l.Text, `{"eventType":"SHUTDOWN"`); at >= 0 {
			var event struct{ DeadlineMs int64 }
			if err := json.Unmarshal([]byte(l.Text[at:]), &event); err != nil {
				t.Fatal(err)
			}
			return time.UnixMilli(event.DeadlineMs).Sub(l.Time)
		}
	}
	return 0
}

// Close waits for a running phase, but no longer than its context.
func TestCloseWhileWorking(t *testing.T) {
	e, log := lambda{}.start(t)
	go e.Invoke(context.Background(), Invocation{Payload: []byte(`{"do":"say=working sleep=1h"}`)})
	log.wait(t, "working")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := e.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("close took %v", took)
	}
}

// How an extension left is told for every shutdown, that of a reset included.
func TestExtensionEnded(t *testing.T) {
	t.Parallel()
	ends := make(chan ExtensionEnd, 4)
	e, _ := lambda{
		bootstrap:  "onterm=say loop",
		extensions: map[string]string{"good": "", "bad": "register=INVOKE,SHUTDOWN next next exit=3", "slow": "register=SHUTDOWN next sleep=1h", "deaf": "register=INVOKE loop"},
		change:     func(_ *Function, o *Options) { o.ExtensionEnded = func(end ExtensionEnd) { ends <- end } },
	}.start(t)
	invoke(t, e, `{}`)
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]ExtensionEnd{}
	for len(ends) > 0 {
		end := <-ends
		got[end.Name] = end
	}
	want := map[string]ExtensionEnd{
		"good": {"good", "spindown", true, "exit status 0"},
		"bad":  {"bad", "spindown", true, "exit status 3"},
		"slow": {"slow", "spindown", false, "signal: killed"},
	}
	if !maps.Equal(got, want) {
		t.Errorf("told of %v", got)
	}
}

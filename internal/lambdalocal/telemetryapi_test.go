package lambdalocal

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// subscriber is the script of an extension that listens and subscribes, and then does what follows.
func subscriber(types, then string) string {
	return "register=INVOKE,SHUTDOWN telemetry=" + types + " " + then
}

// toldTypes are the types of the events that a subscriber has got, in their order.
func toldTypes(log *recorder) (types []string) {
	for _, line := range log.texts(SourceExtension) {
		if event, ok := strings.CutPrefix(line, "told "); ok {
			types = append(types, strings.Fields(event)[0])
		}
	}
	return types
}

// Sources: TEL; RIE-LMI telemetry/relay.go; reference 1.5, 3.7: a subscriber gets what came before it as well,
// runtimeDone while the invocation goes on, its report only with the next one or the shutdown.
func TestSubscriber(t *testing.T) {
	e, log := lambda{extensions: map[string]string{"ext": subscriber("platform,function", "loop")}}.start(t)
	log.wait(t, "TELEMETRY\tName: ext\tState: Subscribed\tTypes: [Platform, Function]")
	first, _ := invoke(t, e, `{"do":"say=hello"}`)
	if slices.Contains(toldTypes(log), "platform.report") {
		t.Error("the report came before the next invocation")
	}
	second := invokeOnly(t, e, `{"do":"sleep=200ms"}`)
	log.wait(t, "told platform.report success "+first.RequestID)
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.wait(t, "told platform.report success "+second.RequestID)
	want := []string{
		"platform.initStart", "platform.telemetrySubscription", "platform.initRuntimeDone", "platform.extension", "platform.initReport",
		"platform.start", "function", "platform.runtimeDone", "platform.report", "platform.start", "platform.runtimeDone", "platform.report",
	}
	got := slices.Compact(toldTypes(log))           // the function says more than one thing
	if i := slices.Index(got, "function"); i >= 0 { // its other lines may come wherever a delivery ends
		got = slices.DeleteFunc(got, func(s string) bool { return s == "function" })
		got = slices.Insert(got, 6, "function")
	}
	if !slices.Equal(got, want) {
		t.Errorf("the subscriber was told\n%q, want\n%q", got, want)
	}
	lines := log.texts("")
	if report, shutdown := index(lines, "told platform.report success "+second.RequestID), index(lines, `"shutdownReason"`); report > shutdown {
		t.Error("what was buffered came after SHUTDOWN")
	}
}

// Sources: reference 3.7; DD-agent PR#16350: while an environment is frozen nothing is delivered, whoever listens.
// Here it is this test, which nobody freezes.
func TestNothingIsToldWhileFrozen(t *testing.T) {
	reports := make(chan string, 100)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var events []struct {
			Type   string
			Record struct{ RequestID string }
		}
		if err := json.NewDecoder(r.Body).Decode(&events); err != nil {
			t.Error(err)
		}
		for _, e := range events {
			if e.Type == telemetry.Report {
				reports <- e.Record.RequestID
			}
		}
	})}
	go server.Serve(l)
	defer server.Close()
	e, log := lambda{extensions: map[string]string{"ext": fmt.Sprintf("register=INVOKE,SHUTDOWN telemetry=platform:%d loop", l.Addr().(*net.TCPAddr).Port)}}.start(t)
	first, _ := invoke(t, e, `{}`)
	log.wait(t, "TELEMETRY\t")
	select {
	case id := <-reports:
		t.Errorf("the report of %s came while the environment was frozen", id)
	case <-time.After(100 * time.Millisecond): // four times what the subscriber lets pass
	}
	invokeOnly(t, e, `{"do":"sleep=100ms"}`)
	select {
	case id := <-reports:
		if id != first.RequestID {
			t.Errorf("the report of %s came, want that of %s", id, first.RequestID)
		}
	case <-time.After(patience):
		t.Error("the report did not come with the next invocation")
	}
}

// An extension may do its work when it hears that the runtime is done, and call next then (reference 2.2,
// way 1): it waits for the event, and the event does not wait for it.
func TestSubscriberThatWaitsForRuntimeDone(t *testing.T) {
	e, log := lambda{extensions: map[string]string{"ext": subscriber("platform", "loopdone")}}.start(t)
	for range 3 {
		r, report := invoke(t, e, `{}`)
		if report.Status != "success" {
			t.Fatalf("report is %+v", report)
		}
		if !log.has("told platform.runtimeDone success " + r.RequestID) {
			t.Error("the invocation ended before it was told that the runtime was done")
		}
	}
}

// Sources: RIE rapid/handlers.go handleReset; TEL: a subscriber hears how the runtime ended before it gets
// SHUTDOWN. Its subscription ends with it, and its successor makes another.
func TestSubscriberOfAReset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, payload, status string }{
		{"timeout", `{"do":"sleep=1h"}`, "timeout"},
		{"crash", `{"do":"exit=1"}`, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := lambda{timeout: time.Second, extensions: map[string]string{"ext": subscriber("platform", "loop")}}.start(t)
			r, _ := invoke(t, e, c.payload)
			done := log.wait(t, "told platform.runtimeDone "+c.status+" "+r.RequestID)
			lines := log.texts("")
			if slices.Index(lines, done) > index(lines, `"shutdownReason"`) {
				t.Errorf("runtimeDone came after SHUTDOWN: %q", lines)
			}
			invoke(t, e, `{}`)
			invoke(t, e, `{"do":"sleep=50ms"}`)
			if lines := log.texts(""); len(slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "TELEMETRY\t") })) != 2 {
				t.Errorf("the subscriptions are %q", lines)
			}
			log.wait(t, `told platform.initStart   {"initializationType":"on-demand","phase":"invoke"`)
		})
	}
}

// Source: RIE rapi/handler/runtimelogs.go: after init there are no subscriptions any more.
func TestLateSubscription(t *testing.T) {
	e, log := lambda{extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN next telemetry=platform loop"}}.start(t)
	invoke(t, e, `{}`)
	if line := log.wait(t, "call /2022-07-01/telemetry"); !strings.Contains(line, " 403 ") || !strings.Contains(line, "Telemetry.SubscriptionClosed") {
		t.Errorf("a late subscription got %q", line)
	}
}

// Source: RIE and SAM answer 202; reference 3.1: extensions have to live with that.
func TestSubscriberWithoutTelemetry(t *testing.T) {
	e, log := lambda{
		extensions: map[string]string{"ext": subscriber("platform", "loop")},
		change:     func(_ *Function, o *Options) { o.NoTelemetry = true },
	}.start(t)
	invoke(t, e, `{}`)
	invoke(t, e, `{"do":"sleep=50ms"}`)
	if line := log.wait(t, "call /2022-07-01/telemetry"); !strings.Contains(line, " 202 ") || !strings.Contains(line, "Telemetry.NotSupported") {
		t.Errorf("the subscription got %q", line)
	}
	if got := toldTypes(log); len(got) > 0 || log.has("TELEMETRY\t") {
		t.Errorf("the subscriber was told %q", got)
	}
}

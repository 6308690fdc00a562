package lambdalocal

import (
	"encoding/json"
	"strings"
	"testing"
)

// got are the events that the probe's listener has got so far, in short: type, and status and name if they have
// them, or the line.
func got(log *recorder) []string {
	var out []string
	for _, text := range log.texts(SourceExtension) {
		rest, ok := strings.CutPrefix(text, "told ")
		if !ok {
			continue
		}
		parts := strings.SplitN(rest, " ", 4) // type, status, request id, record
		kind, record := parts[0], parts[3]
		var fields struct{ Status, Name, Phase string }
		_ = json.Unmarshal([]byte(record), &fields) // a line has none
		kind = strings.TrimPrefix(kind, "platform.")
		switch {
		case kind == "function" || kind == "extension" && strings.HasPrefix(record, `"`):
			out = append(out, kind+" "+record)
		default:
			out = append(out, strings.Join(strings.Fields(kind+" "+fields.Phase+" "+fields.Name+" "+fields.Status), " "))
		}
	}
	return out
}

// expect compares events, but for those whose place is not fixed: a subscription goes on beside the start of the
// runtime, and lines are read beside everything else (reference 3.7).
func expect(t *testing.T, when string, seen, want []string) {
	t.Helper()
	var fixed []string
	for _, s := range seen {
		if !strings.HasPrefix(s, "function ") && !strings.HasPrefix(s, "telemetrySubscription ") {
			fixed = append(fixed, s)
		}
	}
	if strings.Join(fixed, "\n") != strings.Join(want, "\n") {
		t.Fatalf("%s the extension has\n%s\nand not\n%s", when, strings.Join(fixed, "\n"), strings.Join(want, "\n"))
	}
}

// Sources: TEL, TELSCH; reference 2.1, 3.1, 3.7: a subscription between register and next; what came before it is
// delivered as well; runtimeDone comes within its invocation, and the report of an invocation in the next one or
// with the shutdown, since it is only told when everybody has called next.
func TestTelemetry(t *testing.T) {
	e, log := lambda{extensions: map[string]string{
		"ext": "register=INVOKE,SHUTDOWN telemetry=platform,function loopdone",
	}}.start(t)
	log.wait(t, `call /2022-07-01/telemetry 200 "OK"`)
	log.wait(t, "TELEMETRY\tName: ext\tState: Subscribed\tTypes: [Platform, Function]")
	want := []string{"initStart init", "initRuntimeDone init success", "extension ext", "initReport init success"}
	for _, n := range []string{"one", "two", "three"} {
		invoke(t, e, `{"do":"say=`+n+`"}`)
		want = append(want, "start", "runtimeDone success")
		expect(t, "when "+n+" has ended", got(log), want)
		want = append(want, "report success")
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := got(log)
	expect(t, "at the end", seen, want)
	var others []string
	for _, s := range seen {
		if s == "telemetrySubscription ext" || s == `function "one"` || s == `function "two"` || s == `function "three"` {
			others = append(others, s)
		}
	}
	if strings.Join(others, ", ") != `telemetrySubscription ext, function "one", function "two", function "three"` {
		t.Errorf("of the subscription and the function's own lines came %s", others)
	}
}

// Sources: LMIENV, TEL: only the newest schema on managed instances.
func TestManagedSchema(t *testing.T) {
	_, log := lambda{
		extensions: map[string]string{"ext": "register=SHUTDOWN telemetry=platform@2022-12-13 telemetry=platform@2025-01-29 loop"},
		change:     func(f *Function, _ *Options) { f.InitType = ManagedInstances },
	}.start(t)
	log.wait(t, `call /2022-07-01/telemetry 400 {"errorMessage":"schemaVersion`)
	log.wait(t, `call /2022-07-01/telemetry 200 "OK"`)
}

// Source: TELSCH, "function": with the log format JSON the record is what the function has written.
func TestTelemetryOfJSONLogs(t *testing.T) {
	e, log := lambda{
		extensions: map[string]string{
			"ext": "register=INVOKE,SHUTDOWN telemetry=platform,function loopdone",
			"old": "register=INVOKE,SHUTDOWN telemetry=platform,function@2022-07-01 loopdone",
		},
		change: func(f *Function, _ *Options) { f.LogFormat = logFormatJSON },
	}.start(t)
	invoke(t, e, `{"do":"say={\"level\":\"INFO\"}"}`)
	log.wait(t, `told function   {"level":"INFO"}`)
	log.wait(t, `told function   "{\"level\":\"INFO\"}"`)
}

// Every extension's lines reach every subscriber to them.
func TestTelemetryOfExtensions(t *testing.T) {
	e, log := lambda{extensions: map[string]string{
		"ext": "register=INVOKE,SHUTDOWN telemetry=platform,extension loopdone",
		"two": "register=INVOKE,SHUTDOWN say=hello loop",
	}}.start(t)
	invoke(t, e, `{}`)
	log.wait(t, `told extension   "hello"`)
}

// Source: reference 2.5 ("make sure nothing is in flight; otherwise it completes in the next invoke's time"): a
// delivery that a freeze finds under way is not lost, and not made twice.
func TestFreezeDuringDelivery(t *testing.T) {
	e, log := lambda{extensions: map[string]string{
		"ext": "register=INVOKE,SHUTDOWN hold=60ms telemetry=platform loop=40ms",
	}}.start(t)
	for range 8 {
		invoke(t, e, `{}`)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, text := range log.texts(SourceExtension) {
		if strings.HasPrefix(text, "told platform.") && seen[text] {
			t.Errorf("twice: %s", text)
		}
		seen[text] = true
	}
	starts := 0
	for _, s := range got(log) {
		if s == "start" {
			starts++
		}
	}
	if starts < 7 { // the shutdown does not wait for a listener that takes its time
		t.Errorf("%d of 8 invocations were told of:\n%s", starts, strings.Join(got(log), "\n"))
	}
}

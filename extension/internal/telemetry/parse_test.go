package telemetry

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const trace = "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1"

// TestEveryRecord: source TELSCH, and the events of AWS's emulator for what that leaves out.
func TestEveryRecord(t *testing.T) {
	const id = "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa"
	when := time.Date(2026, 1, 12, 0, 0, 15, 64e6, time.UTC)
	ms := func(n float64) time.Duration { return time.Duration(n * 1e6) }
	tests := []struct {
		name, kind, record string
		want               event.Fact
	}{
		{"start", "platform.start", `{"requestId":"` + id + `","version":"$LATEST","tenantId":"blue",` + tracing + `}`,
			event.Fact{Kind: event.FactStart, ID: id, Tenant: "blue", Trace: trace}},
		{"start on managed instances", "platform.start", `{"requestId":"` + id + `","functionArn":"arn:aws:lambda:us-east-1:1:function:f"}`,
			event.Fact{Kind: event.FactStart, ID: id}},
		{"done", "platform.runtimeDone", `{"requestId":"` + id + `","status":"success","metrics":{"durationMs":140.25,"producedBytes":16},"spans":[{"name":"responseLatency","start":"2026-01-12T00:00:15:064Z","durationMs":23.02}],` + tracing + `}`,
			event.Fact{Kind: event.FactDone, ID: id, Status: "success", Duration: ms(140.25), Produced: 16, Trace: trace}},
		{"done by a crash", "platform.runtimeDone", `{"requestId":"` + id + `","status":"error","errorType":"Runtime.ExitError"}`,
			event.Fact{Kind: event.FactDone, ID: id, Status: "error", ErrorType: "Runtime.ExitError"}},
		{"done by a timeout, in capitals", "platform.runtimeDone", `{"requestId":"` + id + `","status":"TIMEOUT"}`,
			event.Fact{Kind: event.FactDone, ID: id, Status: "timeout"}},
		{"report", "platform.report", `{"requestId":"` + id + `","status":"success","metrics":{"durationMs":190.4,"billedDurationMs":589,"initDurationMs":397.68,"memorySizeMB":128,"maxMemoryUsedMB":84},"spans":[{"name":"extensionOverhead","start":"2026-01-12T00:00:15.204Z","durationMs":50.1}]}`,
			event.Fact{Kind: event.FactReport, ID: id, Status: "success", Duration: ms(190.4), Billed: ms(589), Init: ms(397.68), Overhead: ms(50.1), MemorySize: 128 << 20, MemoryUsed: 84 << 20}},
		{"report of a restored environment", "platform.report", `{"requestId":"` + id + `","status":"success","metrics":{"durationMs":1,"billedDurationMs":2,"restoreDurationMs":333.3}}`,
			event.Fact{Kind: event.FactReport, ID: id, Status: "success", Duration: ms(1), Billed: ms(2), Restore: ms(333.3)}},
		{"report on managed instances", "platform.report", `{"requestId":"` + id + `","status":"error","errorType":"Sandbox.Timedout","metrics":{"durationMs":7},"spans":[{"name":"responseLatency","durationMs":3}]}`,
			event.Fact{Kind: event.FactReport, ID: id, Status: "error", ErrorType: "Sandbox.Timedout", Duration: ms(7)}},
		{"init start", "platform.initStart", `{"initializationType":"on-demand","phase":"init","functionName":"f","functionVersion":"$LATEST","instanceId":"2026/01/12/[$LATEST]0123","instanceMaxMemory":134217728,"runtimeVersion":"python:3.13.v1","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:1"}`,
			event.Fact{Kind: event.FactInitStart, Phase: "init", InitType: "on-demand", Instance: "2026/01/12/[$LATEST]0123"}},
		{"init start of a snapshot", "platform.initStart", `{"initializationType":"snap-start","phase":"snap-start","functionName":"f"}`,
			event.Fact{Kind: event.FactInitStart, Phase: "snap-start", InitType: "snap-start"}},
		{"init done", "platform.initRuntimeDone", `{"initializationType":"provisioned-concurrency","phase":"invoke","status":"error","errorType":"Runtime.ExitError","spans":[]}`,
			event.Fact{Kind: event.FactInitDone, Phase: "invoke", InitType: "provisioned-concurrency", Status: "error", ErrorType: "Runtime.ExitError"}},
		{"init report", "platform.initReport", `{"initializationType":"lambda-managed-instances","phase":"init","status":"success","metrics":{"durationMs":125.33}}`,
			event.Fact{Kind: event.FactInitReport, Phase: "init", InitType: "lambda-managed-instances", Status: "success", Duration: ms(125.33)}},
		{"restore start", "platform.restoreStart", `{"functionName":"f","functionVersion":"1","instanceId":"stream"}`,
			event.Fact{Kind: event.FactRestoreStart, Instance: "stream"}},
		{"restore report", "platform.restoreReport", `{"status":"success","metrics":{"durationMs":70.87}}`,
			event.Fact{Kind: event.FactRestoreDone, Status: "success", Duration: ms(70.87)}},
		{"dropped", "platform.logsDropped", `{"reason":"Consumer seems to have fallen behind as it has not acknowledged receipt of logs.","droppedRecords":123,"droppedBytes":12345}`,
			event.Fact{Kind: event.FactDropped, Reason: event.DroppedByLambda, DroppedRecords: 123, DroppedBytes: 12345}},

		{"a line", "function", `"[INFO] Hello world, I am a function!\n"`,
			event.Fact{Kind: event.FactLine, Line: event.TextOf("[INFO] Hello world, I am a function!")}},
		{"a line with escapes", "function", `"\u0041 \"quoted\"\\\tπ \ud83d\ude00 \ud800"`,
			event.Fact{Kind: event.FactLine, Line: event.TextOf("A \"quoted\"\\\tπ 😀 \ufffd")}},
		{"an empty line", "function", `""`, event.Fact{Kind: event.FactLine, Line: event.TextOf("")}},
		{"Lambda's own object", "function", `{"timestamp":"2026-01-12T00:00:15.000Z","level":"INFO","requestId":"` + id + `","message":"Hello\nworld"}`,
			event.Fact{Kind: event.FactLine, ID: id, Level: "INFO", Line: event.TextOf("Hello\nworld")}},
		{"Java's object", "function", `{"timestamp":"2026-01-12T00:00:15.000Z","message":"Hello","level":"WARN","AWSRequestId":"` + id + `"}`,
			event.Fact{Kind: event.FactLine, ID: id, Level: "WARN", Line: event.TextOf("Hello")}},
		{"an object that tells more", "function", `{"level":"ERROR","message":"no","logger":"root","requestId":"` + id + `","stackTrace":["a","b"]}`,
			event.Fact{Kind: event.FactLine, ID: id, Level: "ERROR", Line: event.TextOf(`{"level":"ERROR","message":"no","logger":"root","requestId":"` + id + `","stackTrace":["a","b"]}`)}},
		{"a message that is an object", "function", `{"level":"INFO","message":{"a":1}}`,
			event.Fact{Kind: event.FactLine, Level: "INFO", Line: event.TextOf(`{"level":"INFO","message":{"a":1}}`)}},
		{"the function's own object", "function", `{"msg":"hi"}`, event.Fact{Kind: event.FactLine, Line: event.TextOf(`{"msg":"hi"}`)}},

		{"fields of other kinds", "platform.report", `{"requestId":5,"status":["x"],"metrics":{"durationMs":"12","billedDurationMs":null,"memorySizeMB":{}},"spans":{"a":1},"tracing":"x","new":{"field":[1]}}`,
			event.Fact{Kind: event.FactReport}},
		{"numbers that are too much", "platform.report", `{"requestId":"A","metrics":{"durationMs":1e300,"billedDurationMs":-5,"memorySizeMB":1e18,"maxMemoryUsedMB":9e99}}`,
			event.Fact{Kind: event.FactReport, ID: "A", MemorySize: 1<<63 - 1<<20}},
		{"an id that is none", "platform.start", `{"requestId":"` + strings.Repeat("x", maxWord) + `"}`, event.Fact{Kind: event.FactStart}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.want.Time = when
			for form, text := range map[string]string{
				"plain":   `[{"time":"2026-01-12T00:00:15.064Z","type":"` + test.kind + `","record":` + test.record + `}]`,
				"typo":    `[{"record":` + test.record + `,"new":1,"type":"` + test.kind + `","time":"2026-01-12T00:00:15:064Z"}]`,
				"spaced":  " [ {\n\t\"time\" : \"2026-01-12T00:00:15.064Z\" ,\r\n \"type\" : \"" + test.kind + "\" , \"record\" : " + test.record + " } ] ",
				"an hour": `[{"time":"2026-01-12T01:00:15.064+01:00","type":"` + test.kind + `","record":` + test.record + `}]`,
			} {
				var p parser
				var got []event.Fact
				understood, damaged := p.parse([]byte(text), time.Now(), func(f event.Fact) { got = append(got, f) })
				if understood != 1 || damaged != 0 || len(got) != 1 {
					t.Fatalf("%s: %d understood, %d damaged, facts %+v", form, understood, damaged, got)
				}
				if f := got[0]; !f.Time.Equal(when) {
					t.Errorf("%s: time %v", form, f.Time)
				}
				got[0].Time = when
				if !reflect.DeepEqual(got[0], test.want) {
					t.Errorf("%s: got  %+v %q\nwant %+v %q", form, got[0], got[0].Line.Reveal(), test.want, test.want.Line.Reveal())
				}
			}
		})
	}
}

// TestWhatIsNotPassedOn is understood, and nothing is counted.
func TestWhatIsNotPassedOn(t *testing.T) {
	var p parser
	post := list(`{"time":"x","type":"platform.extension","record":{"name":"a","state":"Ready","events":["INVOKE"]}}`,
		`{"time":"x","type":"platform.telemetrySubscription","record":{"name":"a","state":"Subscribed","types":["platform"]}}`,
		`{"type":"platform.restoreRuntimeDone","record":{"status":"success"}}`, `{"type":"platform.end","record":{"requestId":"A"}}`, `{"type":"platform.fault","record":"text"}`,
		`{"type":"extension","record":"a line of another extension"}`, `{"type":"something.new","record":7,"more":[]}`)
	understood, damaged := p.parse([]byte(post), time.Now(), func(f event.Fact) { t.Errorf("got %+v", f) })
	if understood != 7 || damaged != 0 {
		t.Errorf("%d understood, %d damaged", understood, damaged)
	}
}

// TestTimesThatAreNone: the time of arrival stands in for them.
func TestTimesThatAreNone(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, when := range []string{`""`, `"yesterday"`, `17`, `"2026-01-12T00:00:15"`, `"2026-01-12T00:00:15:Z"`, `"2026-01-12T00:00:15:"`, `"2026-13-12T00:00:15.064Z"`} {
		var p parser
		p.parse([]byte(`[{"time":`+when+`,"type":"platform.start","record":{"requestId":"A"}}]`), now, func(f event.Fact) {
			if !f.Time.Equal(now) {
				t.Errorf("%s: %v", when, f.Time)
			}
		})
	}
}

// TestLongLines are cut between two characters.
func TestLongLines(t *testing.T) {
	for _, c := range []struct {
		line string
		want int
	}{
		{strings.Repeat("x", maxLine), maxLine},
		{strings.Repeat("x", maxLine+1), maxLine},
		{strings.Repeat("x", maxLine-1) + "π", maxLine - 1},
		{strings.Repeat("x", maxLine-3) + "😀", maxLine - 3},
	} {
		var f event.Fact
		keep(c.line, &f)
		if got := f.Line.Reveal(); len(got) != c.want || !utf8.ValidString(got) || f.LineTruncated != (len(c.line) > maxLine) {
			t.Errorf("of %d bytes %d are kept, want %d; truncated %v", len(c.line), len(got), c.want, f.LineTruncated)
		}
	}
}

// TestLinesThatAreNoText: what is exported has to be UTF-8.
func TestLinesThatAreNoText(t *testing.T) {
	var p parser
	for _, record := range []string{"\"a\xffb\"", "{\"a\":\"\xff\"}"} {
		n := 0
		p.parse([]byte(`[{"type":"function","record":`+record+`}]`), time.Now(), func(f event.Fact) {
			n++
			if got := f.Line.Reveal(); !utf8.ValidString(got) || got == "" {
				t.Errorf("got %q", got)
			}
		})
		if n != 1 {
			t.Errorf("%q gives %d facts", record, n)
		}
	}
}

// TestFactsOfAnInvocationShareTheirTexts: thousands of them are kept.
func TestFactsOfAnInvocationShareTheirTexts(t *testing.T) {
	var p parser
	post := []byte(invocationPost)
	if n := testing.AllocsPerRun(100, func() { p.parse(post, time.Now(), func(event.Fact) {}) }); n > 20 {
		t.Errorf("%v allocations", n)
	}
}

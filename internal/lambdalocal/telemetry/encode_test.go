package telemetry

import (
	"testing"
	"testing/synctest"
	"time"
)

// Sources: TELSCH, "function" and "extension": a string, or with the log format JSON and schema 2022-12-13 or later
// the object; a line that is no object stays a line.
func TestLogLines(t *testing.T) {
	const object = `{"level":"INFO","message":"a<b"}`
	for _, c := range []struct {
		name, schema, line string
		jsonLogs           bool
		want               string // of the record, or of its type and record
	}{
		{"text", "2022-12-13", "plain", false, "plain"},
		{"object in a text log", "2022-12-13", object, false, object},
		{"object in a JSON log", "2022-12-13", object, true, `function {"level":"INFO","message":"a\u003cb"}`},
		{"object with spaces", "2022-12-13", "  " + object + " ", true, `function {"level":"INFO","message":"a\u003cb"}`},
		{"newest schema", "2025-01-29", object, true, `function {"level":"INFO","message":"a\u003cb"}`},
		{"oldest schema", "2022-07-01", object, true, object},
		{"text in a JSON log", "2022-12-13", "plain", true, "plain"},
		{"broken object", "2022-12-13", `{"level":`, true, `{"level":`},
		{"two objects", "2022-12-13", object + object, true, object + object},
		{"number", "2022-12-13", "42", true, "42"},
		{"empty", "2022-12-13", "", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, to := NewStream(Options{JSONLogs: c.jsonLogs}), &listener{}
				defer s.Close()
				join(t, s, "ext", to, functionLines+`,"schemaVersion":"`+c.schema+`"`)
				s.Emit(line(c.line))
				pass(time.Hour)
				if got := to.records(); len(got) != 1 || got[0] != c.want {
					t.Errorf("record is %q, not %q", got, c.want)
				}
			})
		})
	}
}

// Sources: TELSCH (the records' fields), RIE-LMI telemetry/constants.go (the form of times).
func TestWireForm(t *testing.T) {
	at := time.Date(2026, 1, 12, 1, 0, 15, 64_999_999, time.FixedZone("", 3600))
	bytes := 16
	initMs := Milliseconds(397.684)
	for _, c := range []struct {
		record any
		typ    string
		want   string
	}{
		{"a \"line\"\x00", TypeFunction, `"a \"line\"\u0000"`},
		{StartRecord{RequestID: "id", Version: "$LATEST", Tracing: &Tracing{Type: "X-Amzn-Trace-Id", Value: "Root=1"}}, Start,
			`{"requestId":"id","version":"$LATEST","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}`},
		{RuntimeDoneRecord{RequestID: "id", Status: StatusSuccess, Metrics: &PhaseMetrics{DurationMs: 140, ProducedBytes: &bytes},
			Spans: []Span{{Name: "responseLatency", Start: at, DurationMs: 23.0249}}}, RuntimeDone,
			`{"requestId":"id","status":"success","metrics":{"durationMs":140,"producedBytes":16},"spans":[{"name":"responseLatency","start":"2026-01-12T00:00:15.064Z","durationMs":23.02}]}`},
		{ReportRecord{RequestID: "id", Status: StatusTimeout, Metrics: ReportMetrics{DurationMs: 190.405, BilledDurationMs: 589, MemorySizeMB: 128,
			MaxMemoryUsedMB: 84, InitDurationMs: &initMs}}, Report,
			`{"requestId":"id","status":"timeout","metrics":{"durationMs":190.41,"billedDurationMs":589,"memorySizeMB":128,"maxMemoryUsedMB":84,"initDurationMs":397.68}}`},
		{DroppedRecord{Reason: "r", DroppedRecords: 1, DroppedBytes: 2}, LogsDropped, `{"reason":"r","droppedRecords":1,"droppedBytes":2}`},
	} {
		want := `{"time":"2026-01-12T00:00:15.064Z","type":"` + c.typ + `","record":` + c.want + `}`
		if got := string(encode(Event{Time: at, Type: c.typ, Record: c.record}, false).text); got != want {
			t.Errorf("%s\n got %s\nwant %s", c.typ, got, want)
		}
	}
	if it := encode(Event{Type: Start}, false); it.class != "platform" {
		t.Errorf("class of %s is %s", Start, it.class)
	}
}

package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// samples are posts as Lambda sends them, or might: docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html.
func samples() []string {
	return []string{
		`[{"time":"2026-01-02T03:04:05.678Z","type":"platform.start","record":{"requestId":"6d68ca91","version":"7","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-5759e988-bd862e3fe1be46a994272793"}}}]`,
		`[{"time":"2026-01-02T03:04:05:521Z","type":"platform.runtimeDone","record":{"requestId":"6d68ca91","status":"timeout","errorType":"Runtime.ExitError","metrics":{"durationMs":140.0,"producedBytes":16}}},
		  {"time":"2026-01-02T03:04:06Z","type":"platform.report","record":{"requestId":"6d68ca91","status":"success","metrics":{"durationMs":101.51,"billedDurationMs":300,"memorySizeMB":512,"maxMemoryUsedMB":33,"initDurationMs":116.67},
		  "spans":[{"name":"responseLatency","start":"x","durationMs":23.02},{"name":"extensionOverhead","start":"x","durationMs":7e0}]}}]`,
		`[{"time":"2026-01-02T03:04:05.678Z","type":"function","record":"a line\n"},{"time":"","type":"function","record":{"timestamp":"x","level":"INFO","requestId":"6d68ca91","message":"a \"line\" \u00e9"}},{"type":"function","record":{"msg":[1,{}],"level":"x"}}]`,
		`[{"time":"2026-01-02T03:04:05.678Z","type":"platform.logsDropped","record":{"droppedBytes":12345,"droppedRecords":123,"reason":"Some logs were dropped"}},{"type":"platform.unheardOf","record":null}]`,
		`{"type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","instanceId":"i","functionName":"f"}}` + "\n" + `{"type":"platform.restoreReport","record":{"metrics":{"durationMs":1e300}}}`,
		`[{"type":"platform.report","record":{"metrics":{"durationMs":-1,"memorySizeMB":1e19,"producedBytes":18446744073709551616}}},7,[],"x",{}]`,
		`[{"type":"platform.start"`, `[`, `]`, ``, `null`,
	}
}

// FuzzParse: whatever is posted, nothing is given that Lambda could not have told; and what package json understands is understood alike.
func FuzzParse(f *testing.F) {
	for _, sample := range samples() {
		f.Add([]byte(sample))
	}
	f.Add([]byte(invocationPost))
	f.Add([]byte(list(`{"time":"2026-01-12T00:00:15:064Z","type":"function","record":"a\u0000\nb"}`, `{"type":"function","record":{"level":"INFO","message":"m","requestId":"A"}}`)))
	f.Add([]byte(list(`{"type":"platform.logsDropped","record":{"droppedRecords":1e3,"droppedBytes":-1}}`, `5`, `{"type":"x"}`)))
	f.Add([]byte(invocationPost)[:700])
	f.Add([]byte("{\"type\":\"platform.start\",\"record\":{}}\n{}"))
	f.Add([]byte(`[{"type":"platform.start","record":{"requestId":"A","requestId":"B"},"type":"function"}]`))
	f.Fuzz(func(t *testing.T, post []byte) {
		before := bytes.Clone(post)
		now := time.Unix(1_700_000_000, 0)
		var p parser
		var got []event.Fact
		understood, damaged := p.parse(post, now, func(f event.Fact) { got = append(got, f) })
		if !bytes.Equal(post, before) {
			t.Fatal("the post was changed")
		}
		if int64(len(got)) > understood {
			t.Errorf("%d facts of %d events", len(got), understood)
		}
		for _, f := range got {
			check(t, f)
		}
		var events []json.RawMessage
		if json.Unmarshal(post, &events) != nil || events == nil || bytes.IndexByte(post, '\\') >= 0 {
			return // names with escapes in them are not taken for what they mean
		}
		compare(t, events, got, understood, damaged)
	})
}

// check tells of values that would do harm further on.
func check(t *testing.T, f event.Fact) {
	if f.Kind < event.FactStart || f.Kind > event.FactLine || f.Time.IsZero() {
		t.Errorf("kind %d at %v", f.Kind, f.Time)
	}
	for _, n := range []int64{int64(f.Duration), int64(f.Billed), int64(f.Init), int64(f.Restore), int64(f.Overhead), f.Produced, f.MemorySize, f.MemoryUsed, f.DroppedRecords, f.DroppedBytes} {
		if n < 0 {
			t.Errorf("a negative figure in %+v", f)
		}
	}
	for _, s := range []string{f.ID, f.Status, f.ErrorType, f.Phase, f.InitType, f.Instance, f.Trace, f.Tenant, f.Level} {
		if len(s) > 3*maxWord || !utf8.ValidString(s) { // a byte that is no UTF-8 becomes three
			t.Errorf("text %q", s)
		}
	}
	if line := f.Line.Reveal(); len(line) > maxLine || !utf8.ValidString(line) {
		t.Errorf("a line of %d bytes", len(line))
	}
}

// compare has package json read the same events.
func compare(t *testing.T, events []json.RawMessage, got []event.Fact, understood, damaged int64) {
	if understood+damaged != int64(len(events)) {
		t.Fatalf("%d events, %d understood and %d damaged", len(events), understood, damaged)
	}
	n := 0
	for _, raw := range events {
		var e map[string]json.RawMessage
		var kind, id string
		if json.Unmarshal(raw, &e) != nil || json.Unmarshal(e["type"], &kind) != nil || len(kind) > maxWord/2 || kindOf(kind) == 0 {
			continue
		}
		var record map[string]json.RawMessage
		object := json.Unmarshal(e["record"], &record) == nil && record != nil
		var line string
		text := json.Unmarshal(e["record"], &line) == nil && bytes.HasPrefix(e["record"], []byte(`"`))
		if !object && (!text || kindOf(kind) != event.FactLine) {
			continue
		}
		if n >= len(got) || got[n].Kind != kindOf(kind) {
			t.Fatalf("event %s is not there: %+v", raw, got)
		}
		f := got[n]
		n++
		if text {
			if want := strings.TrimRight(line, "\r\n"); len(want) <= maxLine && f.Line.Reveal() != want {
				t.Errorf("line %q, want %q", f.Line.Reveal(), want)
			}
			continue
		}
		if _, java := record["AWSRequestId"]; !java && json.Unmarshal(record["requestId"], &id) == nil && len(id) < maxWord/2 && f.ID != id {
			t.Errorf("id %q, want %q", f.ID, id)
		}
	}
	if n != len(got) {
		t.Errorf("%d facts, want %d", len(got), n)
	}
}

package telemetry

import (
	"encoding/json"
	"testing"
	"time"

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

// FuzzParse: no post makes the parser panic; every event is a fact, one that is not passed on, or counted; and what is a number stays within its bounds.
func FuzzParse(f *testing.F) {
	for _, sample := range samples() {
		f.Add([]byte(sample))
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, post []byte) {
		var facts []event.Fact
		damaged := new(parser).parse(post, now, func(f event.Fact) { facts = append(facts, f) })
		for _, fact := range facts {
			sane(t, fact)
		}
		if n := int64(len(facts)) + damaged; n < 0 || n > int64(len(post)) {
			t.Errorf("%d events of %d bytes", n, len(post))
		}
		var events []json.RawMessage
		if json.Unmarshal(post, &events) != nil || events == nil {
			return // then only bounds hold
		}
		passed, readable := 0, 0
		for _, e := range events {
			switch kind, ok := read(e); {
			case !ok:
			case kindOf(kind) == 0:
				readable++
			default:
				passed++
			}
		}
		if len(facts) < passed || len(facts) > len(events)-readable || damaged > int64(len(events)-passed-readable) {
			t.Errorf("%d facts and %d damaged of %d events, of which %d are to be passed on and %d not\n%s", len(facts), damaged, len(events), passed, readable, post)
		}
	})
}

// read is what encoding/json makes of an event that is as the documentation has it. Names are taken as they are written, and twice the same one is not.
func read(e json.RawMessage) (kind string, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(e, &fields) != nil || json.Unmarshal(fields["type"], &kind) != nil || fields["type"][0] != '"' {
		return "", false
	}
	if twice(e) {
		return "", false
	}
	record := fields["record"]
	switch {
	case kindOf(kind) == event.FactLine:
		return kind, len(record) > 0 && (record[0] == '"' || record[0] == '{')
	case kindOf(kind) != 0:
		return kind, len(record) > 0 && record[0] == '{'
	}
	return kind, true
}

// twice tells whether an object has a name more than once, or one with an escape in it: readers of JSON differ there.
func twice(e json.RawMessage) bool {
	seen := map[string]bool{}
	again := false
	members(e, func(name, _ []byte) {
		again = again || seen[string(name)] || string(name) != text([]byte(`"`+string(name)+`"`))
		seen[string(name)] = true
	})
	return again
}

func sane(t *testing.T, f event.Fact) {
	t.Helper()
	for name, d := range map[string]time.Duration{"duration": f.Duration, "billed": f.Billed, "init": f.Init, "restore": f.Restore, "overhead": f.Overhead} {
		if d < 0 {
			t.Errorf("%s of %v", name, d)
		}
	}
	for name, n := range map[string]int64{"produced": f.Produced, "memory": f.MemorySize, "used": f.MemoryUsed, "dropped": f.DroppedRecords, "bytes": f.DroppedBytes} {
		if n < 0 {
			t.Errorf("%d of %s", n, name)
		}
	}
	if f.Kind < event.FactStart || f.Kind > event.FactLine {
		t.Errorf("kind %d at %v", f.Kind, f.Time)
	}
	if f.Line.Len() > maxLine {
		t.Errorf("a line of %d bytes", f.Line.Len())
	}
}

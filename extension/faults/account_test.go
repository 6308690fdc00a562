package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// An account is what became of the telemetry of one environment, in records of the spool: two of a call and two of an invocation, their starts and their ends.
//
//	produced   the records of what the function did. A start without an end, because the process was killed in between, is one; a call whose hook could
//	           not write it is two all the same, because hooks count what they do not write. In a file that was damaged, every record that is still whole
//	           is one, and every piece between them that is none is one: what a fault takes off the disk, nobody can count
//	delivered  the records that the spans at the collector were made of: one of a span that says that its end was not seen (afterglow.open), two of any
//	           other. A span that came twice counts once, and is named in repeated. Spans in the function's log, which replay brings to a collector, count
//	           as well, where the settings ask for them
//	counted    the losses that are told: in attributes of those spans (afterglow.lost.<reason>.records, and afterglow.dropped.calls of what limits left
//	           out), and in the last line that the extension logs. What is counted in spans or calls is two records each
//
// and it is held that delivered + counted = produced.
type account struct {
	produced, delivered int
	counted             map[string]int // by reason
	repeated            []string
	spans               map[string]otlptest.Span // by trace and span
}

// Reasons of losses that count spans, because they are found when there are no records any more; all other ones count records.
var inSpans = []string{"refused", "undelivered", "queue-full", "outbox-full", "outbox-old", "outbox-lost", "expired", "dropped.calls"}

// account makes the account of a stage that has been shut down.
func (s *stage) account() account {
	s.Helper()
	a := account{produced: s.records, counted: map[string]int{}, spans: map[string]otlptest.Span{}}
	a.add(s.collector.Spans())
	a.add(s.replayed())
	a.logged(s.said(lambdalocal.SourceExtension))
	return a
}

// add takes spans that arrived.
func (a *account) add(spans []otlptest.Span) {
	for _, span := range spans {
		id := span.TraceID + "/" + span.SpanID
		if _, ok := a.spans[id]; ok {
			a.repeated = append(a.repeated, fmt.Sprintf("%s %s", span.Kind, span.Name))
			continue
		}
		a.spans[id] = span
		a.delivered += 2
		if span.Attributes["afterglow.open"] == true {
			a.delivered--
		}
		for name, value := range span.Attributes {
			n, _ := value.(int64)
			if reason, ok := strings.CutPrefix(name, "afterglow.lost."); ok && strings.HasSuffix(reason, ".records") {
				a.lose(strings.TrimSuffix(reason, ".records"), int(n))
			}
			if name == "afterglow.dropped.calls" {
				a.lose("dropped.calls", int(n))
			}
		}
	}
}

func (a *account) lose(reason string, n int) {
	if n == 0 {
		return
	}
	if slices.Contains(inSpans, reason) {
		n *= 2
	}
	a.counted[reason] += n
}

// lastWords is the message of the line in which the extension tells what nobody will see any more: a number for each reason.
const lastWords = "not everything could be exported before the end"

// logged takes the extension's lines.
func (a *account) logged(lines []string) {
	for _, line := range lines {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) != nil || entry["message"] != lastWords {
			continue
		}
		for reason, value := range entry {
			if n, ok := value.(float64); ok {
				a.lose(reason, int(n))
			}
		}
	}
}

// replayed gives the spans that stand in the log, by sending them to a collector as replay does.
func (s *stage) replayed() []otlptest.Span {
	s.Helper()
	var d otlplog.Decoder
	var spans []otlptest.Span
	for _, line := range s.said(lambdalocal.SourceExtension) {
		batch, err := d.Decode(line)
		if err != nil {
			s.Errorf("a line of the log cannot be replayed: %v", err)
		}
		if batch == nil || batch.Signal != otlplog.Traces {
			continue
		}
		r := s.receive(otlptest.Options{})
		response, err := http.Post(r.URL()+"/v1/traces", "application/x-protobuf", bytes.NewReader(batch.Payload))
		if err != nil {
			s.Fatal(err)
		}
		response.Body.Close()
		spans = append(spans, r.Spans()...)
	}
	return spans
}

// total is what was counted.
func (a account) total() int {
	sum := 0
	for _, n := range a.counted {
		sum += n
	}
	return sum
}

// balanced tells whether delivered + counted = produced, and how the three are made up.
func (a account) balanced() (bool, string) {
	var b strings.Builder
	fmt.Fprintf(&b, "produced %d, delivered %d, counted %d", a.produced, a.delivered, a.total())
	for _, reason := range slices.Sorted(maps.Keys(a.counted)) {
		fmt.Fprintf(&b, "\n  lost by %s: %d", reason, a.counted[reason])
	}
	kinds := map[string]int{}
	for _, span := range a.spans {
		kinds[fmt.Sprintf("%s %s, open %v, error %v", span.Kind, span.Name, span.Attributes["afterglow.open"] == true, span.Attributes["error.type"])]++
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(&b, "\n  %d spans: %s", kinds[kind], kind)
	}
	return a.delivered+a.total() == a.produced, b.String()
}

// recordsOf says how many records the hooks make of an invocation with these steps.
func recordsOf(steps []step) int {
	n := 2
	for _, s := range steps {
		switch s[0] {
		case "get", "post", "fork":
			n += 2
			if s[1] == "/hang" {
				return n - 2 // the ends of this call and of the invocation are not seen
			}
		case "many":
			n += 2 * s[2].(int)
		case "kill", "memory":
			return n - 1
		}
	}
	return n
}

func TestAccount(t *testing.T) {
	span := func(id string, attributes map[string]any) otlptest.Span {
		return otlptest.Span{TraceID: "t", SpanID: id, Attributes: attributes}
	}
	spans := []otlptest.Span{
		span("1", map[string]any{"afterglow.lost.torn.records": int64(3), "afterglow.lost.torn.bytes": int64(99), "afterglow.lost.refused.records": int64(2)}),
		span("2", map[string]any{"afterglow.open": true}),
		span("3", map[string]any{"afterglow.dropped.calls": int64(5), "afterglow.dropped.bytes": int64(99)}),
	}
	a := account{produced: 2 + 1 + 2 + 3 + 4 + 10 + 6 + 1, counted: map[string]int{}, spans: map[string]otlptest.Span{}}
	a.add(spans)
	a.add(spans[:1])
	a.logged([]string{`{"message":"cannot export","kept":9}`, `no JSON`, `{"message":"` + lastWords + `","undelivered":3,"torn":1}`})
	if ok, why := a.balanced(); !ok {
		t.Error(why)
	}
	if len(a.repeated) != 1 {
		t.Errorf("repeated: %v", a.repeated)
	}
	if got, want := recordsOf([]step{get("/a"), post("/b", 1), {"many", "/c", 3}, {"sleep", 1}, get("/hang"), get("/d")}), 2+2+2+6+2-2; got != want {
		t.Errorf("%d records, want %d", got, want)
	}
}

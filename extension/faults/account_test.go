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
//	delivered  the records that the spans at the collector were made of. A call is two, and one if it says that its end was not seen (afterglow.open). An
//	           invocation is one if it shows its event, which its start brings, and one if it shows a response or what was raised, which its end brings;
//	           what Lambda told of it is no record. A span that came twice counts once, and is named in repeated. Spans in the function's log,
//	           which replay brings to a collector, count as well, where the settings ask for them
//	counted    the losses that are told: in attributes of those spans (afterglow.lost.<reason>.records, and afterglow.dropped.calls of what limits left
//	           out), and in the last line that the extension logs. What is counted in spans or calls is two records each, but one of those that the
//	           function left open and that have not arrived: which of them a count means it does not say, so that in a story that loses both spans and
//	           records it is taken to be the spans
//
// and it is held that delivered + counted = produced.
type account struct {
	produced, delivered int
	open                int            // spans that were made of one record, less those that arrived
	spansLost           int            // of counted
	counted             map[string]int // by reason
	besides             map[string]int // what was counted and is no record: what Lambda told
	repeated            []string
	spans               map[string]otlptest.Span // by trace and span
}

// Reasons of losses that count spans or calls, because they are found when there are no records any more; all other ones count records.
var (
	ofSpans = []string{"refused", "undelivered", "queue-full", "outbox-full", "outbox-age", "outbox-damaged", "outbox-gone"}
	ofCalls = []string{"dropped-calls"}
)

// isRecords tells whether a reason counts what became of records at all: not what Lambda dropped of its own word, and not metrics or lines of the log.
func isRecords(reason string) bool {
	return !strings.HasPrefix(reason, "telemetry") && !strings.HasPrefix(reason, "metrics") && !strings.HasPrefix(reason, "logs")
}

// account makes the account of a stage that has been shut down.
func (s *stage) account() account {
	s.Helper()
	a := account{produced: s.records, open: s.open, counted: map[string]int{}, besides: map[string]int{}, spans: map[string]otlptest.Span{}}
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
		n := recordsIn(span)
		if a.delivered += n; n == 1 {
			a.open--
		}
		for name, value := range span.Attributes {
			n, _ := value.(int64)
			if reason, ok := strings.CutPrefix(name, "afterglow.lost."); ok && strings.HasSuffix(reason, ".records") {
				a.lose(strings.TrimSuffix(reason, ".records"), int(n))
			}
			if name == "afterglow.dropped.calls" {
				a.lose("dropped-calls", int(n))
			}
		}
	}
}

// recordsIn is how many records a span was made of.
func recordsIn(span otlptest.Span) int {
	open := span.Attributes["afterglow.open"] == true
	switch {
	case span.Kind != otlptest.Server && open:
		return 1
	case span.Kind != otlptest.Server:
		return 2
	}
	n := 0
	shows := func(part string) bool { // Lambda's word has a size alone
		return span.Attributes["afterglow."+part+".content"] != nil || span.Attributes["afterglow."+part+".truncated"] != nil
	}
	if shows("event") {
		n++
	}
	if shows("response") || !open && len(span.Events) > 0 {
		n++
	}
	return n
}

func (a *account) lose(reason string, n int) {
	if n == 0 {
		return
	}
	if !isRecords(reason) {
		a.besides[reason] += n
		return
	}
	if slices.Contains(ofSpans, reason) || slices.Contains(ofCalls, reason) {
		a.spansLost += n
		n *= 2
	}
	a.counted[reason] += n
}

// The messages of the lines in which the extension tells what nobody will see any more, a number for each reason: spans that nobody took under the name of
// their signal, and what could not be told of what was lost before.
const (
	leftBehind = "kept records could not be delivered before the end"
	lastWords  = "not everything could be exported before the end"
)

// logged takes the extension's lines.
func (a *account) logged(lines []string) {
	for _, line := range lines {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) != nil || entry["message"] != lastWords && entry["message"] != leftBehind {
			continue
		}
		for reason, value := range entry {
			n, isNumber := value.(float64)
			if reason == otlplog.Traces {
				reason = "undelivered"
			}
			if isNumber && !strings.Contains(reason, " ") {
				a.lose(reason, int(n))
			}
		}
	}
}

// hook takes the last word of a hook of what it could tell nobody.
func (a *account) hook(lines []string) {
	for _, line := range slices.Backward(lines) {
		var n int
		if _, said, ok := strings.Cut(line, "records lost so far: "); ok {
			if _, err := fmt.Sscan(strings.TrimRight(strings.Fields(said)[0], ";"), &n); err == nil {
				a.lose("untold", n)
			}
			return
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

// halves are the spans that are counted as two records, and were one.
func (a account) halves() int { return max(0, min(a.open, a.spansLost)) }

// total is what was counted.
func (a account) total() int {
	sum := -a.halves()
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
	if n := a.halves(); n > 0 {
		fmt.Fprintf(&b, "\n  less the ends of spans that had none: %d", n)
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

// recordsOf says how many records the hooks make of an invocation with these steps, and how many of its spans have but one.
func recordsOf(steps []step) (n, open int) {
	n = 2
	for _, s := range steps {
		switch s[0] {
		case "get", "post", "fork":
			n += 2
			if s[1] == "/hang" {
				return n - 2, 2 // the ends of this call and of the invocation are not seen
			}
		case "many":
			n += 2 * s[2].(int)
		case "kill", "memory":
			return n - 1, 1
		}
	}
	return n, 0
}

func TestAccount(t *testing.T) {
	span := func(id string, kind otlptest.Kind, attributes map[string]any) otlptest.Span {
		return otlptest.Span{TraceID: "t", SpanID: id, Kind: kind, Attributes: attributes}
	}
	spans := []otlptest.Span{
		span("1", otlptest.Client, map[string]any{"afterglow.lost.torn.records": int64(3), "afterglow.lost.torn.bytes": int64(99), "afterglow.lost.refused.records": int64(2)}),
		span("2", otlptest.Client, map[string]any{"afterglow.open": true}),
		span("3", otlptest.Server, map[string]any{"afterglow.event.content": "{}", "afterglow.event.size": int64(2), "afterglow.response.size": int64(2), "afterglow.response.truncated": true,
			"afterglow.dropped.calls": int64(5), "afterglow.dropped.bytes": int64(99)}),
		span("4", otlptest.Server, map[string]any{"faas.invocation_id": "told by Lambda alone", "afterglow.response.size": int64(9), "afterglow.lost.telemetry-dropped.records": int64(7)}),
		span("5", otlptest.Server, map[string]any{"afterglow.event.content": "{}", "afterglow.open": true}),
	}
	a := account{produced: 2 + 1 + 2 + 0 + 1 + 3 + 4 + 10 + 6 + 1, counted: map[string]int{}, besides: map[string]int{}, spans: map[string]otlptest.Span{}}
	a.add(spans)
	a.add(spans[:1])
	a.logged([]string{`{"message":"cannot export","kept":9}`, `no JSON`, `{"message":"` + leftBehind + `","traces":2,"metrics":9}`,
		`{"message":"` + lastWords + `","refused":1,"torn":1,"unread bytes":7}`})
	if ok, why := a.balanced(); !ok {
		t.Error(why)
	}
	if a.besides["telemetry-dropped"] != 7 {
		t.Errorf("besides: %v", a.besides)
	}
	if len(a.repeated) != 1 {
		t.Errorf("repeated: %v", a.repeated)
	}
	if got, open := recordsOf([]step{get("/a"), post("/b", 1), {"many", "/c", 3}, {"sleep", 1}, get("/hang"), get("/d")}); got != 2+2+2+6+2-2 || open != 2 {
		t.Errorf("%d records, %d spans are open", got, open)
	}
}

// TestAccountOfOpenSpans: of two that were left open one arrived, and the other is among those that are counted, if there are any.
func TestAccountOfOpenSpans(t *testing.T) {
	for name, test := range map[string]struct {
		reason          string
		produced, count int
	}{
		"spans":   {"undelivered", 1 + 5, 3},
		"records": {"torn", 1 + 3, 3},
		"nothing": {"undelivered", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := account{produced: test.produced, open: 2, counted: map[string]int{}, spans: map[string]otlptest.Span{}}
			a.add([]otlptest.Span{{TraceID: "t", SpanID: "1", Kind: otlptest.Client, Attributes: map[string]any{"afterglow.open": true}}})
			a.lose(test.reason, test.count)
			if ok, why := a.balanced(); !ok {
				t.Error(why)
			}
		})
	}
}

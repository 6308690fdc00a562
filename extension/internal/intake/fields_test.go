package intake

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// TestEveryFieldArrives: one invocation with everything in it that FORMAT.md has.
func TestEveryFieldArrives(t *testing.T) {
	dir := t.TempDir()
	size := int64(500)
	put(t, dir, "A.17.1.done", encode(t, true,
		rec{Header: spool.Header{Kind: spool.KindProcess, Process: &spool.Process{PID: 17, Runtime: "python", Version: "3.13.1", Hook: "0.1.0", Env: map[string]string{"_HANDLER": "a.b"}}}},
		rec{Header: spool.Header{Kind: spool.KindInvocationStart, Invocation: "A", Time: 1_000_000, ARN: "arn", Trace: "Root=1", Tenant: "t", Deadline: 4_000, Cold: true,
			Parts: []spool.Part{{Of: "event", Size: &size, Truncated: true, Shortened: true}}}, parts: []string{`{"a":1}`}},
		rec{Header: spool.Header{Kind: spool.KindCallStart, Invocation: "A", Call: "17-1", Time: 1_100_000, Library: "http.client", Method: "POST", URL: "https://u:p@x/y?z",
			Headers: [][2]string{{"A", "1"}, {"A", "2"}}, Resend: 2, Span: "00f067aa0ba902b7", Parts: []spool.Part{{Of: "request", Truncated: true}}}, parts: []string{"req"}},
		rec{Header: spool.Header{Kind: spool.KindCallEnd, Invocation: "A", Call: "17-1", Time: 1_200_000, Duration: 90_000, FirstByte: 80_000, Status: 201, Protocol: "HTTP/1.1", Peer: "10.0.0.1:443",
			Partial: true, Headers: [][2]string{{"B", "3"}}, Error: &spool.Error{Type: "E", Message: "m", Stack: "s"}, Parts: []spool.Part{{Of: "response"}}}, parts: []string{"resp"}},
		rec{Header: spool.Header{Kind: spool.KindInvocationEnd, Invocation: "A", Time: 1_500_000, Duration: 500_000, Status: 502, Streaming: true,
			Error: &spool.Error{Type: "F", Message: "n", Stack: "r"}, Parts: []spool.Part{{Of: "response", Size: &size}}}, parts: []string{"out"}},
	))
	in := New(dir, born)
	in.Announce(Announcement{ID: "A", ARN: "announced", Trace: "announced", Deadline: time.Unix(99, 0)})
	r := in.Collect(false)
	if len(r.Invocations) != 1 {
		t.Fatalf("%d invocations", len(r.Invocations))
	}
	want := event.Invocation{
		ID: "A", ARN: "arn", Trace: "Root=1", Tenant: "t", Deadline: time.Unix(4, 0), Start: time.Unix(1, 0), Duration: 500 * time.Millisecond, Cold: true, Recorded: true,
		Process:  event.Process{PID: 17, Runtime: "python", Version: "3.13.1", Hook: "0.1.0", Env: map[string]string{"_HANDLER": "a.b"}},
		Event:    event.Body{Data: event.BytesOf([]byte(`{"a":1}`)), Size: 500, Truncated: true, Shortened: true},
		Response: event.Body{Data: event.BytesOf([]byte("out")), Size: 500}, ResponseStatus: 502, Streaming: true,
		Error: &event.Error{Type: "F", Message: event.TextOf("n"), Stack: event.TextOf("r")},
		Calls: []event.Call{{
			ID: "17-1", Library: "http.client", Method: "POST", URL: event.TextOf("https://u:p@x/y?z"), Protocol: "HTTP/1.1", Peer: "10.0.0.1:443", Resend: 2, Status: 201, Sent: event.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
			Start: time.Unix(1, 100_000_000), FirstByte: 80 * time.Millisecond, Duration: 90 * time.Millisecond, Partial: true,
			Error:          &event.Error{Type: "E", Message: event.TextOf("m"), Stack: event.TextOf("s")},
			RequestHeaders: []event.Header{{Name: "A", Value: event.TextOf("1")}, {Name: "A", Value: event.TextOf("2")}}, ResponseHeaders: []event.Header{{Name: "B", Value: event.TextOf("3")}},
			Request:  event.Body{Data: event.BytesOf([]byte("req")), Size: -1, Truncated: true},
			Response: event.Body{Data: event.BytesOf([]byte("resp")), Size: 4},
		}},
	}
	if got := r.Invocations[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestWhatTheHookCouldNotWriteIsFilledIn(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "A.17.1.done", encode(t, true, process(17), end("A")))
	in := New(dir, born)
	deadline := time.Unix(99, 0)
	in.Announce(Announcement{ID: "A", ARN: "arn", Trace: "Root=1", Deadline: deadline})
	r := in.Collect(false)
	in.Release(r)
	got := r.Invocations[0]
	if got.ARN != "arn" || got.Trace != "Root=1" || !got.Deadline.Equal(deadline) || !got.Start.Equal(time.Unix(1, 0)) || got.Duration != 500*time.Millisecond {
		t.Errorf("got %s %s %v %v %v", got.ARN, got.Trace, got.Deadline, got.Start, got.Duration)
	}
	put(t, dir, "A.21.1.done", encode(t, true, process(21), call("A", "21-1"), callEnd("A", "21-1")))
	late := in.Collect(false).Invocations[0]
	if !late.Late || late.ARN != "arn" || late.Trace != "Root=1" || late.Process.PID != 17 {
		t.Errorf("a late call has %s %s of process %d", late.ARN, late.Trace, late.Process.PID)
	}
}

func TestHeadersThatWereSentStandInForThoseOfTheStart(t *testing.T) {
	dir := t.TempDir()
	started, ended := call("A", "17-1"), callEnd("A", "17-1")
	started.Headers = [][2]string{{"a", "1"}}
	ended.Parts, ended.parts = []spool.Part{{Of: spool.PartSent}, {Of: spool.PartResponse}}, []string{"host: x\r\na: 1\r\n", "resp"}
	put(t, dir, "A.17.1.done", encode(t, true, process(17), begin("A"), started, ended, end("A")))
	c := New(dir, born).Collect(false).Invocations[0].Calls[0]
	if want := []event.Header{{Name: "host", Value: event.TextOf("x")}, {Name: "a", Value: event.TextOf("1")}}; !reflect.DeepEqual(c.RequestHeaders, want) || string(c.Response.Data.Reveal()) != "resp" {
		t.Errorf("got %+v", c)
	}
}

func TestParts(t *testing.T) {
	five, minus := int64(5), int64(-5)
	tests := []struct {
		name  string
		parts []spool.Part
		body  string
		want  event.Body
	}{
		{"none", nil, "", event.Body{Size: -1}},
		{"another one", []spool.Part{{Of: "event", Len: 2}}, "ab", event.Body{Size: -1}},
		{"whole", []spool.Part{{Of: "request", Len: 2}}, "ab", event.Body{Data: event.BytesOf([]byte("ab")), Size: 2}},
		{"empty", []spool.Part{{Of: "request"}}, "", event.Body{Data: event.BytesOf([]byte{}), Size: 0}},
		{"cut, size unknown", []spool.Part{{Of: "request", Len: 2, Truncated: true}}, "ab", event.Body{Data: event.BytesOf([]byte("ab")), Size: -1, Truncated: true}},
		{"cut, size known", []spool.Part{{Of: "request", Len: 2, Size: &five, Truncated: true}}, "ab", event.Body{Data: event.BytesOf([]byte("ab")), Size: 5, Truncated: true}},
		{"a size that is none", []spool.Part{{Of: "request", Len: 2, Size: &minus}}, "ab", event.Body{Data: event.BytesOf([]byte("ab")), Size: 2}},
		{"the second", []spool.Part{{Of: "event", Len: 1}, {Of: "request", Len: 1}}, "ab", event.Body{Data: event.BytesOf([]byte("b")), Size: 1}},
		{"beyond the body", []spool.Part{{Of: "request", Len: 3}}, "ab", event.Body{Size: -1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := bodyOf(spool.Record{Header: spool.Header{Parts: test.parts}, Body: []byte(test.body)}, "request")
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %q %d %v, want %q %d %v", got.Data.Reveal(), got.Size, got.Truncated, test.want.Data.Reveal(), test.want.Size, test.want.Truncated)
			}
		})
	}
}

func TestDurationsAreBelievable(t *testing.T) {
	for give, want := range map[int64]time.Duration{-1: 0, 0: 0, 1: time.Microsecond, 90 * 60 * 1e6: 90 * time.Minute, math.MaxInt64: longest, math.MinInt64: 0} {
		if got := micros(give); got != want {
			t.Errorf("%d µs: got %v, want %v", give, got, want)
		}
	}
}

// FORMAT.md: a call without a method is a connection for requests that are not known yet. Made, it is nothing to tell; else it is.
func TestConnections(t *testing.T) {
	connection := func(id string) rec {
		r := call("A", id)
		r.Method, r.URL = "", "http://x"
		return r
	}
	over := func(id string, failed *spool.Error, partial bool) rec {
		r := callEnd("A", id)
		r.Status, r.Error, r.Partial = 0, failed, partial
		return r
	}
	dir := t.TempDir()
	put(t, dir, "A.17.1.done", encode(t, true, process(17), begin("A"),
		connection("made"), over("made", nil, false), connection("failed"), over("failed", &spool.Error{Type: "E"}, false),
		connection("left"), over("left", nil, true), connection("killed"), end("A")))
	r := New(dir, born).Collect(true)
	var got []string
	for _, c := range r.Invocations[0].Calls {
		got = append(got, fmt.Sprintf("%s error %t partial %t open %t", c.ID, c.Error != nil, c.Partial, c.Open))
	}
	if want := []string{"failed error true partial false open false", "left error false partial true open false", "killed error false partial false open true"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestASpanThatIsNone: what a hook says of a span is taken if it is one.
func TestASpanThatIsNone(t *testing.T) {
	for _, digits := range []string{"", "00f067aa0ba902b", "00f067aa0ba902b7ff", "00f067aa0ba902bx", "0000000000000000"} {
		if got := spanOf(digits); !got.IsZero() {
			t.Errorf("%q is %x", digits, got)
		}
	}
}

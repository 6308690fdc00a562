package intake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// with gives a record with a body of so many bytes.
func with(r rec, of string, bytes int) rec {
	r.Parts = []spool.Part{{Of: of}}
	r.parts = []string{strings.Repeat("x", bytes)}
	return r
}

// largeCalls are the records of calls with bodies of so many bytes in each direction, and with as much in their headers.
func largeCalls(n, bytes, headers int) (records []rec) {
	for i := range n {
		id := fmt.Sprintf("17-%d", i)
		start, end := with(call("A", id), spool.PartRequest, bytes), with(callEnd("A", id), spool.PartResponse, bytes)
		if headers > 0 {
			start.Headers = [][2]string{{"X", strings.Repeat("h", headers)}}
			end.Headers = start.Headers
		}
		records = append(records, start, end)
	}
	return records
}

// TestFilesThatAreTooLarge: whatever stands before it, the end of the invocation arrives, and what was raised; no record is lost uncounted, none is kept that there is no room for.
func TestFilesThatAreTooLarge(t *testing.T) {
	const large = 6 << 20
	server := with(callEnd("A", "17-7"), spool.PartResponse, large)
	server.Status = 500
	failed := append(largeCalls(7, large/2, 0), call("A", "17-7"), server)
	torn := "@" + mark + " torn"
	tests := []struct {
		name    string
		records []rec
		calls   int // that arrive; 0: as many as find room
		lost    event.Loss
		check   func(t *testing.T, last event.Call)
	}{
		{name: "bodies", records: largeCalls(4, large, 0), calls: 4, check: func(t *testing.T, last event.Call) {
			for _, b := range []event.Body{last.Request, last.Response} {
				if b.Data.Len() != restBody || b.Size != large || !b.Truncated {
					t.Errorf("a body: %d of %d bytes, truncated %v", b.Data.Len(), b.Size, b.Truncated)
				}
			}
		}},
		{name: "a call that failed", records: failed, calls: 8, check: func(t *testing.T, last event.Call) {
			if last.Status != 500 || last.Response.Data.Len() != failedBody || last.Response.Size != large {
				t.Errorf("status %d, %d of %d bytes", last.Status, last.Response.Data.Len(), last.Response.Size)
			}
		}},
		{name: "a torn piece", records: append(largeCalls(3, large, 0), raw(torn), call("A", "17-9"), callEnd("A", "17-9")), calls: 4, lost: event.Loss{Reason: LossTorn, Records: 1, Bytes: int64(len(torn))}},
		{name: "a piece larger than any record", records: append(largeCalls(2, large, 0), raw(strings.Repeat("x", spool.MaxRecord+2*pieceBytes)), call("A", "17-9"), callEnd("A", "17-9")), calls: 3,
			lost: event.Loss{Reason: LossTorn, Records: 3, Bytes: int64(spool.MaxRecord + 2*pieceBytes)}},
		{name: "more headers than there is room for", records: largeCalls(3000, 4<<10, 8<<10), lost: event.Loss{Reason: LossTooLarge}},
		{name: "a call that nobody has room for has no end", records: append(largeCalls(2600, 4<<10, 8<<10), call("A", "17-last")), lost: event.Loss{Reason: LossTooLarge}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			records := append([]rec{process(17), begin("A")}, test.records...)
			put(t, dir, "A.17.1.done", encode(t, true, append(records, failedEnd("A"))...))
			in := New(dir, born)
			r := in.Collect(false)
			if len(r.Invocations) != 1 || r.More {
				t.Fatalf("%d invocations, more %v", len(r.Invocations), r.More)
			}
			inv := r.Invocations[0]
			if inv.Open || inv.Duration == 0 || inv.Error == nil || inv.Error.Type != "ValueError" {
				t.Errorf("the end did not arrive: open %v, after %v, error %+v", inv.Open, inv.Duration, inv.Error)
			}
			var lost event.Loss
			for _, l := range inv.Lost {
				lost = l
			}
			kept, ends := 0, 0
			for _, c := range inv.Calls {
				kept += c.Request.Data.Len() + c.Response.Data.Len()
				for _, h := range append(c.RequestHeaders, c.ResponseHeaders...) {
					kept += h.Value.Len()
				}
				if !c.Open {
					ends++
				}
			}
			if kept > MaxFileBytes+MaxRestBytes {
				t.Errorf("%d bytes are kept", kept)
			}
			if test.calls > 0 && (len(inv.Calls) != test.calls || ends != test.calls || lost != test.lost) {
				t.Errorf("%d calls, %d of them with an end, lost %+v", len(inv.Calls), ends, inv.Lost)
			}
			if test.calls == 0 && (len(inv.Lost) != 1 || lost.Reason != test.lost.Reason || len(inv.Calls)+ends+int(lost.Records) != len(test.records)) {
				t.Errorf("%d starts and %d ends of calls are kept, lost %+v, of %d records", len(inv.Calls), ends, inv.Lost, len(test.records))
			}
			if len(inv.Lost) > 1 {
				t.Errorf("lost %+v", inv.Lost)
			}
			if test.check != nil {
				test.check(t, inv.Calls[len(inv.Calls)-1])
			}
			in.Release(r)
			if names, _ := Names(dir); len(names) != 0 {
				t.Errorf("left: %v", names)
			}
		})
	}
}

// TestALargeFileThatGrows: what is beyond the limit is read once nobody will write any more.
func TestALargeFileThatGrows(t *testing.T) {
	dir := t.TempDir()
	in := New(dir, born)
	in.Announce(Announcement{ID: "A"})
	records := append([]rec{process(17), begin("A")}, largeCalls(15, 1<<20, 0)...)
	put(t, dir, "A.17.1.open", encode(t, true, records...))
	if got := collectAs(in, false); got != "nothing" {
		t.Errorf("got %s", got)
	}
	put(t, dir, "A.17.1.open", encode(t, true, append(records, failedEnd("A"))...))
	inv := in.Collect(true).Invocations[0]
	if len(inv.Calls) != 15 || inv.Error == nil || len(inv.Lost) != 0 {
		t.Errorf("%d calls, error %+v, lost %+v", len(inv.Calls), inv.Error, inv.Lost)
	}
}

// TestPiecesAtEveryByte: a file is read the same however its pieces lie.
func TestPiecesAtEveryByte(t *testing.T) {
	data := encode(t, true, process(17), begin("A"), call("A", "17-1"), raw("@"+mark+" 5 {torn"), callEnd("A", "17-1"), end("A"), raw("@"+mark))
	var want []string
	whole, err := spool.Read(data, func(r spool.Record) error { want = append(want, r.Kind); return nil })
	if err != nil {
		t.Fatal(err)
	}
	for cut := whole.Head; cut <= int64(len(data)); cut++ {
		var got []string
		add := func(r spool.Record) error { got = append(got, r.Kind); return nil }
		first, err := spool.Read(data[:cut], add)
		if err != nil {
			t.Fatal(err)
		}
		second, err := spool.ReadOn(data, data[first.TailStart:], add)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || first.Whole+second.Whole != whole.Whole || first.Lost+second.Lost != whole.Lost || first.Torn+second.Torn != whole.Torn || first.TailStart+second.TailStart != whole.TailStart {
			t.Errorf("cut at %d: %v, %+v and %+v; whole: %v, %+v", cut, got, first, second, want, whole)
		}
	}
}

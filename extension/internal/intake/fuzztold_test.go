package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A fate is what becomes of one invocation's traces: bits of a byte that the fuzzer thinks of.
type fate byte

const (
	fateHook   fate = 1 << iota // a hook writes of it
	fateOpen                    // and its file is never renamed
	fateStart                   // Lambda tells of its start
	fateDone                    // of its end
	fateReport                  // of its cost
	fateLate                    // and all that only after the invocation after it
	fateTwice                   // and twice
	fateLook                    // the extension looks at the spool after it
)

func (f fate) is(what fate) bool { return f&what != 0 }

// shown tells whether somebody has told enough for a span.
func (f fate) shown() bool { return f&(fateHook|fateStart|fateDone|fateReport) != 0 }

// FuzzObserve: whatever hooks and Lambda tell and do not tell of invocations, early, late or twice, each that anybody told of gets one span of its own,
// each call is in one, and each line of the log is in one or counted.
func FuzzObserve(f *testing.F) {
	f.Add([]byte{byte(fateHook | fateStart | fateDone | fateReport | fateLook), byte(fateHook | fateStart | fateDone)}, uint64(0))
	f.Add([]byte{byte(fateStart | fateDone | fateLook), 0, byte(fateHook | fateOpen | fateDone | fateLate | fateTwice | fateLook), byte(fateReport)}, uint64(0x1234))
	f.Add([]byte{byte(fateHook), byte(fateHook | fateLook), byte(fateHook | fateLate | fateStart), byte(fateStart | fateLate), byte(fateHook)}, ^uint64(0))
	f.Fuzz(func(t *testing.T, fates []byte, lines uint64) {
		if len(fates) > 16 {
			fates = fates[:16]
		}
		e := &told{t: t, in: New(t.TempDir(), born), spans: map[string]int{}}
		for n, b := range fates {
			e.invoke(n, fate(b), lines>>(4*n)&3)
		}
		e.tell()
		e.look(true)
		for n, b := range fates {
			want := 0
			if fate(b).shown() {
				want = 1
			}
			if got := e.spans[idOf(n)]; got != want {
				t.Errorf("%s has %d spans, want %d", idOf(n), got, want)
			}
		}
		if e.gotCalls != e.calls {
			t.Errorf("%d of %d calls", e.gotCalls, e.calls)
		}
		if e.gotLines+e.lost[LossTooManyLines] != e.lines {
			t.Errorf("%d of %d lines, %v counted", e.gotLines, e.lines, e.lost)
		}
		if names, _ := Names(e.in.dir); len(names) > 0 {
			t.Errorf("left: %v", names)
		}
	})
}

func idOf(n int) string { return fmt.Sprintf("id-%d", n) }

// A told plays an environment and keeps count.
type told struct {
	t     *testing.T
	in    *Intake
	later []event.Fact

	calls, lines       int64
	gotCalls, gotLines int64
	spans              map[string]int
	lost               map[string]int64
}

func (e *told) invoke(n int, f fate, lines uint64) {
	id := idOf(n)
	began := born.Add(time.Minute + time.Duration(n)*10*time.Second)
	e.in.Announce(Announcement{ID: id, ARN: "arn", Trace: "Root=1", Deadline: began.Add(3 * time.Second), At: began})
	e.tell() // of the one before
	if f.is(fateHook) {
		e.hook(id, f.is(fateOpen))
	}
	var facts []event.Fact
	if f.is(fateStart) {
		facts = append(facts, event.Fact{Kind: event.FactStart, ID: id, Time: began})
	}
	for i := range lines {
		line := event.Fact{Kind: event.FactLine, Time: began.Add(time.Second), Line: event.TextOf("line")}
		if i%2 == 0 {
			line.ID = id
		}
		facts = append(facts, line)
	}
	if f.is(fateDone) {
		facts = append(facts, event.Fact{Kind: event.FactDone, ID: id, Time: began.Add(2 * time.Second), Status: "success", Duration: 2 * time.Second})
	}
	if f.is(fateReport) {
		facts = append(facts, event.Fact{Kind: event.FactReport, ID: id, Time: began.Add(3 * time.Second), Status: "success", Duration: 2 * time.Second})
	}
	if f.is(fateTwice) {
		facts = append(facts, facts...)
	}
	e.later = append(e.later, facts...)
	if !f.is(fateLate) {
		e.tell()
	}
	if f.is(fateLook) {
		e.look(false)
	}
}

// tell lets the intake observe what waits.
func (e *told) tell() {
	for _, f := range e.later {
		if f.Kind == event.FactLine {
			e.lines++
		}
		e.in.Observe(f)
	}
	e.later = nil
}

func (e *told) hook(id string, open bool) {
	e.t.Helper()
	name := id + ".17.1."
	put(e.t, e.in.dir, name+"open", encode(e.t, true, process(17), begin(id), call(id, "17-"+id), callEnd(id, "17-"+id), end(id)))
	e.calls++
	if open {
		return
	}
	if err := os.Rename(filepath.Join(e.in.dir, name+"open"), filepath.Join(e.in.dir, name+"done")); err != nil {
		e.t.Fatal(err)
	}
}

func (e *told) look(final bool) {
	for {
		r := e.in.Collect(final)
		e.in.Release(r)
		var c tally
		c.lose(r.Lost)
		for _, inv := range r.Invocations {
			if !inv.Late {
				e.spans[inv.ID]++
			}
			e.gotCalls += int64(len(inv.Calls))
			e.gotLines += int64(len(inv.Lines))
			c.lose(inv.Lost)
		}
		if e.lost == nil {
			e.lost = map[string]int64{}
		}
		for reason, n := range c.lost {
			e.lost[reason] += n
		}
		if !r.More {
			return
		}
	}
}

package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// FuzzCollect: whatever two processes' files hold, every record that is whole is delivered or counted, once.
func FuzzCollect(f *testing.F) {
	whole := encode(f, true, process(17), begin("A"), call("A", "17-1"), callEnd("A", "17-1"), call("A", "17-1"), callEnd("A", "17-9"), end("A"))
	f.Add(whole, whole, 0)
	f.Add(whole[:len(whole)-20], whole[:100], 50)
	f.Add(encode(f, true, call("init", "1"), call("none", "2"), call("", "3"), call("x y", "4"), begin("A"), begin("A"), begin("")), []byte("x"), 0)
	f.Add([]byte("afterglow-spool 2 "+mark+"\n"), []byte{}, 0)
	f.Fuzz(func(t *testing.T, main, child []byte, cut int) {
		dir := t.TempDir()
		in := New(dir, born)
		in.Announce(Announcement{ID: "A"})
		var got tally
		// The child's file grows: first up to the cut, then the rest.
		put(t, dir, "A.21.1.open", child[:max(0, min(cut, len(child)))])
		put(t, dir, "A.17.1.done", main)
		got.collect(in, false)
		put(t, dir, "A.21.1.open", child)
		got.collect(in, false)
		if err := os.Rename(filepath.Join(dir, "A.21.1.open"), filepath.Join(dir, "A.21.1.done")); err != nil {
			t.Fatal(err)
		}
		got.collect(in, true)

		var want tally
		want.count(main)
		want.count(child)
		if got.starts+got.lost[LossTooMany] < want.starts || got.starts > want.starts {
			t.Errorf("%d of %d call.start delivered", got.starts, want.starts)
		}
		if got.ends+got.lost[LossOrphanEnd]+got.lost[LossTooMany] < want.ends || got.ends+got.lost[LossOrphanEnd] > want.ends {
			t.Errorf("%d of %d call.end delivered, %d counted", got.ends, want.ends, got.lost[LossOrphanEnd])
		}
		for _, reason := range []string{LossUnknown, LossRecord} {
			if got.lost[reason] != want.lost[reason] {
				t.Errorf("%s: %d counted, %d there are", reason, got.lost[reason], want.lost[reason])
			}
		}
		if names, _ := Names(dir); len(names) > 0 {
			t.Errorf("left: %v", names)
		}
	})
}

// A tally counts records.
type tally struct {
	starts, ends int64
	lost         map[string]int64
}

func (c *tally) collect(in *Intake, final bool) {
	r := in.Collect(final)
	in.Release(r)
	for _, inv := range r.Invocations {
		for _, call := range inv.Calls {
			c.starts++
			if !call.Open {
				c.ends++
			}
		}
		c.lose(inv.Lost)
	}
	c.lose(r.Lost)
}

func (c *tally) lose(ls []event.Loss) {
	if c.lost == nil {
		c.lost = map[string]int64{}
	}
	for _, l := range ls {
		c.lost[l.Reason] += l.Records
	}
}

// count tells what is in a file by the codec alone. A hook's own losses use reasons of intake's if they like; those do not count here.
func (c *tally) count(data []byte) {
	s, err := spool.Read(data, func(r spool.Record) error {
		switch r.Kind {
		case spool.KindCallStart:
			c.starts++
		case spool.KindCallEnd:
			c.ends++
		case spool.KindLoss:
			c.lose([]event.Loss{{Reason: reasonOf(r.Reason), Records: r.Records}})
		}
		return nil
	})
	if err == nil {
		c.lose([]event.Loss{{Reason: LossUnknown, Records: int64(s.Unknown)}, {Reason: LossRecord, Records: int64(s.Corrupt)}})
	}
}

// TestEveryCutIsAccountedFor cuts a file at every byte.
func TestEveryCutIsAccountedFor(t *testing.T) {
	whole := encode(t, true, process(17), begin("A"), call("A", "17-1"), callEnd("A", "17-1"), call("A", "17-2"), end("A"))
	for cut := range whole {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "A.17.1.open", whole[:cut])
			in := New(dir, born)
			var want, got tally
			want.count(whole[:cut])
			tail := int64(0)
			if s, err := spool.Read(whole[:cut], func(spool.Record) error { return nil }); err == nil && s.TailStart < int64(cut) {
				tail = 1
			}
			got.collect(in, true)
			if got.starts != want.starts || got.ends != want.ends || got.lost[LossTorn] != tail {
				t.Errorf("got %+v, want %+v and %d torn", got, want, tail)
			}
		})
	}
}

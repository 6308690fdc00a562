package lifecycle

import (
	"testing"
	"time"
)

func TestPolicy(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	const interval = 5 * time.Second
	every := func(gaps ...time.Duration) (r [recent]time.Time) {
		at := now
		for i := recent - 1; i >= 0; i-- {
			r[i] = at
			if i > recent-1-len(gaps) {
				at = at.Add(-gaps[i-(recent-len(gaps))])
			} else {
				break
			}
		}
		return r
	}
	const ms = time.Millisecond
	frequent := every(100*ms, 100*ms, 100*ms)
	rare := every(100*ms, time.Minute, 100*ms)
	tests := []struct {
		name   string
		moment Moment
		want   string // of the strategies adaptive, end, interval: those that flush
	}{
		{"the first invocation", Moment{Recent: every(), Waiting: 1}, "AE"},
		{"the third", Moment{Recent: every(ms, ms), Waiting: 1}, "AE"},
		{"rare", Moment{Recent: rare, Waiting: 1}, "AE"},
		{"as rare as the interval", Moment{Recent: every(interval, interval, interval), Waiting: 1}, "E"},
		{"rarer than the interval by a bit", Moment{Recent: every(interval, interval, interval+1), Waiting: 1}, "AE"},
		{"frequent", Moment{Recent: frequent, Oldest: now.Add(-time.Second), Waiting: 10}, "E"},
		{"frequent, nearly an interval", Moment{Recent: frequent, Oldest: now.Add(-interval + 1), Waiting: 50}, "E"},
		{"frequent, an interval", Moment{Recent: frequent, Oldest: now.Add(-interval), Waiting: 50}, "AEI"},
		{"frequent, an interval, too few to share the time", Moment{Recent: frequent, Oldest: now.Add(-interval), Waiting: 50, Hold: 50 * time.Millisecond}, "EI"},
		{"frequent, an interval, enough to share the time", Moment{Recent: frequent, Oldest: now.Add(-interval), Waiting: 125, Hold: 50 * time.Millisecond}, "AEI"},
		{"frequent, long enough", Moment{Recent: frequent, Oldest: now.Add(-patience * interval), Waiting: 50, Hold: time.Second}, "AEI"},
		{"frequent, many", Moment{Recent: frequent, Oldest: now, Waiting: manyWait}, "AEI"},
		{"frequent, much", Moment{Recent: frequent, Oldest: now, Waiting: 2, Bytes: muchWaits}, "AEI"},
		{"slowing down", Moment{Recent: every(100*ms, 100*ms, time.Minute), Oldest: now.Add(-time.Minute), Waiting: 2}, "AEI"},
		{"setting in", Moment{Recent: every(time.Minute, ms, ms), Waiting: 1}, "AE"},
		{"no time is left", Moment{Left: leastTime - 1, Recent: rare, Oldest: now.Add(-time.Hour), Waiting: manyWait, Bytes: muchWaits}, ""},
		{"nobody may be asked", Moment{Due: false, Recent: rare, Oldest: now.Add(-time.Hour), Waiting: 2, Left: time.Second}, "!"},
		{"nobody may be asked, many", Moment{Recent: frequent, Waiting: manyWait, Left: time.Second}, "!AEI"},
		{"nobody may be asked, much", Moment{Recent: frequent, Waiting: 1, Bytes: muchWaits, Left: time.Second}, "!AEI"},
		{"at the end", Moment{Shutdown: true}, "!AEI"},
		{"the clock was set back among the recent ones", Moment{Recent: every(ms, -time.Hour, ms), Waiting: 1}, "AE"},
		{"the clock was set back since the oldest", Moment{Recent: frequent, Oldest: now.Add(time.Hour), Waiting: 2}, "AEI"},
		{"the clock was set forward", Moment{Recent: every(ms, time.Hour, ms), Oldest: now.Add(-time.Hour), Waiting: 2}, "AEI"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, want := test.moment, test.want
			m.Now = now
			if m.Oldest.IsZero() {
				m.Oldest = now
			}
			if m.Left == 0 {
				m.Left = time.Second
			}
			m.Due = true
			if want != "" && want[0] == '!' {
				m.Due, want = false, want[1:]
			}
			got := ""
			for _, s := range []struct {
				letter string
				Strategy
			}{{"A", Adaptive}, {"E", AtEnd}, {"I", Interval}} {
				if (Policy{s.Strategy, interval}).Flush(m) {
					got += s.letter
				}
			}
			if got != want {
				t.Errorf("flushed by %q, want %q", got, want)
			}
		})
	}
}

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
		{"dense, much to make ready", Moment{Recent: every(ms, ms, ms), Oldest: now, Waiting: 63, Unread: 63, Each: 4 * ms}, "E"},
		{"dense, a request is ready", Moment{Recent: every(ms, ms, ms), Oldest: now, Waiting: 63, Ready: true}, "AEI"},
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
				if (Policy{Strategy: s.Strategy, Interval: interval}).Flush(m) {
					got += s.letter
				}
			}
			if got != want {
				t.Errorf("flushed by %q, want %q", got, want)
			}
		})
	}
}

// TestBeside: who flushes at the end of each wants it to be over then, and where the environment may be frozen for longer no answer is seen in time.
func TestBeside(t *testing.T) {
	gaps := func(gap time.Duration) (m Moment) {
		for i := range m.Recent {
			m.Recent[i] = time.Unix(1_000_000, 0).Add(time.Duration(i) * gap)
		}
		return m
	}
	over := gaps(time.Millisecond)
	over.Shutdown = true
	for name, test := range map[string]struct {
		strategy Strategy
		moment   Moment
		want     bool
	}{
		"dense":                {Adaptive, gaps(besideGap), true},
		"dense, interval":      {Interval, gaps(besideGap), true},
		"dense, at the end":    {AtEnd, gaps(besideGap), false},
		"not dense":            {Adaptive, gaps(besideGap + 1), false},
		"the first of all":     {Adaptive, Moment{}, false},
		"the environment goes": {Adaptive, over, false},
	} {
		if got := (Policy{Strategy: test.strategy, Interval: 5 * time.Second}).Beside(test.moment); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestPrepare: a portion is made ready where nothing is lost by that: whose invocations are further apart, has time for it when it flushes; where no hook writes there is
// nothing, and the end of an invocation is told late.
func TestPrepare(t *testing.T) {
	const ms = time.Millisecond
	dense, denser, far := [recent]time.Time{}, [recent]time.Time{}, [recent]time.Time{}
	for i := range dense {
		dense[i] = time.Unix(1_000_000, 0).Add(time.Duration(i) * cpuPeriod)
		denser[i] = time.Unix(1_000_000, 0).Add(time.Duration(i) * (cpuPeriod - 1))
		far[i] = time.Unix(1_000_000, 0).Add(time.Duration(i) * (besideGap + ms))
	}
	for name, test := range map[string]struct {
		strategy Strategy
		moment   Moment
		want     bool
	}{
		"a portion":          {Adaptive, Moment{Due: true, Left: time.Second, Recent: dense, Unread: 8, Each: portion / 8}, true},
		"a portion, still":   {Interval, Moment{Due: true, Left: time.Second, Recent: dense, Unread: 8, Each: portion / 8}, true},
		"at the end of each": {AtEnd, Moment{Due: true, Left: time.Second, Recent: dense, Unread: 8, Each: portion / 8}, false},
		"not yet":            {Adaptive, Moment{Due: true, Left: time.Second, Recent: dense, Unread: 7, Each: portion / 8}, false},
		"too few":            {Adaptive, Moment{Due: true, Left: time.Second, Recent: dense, Unread: fewest - 1, Each: portion}, false},
		"a few":              {Adaptive, Moment{Due: true, Left: time.Second, Recent: dense, Unread: fewest, Each: portion}, true},
		"too few for many":   {Adaptive, Moment{Due: true, Left: time.Second, Recent: denser, Unread: crowd - 1, Each: portion}, false},
		"many":               {Adaptive, Moment{Due: true, Left: time.Second, Recent: denser, Unread: crowd, Each: portion}, true},
		"nothing to read":    {Adaptive, Moment{Due: true, Left: time.Second, Recent: dense, Unread: 200}, false},
		"far apart":          {Adaptive, Moment{Due: true, Left: time.Second, Recent: far, Unread: 8, Each: portion / 8}, false},
		"nobody to ask":      {Adaptive, Moment{Left: time.Second, Recent: dense, Unread: 8, Each: portion / 8}, false},
		"no time":            {Adaptive, Moment{Due: true, Left: leastTime - 1, Recent: dense, Unread: 8, Each: portion / 8}, false},
	} {
		if got := (Policy{Strategy: test.strategy, Interval: 5 * time.Second}).Prepare(test.moment); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

package deliver

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	const ms, s, most = time.Millisecond, time.Second, 3 * time.Second
	fresh := breaker{}
	hung := fresh.failed(start, firstCredit, 0)
	refused := fresh.failed(start, 0, 0)
	tests := []struct {
		name   string
		b      breaker
		now    time.Duration // since start
		have   time.Duration
		wanted time.Duration // of the attempt; 0: there may be none
	}{
		{"nobody was asked yet", fresh, 0, firstCredit, firstCredit},
		{"nobody was asked yet, and others used the credit up", fresh, 0, firstCredit - 1, 0},
		{"nobody was asked yet: there is more, and it is not for one attempt", fresh, 0, 2 * s, firstCredit},
		{"one that works is trusted with four times what it takes", fresh.worked(200 * ms), 0, firstCredit, 800 * ms},
		{"one that works is asked, whatever the others do", fresh.worked(200 * ms), 0, -s, 800 * ms},
		{"one that is quick is trusted with what one has that nobody knows", fresh.worked(ms), 0, firstCredit, firstCredit},
		{"one that works is trusted with no more than the settings allow", fresh.worked(s), 0, firstCredit, most},
		{"less than twice what was in vain", hung, s, 799 * ms, 0},
		{"twice what was in vain", hung, s, 800 * ms, 800 * ms},
		{"more than twice: all there is", hung, s, 2 * s, 2 * s},
		{"no more than the settings allow", hung, s, 10 * s, most},
		{"twice would be more than the settings allow", hung.failed(start, 2*s, 0), 2 * s, most, most},
		{"refused at once: a pause", refused, s - 1, firstCredit, 0},
		{"refused at once: it is over", refused, s, firstCredit, firstCredit},
		{"refused at once: no attempt with less than the first had", refused, s, firstCredit - 1, 0},
		{"refused again: twice the pause", refused.failed(start.Add(s), 0, 0), 3*s - 1, firstCredit, 0},
		{"refused again: over", refused.failed(start.Add(s), 0, 0), 3 * s, firstCredit, firstCredit},
		{"asked to wait", fresh.failed(start, 0, 5*time.Minute), 5*time.Minute - 1, firstCredit, 0},
		{"has waited", fresh.failed(start, 0, 5*time.Minute), 5 * time.Minute, firstCredit, firstCredit},
		{"asked to wait less than the pause", fresh.failed(start, 0, ms), s - 1, firstCredit, 0},
		{"works again: all is forgotten", hung.worked(ms), 0, 0, firstCredit},
		{"a clock that was set back by a day is no pause of a day", refused, -24 * time.Hour, firstCredit, firstCredit},
		{"answered with a refusal: as much has to be there twice", fresh.refused(150 * ms), 0, 299 * ms, 0},
		{"answered with a refusal: it is there twice", fresh.refused(150 * ms), 0, 300 * ms, 300 * ms},
		{"answered with a refusal at once", fresh.refused(0), 0, least, least},
		{"cut short by the invocation's end: no pause", fresh.cut(100 * ms), 0, 300 * ms, 300 * ms},
		{"cut short again and again: the credit goes", fresh.cut(100 * ms).cut(100 * ms), 0, 100 * ms, 0},
		{"cut short, and it is known to take longer", fresh.worked(500 * ms).cut(100 * ms), 0, 900 * ms, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			limit, ok := test.b.may(start.Add(test.now), test.have, most)
			if ok != (test.wanted > 0) || ok && limit != test.wanted {
				t.Errorf("got %v %v, want %v", limit, ok, test.wanted)
			}
		})
	}
}

func TestCredit(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	const most = 3 * time.Second
	empty := credit{}.spent(start, firstCredit, most)
	tests := []struct {
		name  string
		c     credit
		after time.Duration // start
		want  time.Duration
	}{
		{"at first", credit{}, 0, firstCredit},
		{"at first it does not grow", credit{}, time.Hour, firstCredit},
		{"used up", empty, 0, 0},
		{"it grows by a two-hundredth", empty, 100 * time.Second, 500 * time.Millisecond},
		{"it grows up to what the settings allow", empty, time.Hour, most},
		{"less than nothing", empty.spent(start, time.Second, most), 100 * time.Second, -500 * time.Millisecond},
		{"what it has grown by is kept", empty.spent(start.Add(time.Minute), 0, most), 2 * time.Minute, 600 * time.Millisecond},
		{"when all works there is what they may take, and no more", credit{have: 4 * time.Second, used: true}, time.Hour, 4 * time.Second},
		{"a clock that was set back takes nothing", empty, -time.Hour, 0},
		{"a clock that was set back: it grows from then on", empty.since(start.Add(-24 * time.Hour)), -24*time.Hour + time.Minute, 300 * time.Millisecond},
		{"a clock that was not", empty.since(start.Add(time.Minute)), 2 * time.Minute, 600 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.c.now(start.Add(test.after), most); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestPausesOfTheBreaker: half a minute at most, so that who is invoked once a minute tries every time.
func TestPausesOfTheBreaker(t *testing.T) {
	b, now := breaker{}, time.Unix(1_700_000_000, 0)
	for _, want := range []int{1, 2, 4, 8, 16, 30, 30, 30} {
		b = b.failed(now, 0, 0)
		if got := b.notBefore.Sub(now); got != time.Duration(want)*time.Second {
			t.Errorf("a pause of %v, want %d s", got, want)
		}
	}
}

package deliver

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	at := func(after time.Duration) time.Time { return start.Add(after) }
	fresh := breaker{}
	hung := fresh.failed(at(firstCredit), firstCredit, 0)
	refused := fresh.failed(start, 0, 0)
	tests := []struct {
		name  string
		b     breaker
		now   time.Duration // since start
		limit time.Duration
		ok    bool
	}{
		{"nobody was asked yet", fresh, 0, firstCredit, true},
		{"one that works is trusted with four times what it takes", fresh.worked(start, 200*time.Millisecond), 0, 800 * time.Millisecond, true},
		{"one that is quick is trusted with what one has that nobody knows", fresh.worked(start, time.Millisecond), 0, firstCredit, true},
		{"one that works earns nothing by waiting", fresh.worked(start, time.Millisecond), time.Hour, firstCredit, true},
		{"the credit is used up", hung, firstCredit, 0, false},
		{"it grows by a fiftieth", hung, firstCredit + 10*time.Second, 200 * time.Millisecond, false},
		{"twice what was not enough", hung, firstCredit + 40*time.Second, 800 * time.Millisecond, true},
		{"it grows up to what a minute earns", hung, time.Hour, mostEarned, true},
		{"twice as much again, but not more than a second", hung.failed(at(time.Minute), 800*time.Millisecond, 0), time.Minute + 30*time.Second, 992 * time.Millisecond, false},
		{"a second is enough", hung.failed(at(time.Hour), mostEarned, 0), time.Hour + 50*time.Second, time.Second, true},
		{"refused at once: a pause", refused, time.Second - 1, firstCredit + time.Second/growth - 1, false},
		{"refused at once: no credit is used", refused, time.Second, firstCredit + time.Second/growth, true},
		{"refused again: twice the pause", refused.failed(at(time.Second), 0, 0), 3*time.Second - 1, 0, false},
		{"refused again: over", refused.failed(at(time.Second), 0, 0), 3 * time.Second, 0, true},
		{"asked to wait", fresh.failed(start, 0, 5*time.Minute), 5*time.Minute - 1, 0, false},
		{"has waited", fresh.failed(start, 0, 5*time.Minute), 5 * time.Minute, 0, true},
		{"asked to wait less than the pause", fresh.failed(start, 0, time.Millisecond), time.Second - 1, 0, false},
		{"works again: all is forgotten", hung.worked(at(time.Second), time.Millisecond), time.Second, firstCredit, true},
		{"a clock that was set back earns nothing", hung, -time.Hour, 0, false},
		{"a clock that was set back by a day is no pause of a day", refused, -24 * time.Hour, firstCredit, true},
		{"frozen in the middle: an hour costs no more than there was", fresh.failed(at(time.Hour), time.Hour, 0), time.Hour + time.Minute, mostEarned, true},
		{"answered with a refusal: as much has to be there twice", fresh.refused(start, 300*time.Millisecond), 20 * time.Second, 500 * time.Millisecond, false},
		{"answered with a refusal: it is, sooner or later", fresh.refused(start, 300*time.Millisecond), 25 * time.Second, 600 * time.Millisecond, true},
		{"answered with a refusal again and again", fresh.refused(start, 200*time.Millisecond).refused(start, 200*time.Millisecond), 0, 0, false},
		{"cut short by the invocation's end: no pause", fresh.spent(start, 100*time.Millisecond), 0, firstCredit - 100*time.Millisecond, true},
		{"cut short again and again: the credit goes", fresh.spent(start, 390*time.Millisecond), 0, 10 * time.Millisecond, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			limit, ok := test.b.may(at(test.now))
			if ok != test.ok || test.limit != 0 && (limit-test.limit).Abs() > time.Microsecond {
				t.Errorf("got %v %v, want %v %v", limit, ok, test.limit, test.ok)
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

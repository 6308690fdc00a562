package deliver

import "time"

// A credit is how long the function, or whoever pays for it, may still be kept waiting for nothing. All exporters of a process share one, since what
// they take at the same time is waited for once. It is a value without a clock of its own, so that every decision can be tested by a table.
//
// It begins with firstCredit. Of each flush the longest time that an exporter took without accepting anything is taken off, and a two-hundredth of the
// time that passes is added; when every exporter works, it is full again. So an outage costs 0.4 s at first and a two-hundredth of the time from then on,
// however it fails and however many fail.
type credit struct {
	have time.Duration // may be less than nothing: what works is trusted whatever there is
	at   time.Time     // when have was that; zero: it does not grow. Wall clock, since a frozen environment's monotonic clock may stand still
	used bool          // have says it; else it is firstCredit
}

const (
	// firstCredit is what an exporter has that nobody knows yet: a first request from another continent has a name to look up and four round trips of
	// 80 ms. With it a hundred invocations within ten seconds lose less than 5 ms each.
	firstCredit = 400 * time.Millisecond
	// growth is by how much longer time is than the credit that it earns: a function invoked ten times a second loses half a millisecond each.
	growth = 200
	// defaultTimeout is the most that one attempt may take where nothing says it.
	defaultTimeout = 3 * time.Second
)

// now tells how much there is; most is the most that can be earned. From a clock that was set back it is earned anew: see since.
func (c credit) now(now time.Time, most time.Duration) time.Duration {
	switch {
	case !c.used:
		return firstCredit
	case c.at.IsZero():
		return c.have
	}
	return max(c.have, min(c.have+max(0, now.Sub(c.at))/growth, most))
}

// since gives the credit as it grows from now on, if the clock was set back: else it would not grow until the clock is where it was.
func (c credit) since(now time.Time) credit {
	if now.Before(c.at) {
		c.at = wall(now)
	}
	return c
}

// spent gives the credit after a flush that waited so long for nothing.
func (c credit) spent(now time.Time, waited, most time.Duration) credit {
	return credit{have: c.now(now, most) - waited, at: wall(now), used: true}
}

// A breaker says whether an exporter may be asked, and how long that may take. Like a credit it is a value.
//
// One that works is trusted with a few times what it took. One that failed needs credit for twice what the attempt took that was in vain, up to what the
// settings allow: so one that is slow is reached after a few attempts, of which each may have brought it the same request, and is not asked a hundred
// times with too little time. Beside that there is a pause after each failure, which a Retry-After makes longer: an exporter that refuses at once
// costs no credit, and is not to be asked by everybody all the time.
type breaker struct {
	full      time.Duration // what an attempt may take after one that worked; 0: none did yet
	need      time.Duration // of credit, for the next attempt; 0: the last one worked, or there was none
	doubtful  bool          // the last attempt ended without an answer, by our own limit: what was sent may have been taken
	failures  int           // in a row
	notBefore time.Time
}

const (
	// least credit there has to be for any attempt.
	least = 20 * time.Millisecond
	// slack is how much longer than the last one that worked an attempt may take.
	slack = 4
	// A pause is a second, doubled up to half a minute, so that who is invoked once a minute tries every time.
	firstBreak   = time.Second
	longestBreak = 30 * time.Second
	// longestAfter is the longest Retry-After that package export believes.
	longestAfter = 10 * time.Minute
)

// may tells whether an attempt may be made, and how long it may take: have is the credit, most what the settings allow.
func (b breaker) may(now time.Time, have, most time.Duration) (limit time.Duration, ok bool) {
	trust := min(b.trust(), most)
	switch {
	case b.need > 0:
		limit, ok = min(have, most), have >= min(b.need, most)
	case b.full > 0:
		limit, ok = trust, true
	default:
		limit, ok = trust, have >= trust
	}
	return limit, ok && !b.paused(now)
}

// trust is what an attempt may take if nothing is in the way.
func (b breaker) trust() time.Duration { return max(b.full, firstCredit) }

// paused tells whether the exporter is left alone. A clock that was set back does not make a pause longer than one can be.
func (b breaker) paused(now time.Time) bool {
	return now.Before(b.notBefore) && b.notBefore.Sub(now) <= max(longestBreak, longestAfter)
}

// worked gives the breaker after an attempt that was answered with success.
func (b breaker) worked(took time.Duration) breaker {
	return breaker{full: max(firstCredit, slack*took)}
}

// failed gives the breaker after an attempt that failed; after is how long the exporter asked to be left alone.
func (b breaker) failed(now time.Time, took, after time.Duration) breaker {
	pause := longestBreak
	if b.failures < 5 { // 1 s doubled five times is beyond the longest
		pause = min(firstBreak<<b.failures, longestBreak)
	}
	b.need = max(2*took, firstCredit)
	b.doubtful = false
	b.failures++
	b.notBefore = wall(now).Add(max(pause, after))
	return b
}

// refused gives the breaker after an attempt that was answered, though not with success: whether and when to ask again is not for it to say.
func (b breaker) refused(took time.Duration) breaker {
	b.need, b.doubtful = max(2*took, least), false
	return b
}

// cut gives the breaker after an attempt that took time and tells nothing: whoever wanted to know had no more of it.
func (b breaker) cut(took time.Duration) breaker {
	b.need = max(b.need, 2*took, least, b.full/2)
	b.doubtful = true
	return b
}

func wall(t time.Time) time.Time { return t.Round(0) }

package deliver

import "time"

// A breaker says how long an exporter may be waited for. It is a value without a clock or a connection of its own, so that every decision can be tested
// by a table. The zero breaker has credit.
//
// Who waits for an exporter is the function, or whoever pays for it. So an exporter has a credit of time: an attempt may take as long as there is
// credit, one that fails uses up what it took, and an attempt that works fills it again. Meanwhile it grows with the time that passes, by a
// fiftieth. So an outage costs a busy function 0.4 s at first and a second a minute from then on, however it fails, and one that is invoked once a
// minute has more than a second for each attempt. Beside the credit there is a pause after each failure, which a Retry-After makes longer: an
// exporter that refuses at once costs no credit, and is not to be asked by everybody all the time.
type breaker struct {
	debt      time.Duration // what is lacking to full credit
	full      time.Duration // what the credit is after an attempt that worked; 0: none did yet
	at        time.Time     // when debt was that; wall clock, since a frozen environment's monotonic clock may stand still
	took      time.Duration // the last attempt, if it failed or was refused
	failures  int           // in a row
	notBefore time.Time
}

const (
	// firstCredit is what an exporter has that nobody knows yet: a first request from another continent has a name to look up and four round trips of
	// 80 ms. With it a hundred invocations in ten seconds lose less than 5 ms each.
	firstCredit = 400 * time.Millisecond
	// mostEarned is what the credit grows up to without an attempt that worked: what a minute earns. Whoever is invoked every ten minutes does
	// not want to pay for more either.
	mostEarned = 1200 * time.Millisecond
	// growth is by how much longer time is than the credit that it earns.
	growth = 50
	// enough credit there has to be for an attempt after one that took half of it or more, since one that is cut short is worth nothing.
	enough = time.Second
	// least credit there has to be for any attempt.
	least = 20 * time.Millisecond
	// slack is how much longer than the last one that worked an attempt may take.
	slack = 4
	// A pause is a second, doubled up to half a minute, so that who is invoked once a minute tries every time.
	firstBreak   = time.Second
	longestBreak = 30 * time.Second
)

// credit tells how long an attempt may take now.
func (b breaker) credit(now time.Time) time.Duration {
	full := max(b.full, firstCredit)
	if b.at.IsZero() {
		return full
	}
	most := full
	if b.failures > 0 || b.took > 0 {
		most = max(full, mostEarned)
	}
	earned := max(0, now.Sub(b.at)) / growth // a clock that was set back earns nothing
	have := full - b.debt
	return max(have, min(have+earned, most))
}

// may tells whether an attempt may be made, and how long it may take.
func (b breaker) may(now time.Time) (limit time.Duration, ok bool) {
	credit := b.credit(now)
	return credit, !b.paused(now) && credit >= min(max(2*b.took, least), enough)
}

// paused tells whether the exporter is left alone. A clock that was set back does not make a pause longer than one can be.
func (b breaker) paused(now time.Time) bool {
	return now.Before(b.notBefore) && b.notBefore.Sub(now) <= max(longestBreak, longestAfter)
}

// longestAfter is the longest Retry-After that package export believes.
const longestAfter = 10 * time.Minute

// worked gives the breaker after an attempt that was answered with success.
func (b breaker) worked(now time.Time, took time.Duration) breaker {
	return breaker{full: max(firstCredit, slack*took), at: wall(now)}
}

// failed gives the breaker after an attempt that failed; after is how long the exporter asked to be left alone.
func (b breaker) failed(now time.Time, took, after time.Duration) breaker {
	pause := longestBreak
	if b.failures < 5 { // 1 s doubled five times is beyond the longest
		pause = min(firstBreak<<b.failures, longestBreak)
	}
	b = b.refused(now, took)
	b.failures++
	b.notBefore = wall(now).Add(max(pause, after))
	return b
}

// refused gives the breaker after an attempt that was answered, though not with success: whether and when to ask again is not for it to say.
func (b breaker) refused(now time.Time, took time.Duration) breaker {
	b = b.spent(now, took)
	b.took = took
	return b
}

// spent gives the breaker after an attempt that took time and tells nothing: whoever wanted to know had no more of it.
func (b breaker) spent(now time.Time, took time.Duration) breaker {
	left := max(0, b.credit(now)-took) // a freeze in the middle of an attempt makes it as long as the freeze
	b.debt = max(b.full, firstCredit) - left
	b.at = wall(now)
	return b
}

func wall(t time.Time) time.Time { return t.Round(0) }

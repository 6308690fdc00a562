package lifecycle

import (
	"cmp"
	"math"
	"time"
)

// A Strategy says what a Policy goes by.
type Strategy string

// Strategies, as AFTERGLOW_FLUSH names them.
const (
	Adaptive Strategy = "adaptive" // at the end of each invocation while they are rare, every interval while they are frequent
	AtEnd    Strategy = "end"      // at the end of each
	Interval Strategy = "interval" // every interval
)

// A Policy decides when the spool is read and exported: at the end of the invocation that has just begun, so that the function's response goes out
// first, or not in this one, so that the next event can be asked for at once. What is not exported stays in the spool.
//
// It is a pure function of a Moment, without a clock, a memory or a connection of its own.
type Policy struct {
	Strategy Strategy      // anything else than the constants is Adaptive
	Interval time.Duration // AFTERGLOW_FLUSH_INTERVAL
	Portion  time.Duration // of work that may hold the environment at once, as PortionOf gives it; 0: as where there is no limit to the CPU
}

// recent is how many invocations the next one is foretold by. Three gaps make it likely that traffic is traffic, and not somebody who tries a function out
// and wants to see what came of it.
const recent = 4

// A Moment is what is known when it is decided. Times are by the wall clock: a frozen environment's other clock may stand still.
type Moment struct {
	Now      time.Time
	Left     time.Duration     // of the time that may be used
	Shutdown bool              // there will be no other moment
	Due      bool              // somebody who can be exported to may be asked
	Recent   [recent]time.Time // when the last invocations began, this one included and last; zero where there was none
	Oldest   time.Time         // when the first of those began of which nothing has been exported yet
	Waiting  int               // how many these are, this one included
	Unread   int               // of them: nothing of them has been made ready either
	Bytes    int64             // that the spool has of them, as far as that can be told without looking
	Hold     time.Duration     // how long the last flush kept the function's next invocation waiting
	Each     time.Duration     // how long it took lately to make an invocation ready; 0 if nobody knows, or there is nothing to make ready
	Ready    bool              // what waits is enough for a request
}

const (
	// leastTime is what a flush is not begun without: a round trip within a region takes some 10 ms with everything around it.
	leastTime = 20 * time.Millisecond
	// manyWait is what one round of the intake reads. Rendering them takes some 100 ms of the smallest function's CPU, which is long enough for one invocation.
	manyWait = 256
	// muchWaits is a sixteenth of what the hooks may write by default before they stop, and takes, rendered, a few MiB of the function's memory.
	muchWaits = 4 << 20
	// cheap is what a flush may hold up an invocation on the average, while traffic is frequent: export goes on being put off until so many share in it, or
	// until it was put off for patience intervals.
	cheap    = 400 * time.Microsecond
	patience = 4
	// besideGap is how far apart invocations may begin whose environment is trusted to be thawed before an answer is given up: the request goes on while it is
	// frozen, but nobody sees the answer. A quarter of what an exporter is given at least (deliver's firstCredit).
	besideGap = 100 * time.Millisecond
	// portion is how long making invocations ready may hold the environment at once, while traffic is so dense, and fewest are not worth the trouble. So work is
	// spread over invocations: no client notices one portion, and it fits into what a function of 512 MB gets of a core in a period of 20 ms, beyond which
	// everything stands still until the next one.
	portion = 4 * time.Millisecond
	fewest  = 4
	// crowd is the fewest where invocations begin within one period of the CPU's, each of the last ones. Nobody's portion fits into what those leave of a small share, and a larger
	// one costs less for each of them: what it works with is brought into cold caches half as often.
	crowd = 8
	// Lambda gives a function so much of a core in each period of so long: docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html has the first, bench/cpushare the second.
	memoryOfOneCore = 1769
	cpuPeriod       = 20 * time.Millisecond
)

// PortionOf gives the portion for a function's memory in MB, 0 if nobody knows it: 3/5 of what it gets of a core in a period. The rest is for what else there is to do about an
// invocation, and what is beyond a period's end waits until the next one: 18 ms with 128 MB.
func PortionOf(memory int64) time.Duration {
	if memory <= 0 {
		return portion
	}
	return min(portion, cpuPeriod*time.Duration(memory)/memoryOfOneCore*3/5)
}

// Beside tells whether a flush may wait for its answers beside the next invocations: the response is out, and what is left to do takes no work. Only while traffic
// is so dense that the environment is hardly ever frozen.
func (p Policy) Beside(m Moment) bool {
	return p.Strategy != AtEnd && !m.Shutdown && m.gap() <= besideGap
}

// Prepare tells whether to make ready what waits, after the invocation that has just begun, without exporting it. While nobody may be asked it does not: an outage
// costs enough as it is.
func (p Policy) Prepare(m Moment) bool {
	few := fewest
	if m.gap() < cpuPeriod {
		few = crowd
	}
	return p.Beside(m) && m.Due && m.Left >= leastTime && m.Each > 0 && m.Unread >= few && time.Duration(m.Unread)*m.Each >= cmp.Or(p.Portion, portion)
}

// Flush decides.
func (p Policy) Flush(m Moment) bool {
	switch {
	case m.Left < leastTime:
		return false
	case m.Shutdown, m.isFull():
		return true // also where nobody may be asked: there is an outbox, and the spool must not fill up
	case !m.Due:
		return false
	}
	age := m.Now.Sub(m.Oldest)
	overdue := age >= p.Interval || age < 0 // a clock that was set back tells nothing
	switch p.Strategy {
	case AtEnd:
		return true
	case Interval:
		return overdue
	}
	switch {
	case m.gap() > p.Interval:
		return true // nobody knows when the next one comes, and this environment may stand still until then
	case !overdue:
		return false
	}
	return m.Waiting >= int(m.Hold/cheap) || age >= patience*p.Interval || age < 0
}

// isFull tells that no more may wait.
func (m Moment) isFull() bool { return m.Bytes >= muchWaits || m.Waiting >= manyWait || m.Ready }

// gap is the longest time between recent invocations, and so what the next one may be expected within. Traffic that slows down is believed at once, traffic that
// sets in is not.
func (m Moment) gap() (longest time.Duration) {
	for i := range m.Recent[1:] {
		gap := m.Recent[i+1].Sub(m.Recent[i])
		if m.Recent[i].IsZero() || gap < 0 {
			return math.MaxInt64
		}
		longest = max(longest, gap)
	}
	return longest
}

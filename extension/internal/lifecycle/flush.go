package lifecycle

import "time"

// A Moment is what is known when it is decided whether to flush.
type Moment struct {
	Now      time.Time
	Left     time.Duration // of the time that may be used
	Shutdown bool          // there will be no other moment
}

// A Policy decides when the spool is read and exported. It is asked after an invocation's response has gone out, and at SHUTDOWN. This one
// flushes after every invocation, unless the collector failed lately.
//
// It is a value without a clock or a connection of its own, so that every decision can be tested by a table.
type Policy struct {
	failures  int       // in a row
	notBefore time.Time // wall clock: a frozen environment's monotonic clock may stand still
}

const (
	// leastTime is what a flush is not begun without: a round trip within a region takes some 10 ms with everything around it.
	leastTime = 20 * time.Millisecond
	// A collector that failed is left alone for a second, then twice as long each time, so that an outage costs a busy function one timeout a
	// minute and not one an invocation. What is not exported meanwhile stays in the spool, which has its own limit.
	firstBreak   = time.Second
	longestBreak = time.Minute
)

// Flush decides.
func (p Policy) Flush(m Moment) bool {
	if m.Left < leastTime {
		return false
	}
	return m.Shutdown || !m.Now.Before(p.notBefore)
}

// Waits tells whether a flush may be decided on before a deadline, so that the end of the invocation is worth waiting for.
func (p Policy) Waits(deadline time.Time) bool {
	return deadline.IsZero() || deadline.After(p.notBefore)
}

// Failed gives the policy after an export that failed; after is how long the collector asked to be left alone.
func (p Policy) Failed(now time.Time, after time.Duration) Policy {
	pause := longestBreak
	if p.failures < 6 { // 1 s doubled six times is beyond the longest
		pause = min(firstBreak<<p.failures, longestBreak)
	}
	return Policy{failures: p.failures + 1, notBefore: now.Round(0).Add(max(pause, after))}
}

// Worked gives the policy after an export that worked.
func (p Policy) Worked() Policy { return Policy{} }

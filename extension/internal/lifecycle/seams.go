package lifecycle

import (
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A Platform is what Lambda tells through its Telemetry API. telemetry.Listener is the real one. Its methods may be called at any time,
// by different goroutines.
type Platform interface {
	// Began says that INVOKE told of an invocation. It is called for each, before Ended, also where Ended is not: a second attempt has the id of the
	// first, whose end may be known already and is not its own.
	Began(id string)
	// Ended gives a channel that is closed when platform.runtimeDone of that invocation came, or had come before. It may stay open for good.
	Ended(id string) <-chan struct{}
	// Take gives the facts that came since the last Take, oldest first.
	Take() []event.Fact
	// Told is false where nothing will ever come: not subscribed, refused, or an environment that only says so (202).
	Told() bool
	// Heard is true once anything has come.
	Heard() bool
	// Whole gives a channel that is closed when all has come that there is to tell of what has begun: the report of the last invocation, or of a set-up that failed.
	// It may stay open for good.
	Whole() <-chan struct{}
}

// A Meter makes metrics. metric.Meter is the real one.
type Meter interface {
	// Invocation counts an invocation, unless it is Late, and what was lost of it.
	Invocation(inv event.Invocation)
	Fact(f event.Fact)
	// Lost counts a loss that no invocation carries.
	Lost(l event.Loss)
	// Collect gives a request with what was counted since the last time, and its number of data points; nil if it is not due, unless it is the last.
	Collect(now time.Time, last bool) (payload []byte, points int)
	// Peek gives what a last Collect would give, and forgets nothing; nil if nothing is new since the Peek before.
	Peek(now time.Time) (payload []byte, points int)
}

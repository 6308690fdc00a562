package lifecycle

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

const (
	// shutdownTime is what is left to extensions of the two seconds in which an environment has to end, where its runtime ignores SIGTERM.
	// lastMargin is what is left of SHUTDOWN's time: whatever still runs at its end is killed.
	// leastShutdown is used whatever SHUTDOWN says: a process that is not killed yet can at least tell what is lost.
	shutdownTime  = 1400 * time.Millisecond
	leastShutdown = 100 * time.Millisecond
	lastMargin    = 100 * time.Millisecond
	// withoutDeadline bounds an event that came without a deadline. There is none such on Lambda; 3 s is the default timeout of a function.
	withoutDeadline = time.Second
	// lastWords is for what a flush does when its time is over: it writes what was not accepted to disk or to the log.
	lastWords = 180 * time.Millisecond
	// lastLook bounds a look at how much was not read, so that it can still be told: while the last work goes on there is less time for it than after that.
	lastLook = 40 * time.Millisecond
	calmLook = 120 * time.Millisecond
	// lastWait is the part of SHUTDOWN's time that an answer is waited for which was still missing when the environment was frozen, or a report: it may never come.
	lastWait = 4
	// mostPanics of stages, and what they are fed is not worth the trouble any more: it is only counted.
	mostPanics = 3
	// room is left in a request for what is only estimated of it: a second one for a handful of invocations takes as much of everything but bytes.
	room = 8
	// maxAnnounced bounds what is remembered of invocations whose data waits: several times what waits before it is flushed, should a flush get stuck. Hooks write
	// all that is in an announcement, and Lambda's telemetry tells most of it, so what is dropped costs nothing but functions that have neither.
	maxAnnounced = 4 * manyWait
)

// A Pipeline is a Worker that leads what the spool holds through the stages. Fields are set before its first use. With a nil Delivery it
// only keeps the spool empty.
//
// Its state belongs to one goroutine at a time: to the one that calls Invoke and Shutdown, and while a flush runs, to that. Whoever finds one running
// touches nothing but announced.
type Pipeline struct {
	Endings  Endings
	Intake   *intake.Intake
	Platform Platform                               // nil: nothing is told
	Render   func(event.Invocation) []deliver.Batch // enrich, correlate, mask, limit, span, otlp
	Delivery deliver.Delivery
	Meter    Meter // nil: no metrics
	Policy   Policy
	Margin   time.Duration // AFTERGLOW_DEADLINE_MARGIN
	Batch    int           // AFTERGLOW_LIMIT_BATCH_BYTES: so much is made ready before it is sent, while there is more to read; 0: what one round brought
	Timed    bool          // the environment is never frozen and tells of no invocations: flush by the clock
	Log      zerolog.Logger

	traffic   traffic
	announced []intake.Announcement

	lost    []event.Loss   // to be told with the next invocation
	owed    bool           // what an earlier life left untold was asked for
	sure    deliver.Batch  // metrics that no other process can count and that no disk keeps; without a payload there are none
	held    []intake.Round // read, but not yet in anything that outlives this process
	added   atomic.Int64   // bytes that were made ready since the last delivery; for everybody to read
	panics  int
	whole   time.Duration // of an invocation, as far as was seen
	narrow  bool          // it was said that the margin is too large
	expired bool          // there was no time after the end of the invocation that was awaited last
	said    atomic.Bool   // that not everything could be exported
	broken  bool          // a panic between the stages: nothing is touched any more

	working chan struct{}      // closed when the work that outlasted its invocation is done; nil if there is none
	stop    context.CancelFunc // of that work, if it goes on because the answers are all that it waits for; else nil
	timer   *timer             // nil if not Timed
}

// Invoke returns at once if the policy leaves the spool alone. Otherwise it waits for the end of the invocation, or until it is clear that nobody will tell
// of it, and flushes what is complete then, or makes a part of it ready for the next flush.
func (p *Pipeline) Invoke(ctx context.Context, e lambdaapi.Event) {
	now := time.Now().Round(0)
	p.announce(e, now)
	p.traffic.arrived(now)
	if p.isWorking() || p.broken {
		// Work that did not end in its invocation's time goes on beside this one, at the lowest priority. This one's data can wait.
		return
	}
	deadline := believed(now, e.Deadline)
	m := p.moment(now, deadline)
	flush := p.Policy.Flush(m)
	if prepare := p.Policy.Prepare(m) && p.isSafe(); !flush && !prepare {
		return
	}
	bounded, cancel := until(ctx, deadline, p.margin(now, deadline))
	defer cancel()
	if p.Delivery == nil {
		p.within(bounded, func(context.Context) { p.discard() })
		p.traffic.flushed(flushed{all: true}, 0)
		return
	}
	// Where the last one had no time after its end, what waits is flushed beside the handler before it is too much.
	if beside := p.expired && m.isFull(); !beside {
		if p.expired = p.Endings.Await(bounded, p.attempt(e)) == Expired; p.expired {
			return
		}
	}
	ended := time.Now().Round(0)
	if m.Left = left(bounded); m.Left < leastTime {
		p.expired = true
		return
	}
	if !flush {
		p.prepareWithin(bounded)
		return
	}
	// Also where no hook told of this invocation: hooks whose spool is full write nothing, and nothing would ever make room for them.
	var done flushed
	if p.Policy.Beside(m) {
		done = p.flushBeside(ctx, bounded)
	} else {
		done = p.flushWithin(bounded)
	}
	p.traffic.flushed(done, time.Now().Round(0).Sub(ended))
}

// isSafe tells whether nothing is held in memory but what has not been delivered yet: what nobody could keep is not to become more.
func (p *Pipeline) isSafe() bool { return len(p.held) == 0 || p.added.Load() > 0 }

// discard drops what would only fill the function's /tmp, and memory.
func (p *Pipeline) discard() {
	p.Intake.Discard()
	if p.Platform != nil {
		p.Platform.Take()
	}
}

// moment is what the policy is asked with.
func (p *Pipeline) moment(now, deadline time.Time) Moment {
	if p.traffic.look() {
		p.traffic.looked(max(0, p.Intake.Size()))
	}
	left := withoutDeadline
	if !deadline.IsZero() {
		left = deadline.Add(-p.margin(now, deadline)).Sub(now)
	}
	m := p.traffic.moment(now, left, p.Delivery == nil || p.Delivery.Due(now))
	m.Ready = p.Batch > 0 && p.traffic.whole(p.added.Load()) >= int64(p.Batch-p.Batch/room)
	return m
}

// margin is what is left of an invocation's time: what the settings say, and a fifth of it at most, or nothing would ever be exported.
func (p *Pipeline) margin(now, deadline time.Time) time.Duration {
	if deadline.IsZero() {
		return p.Margin
	}
	p.whole = max(p.whole, deadline.Sub(now)) // an event may come late, and that is no reason to leave less
	most := p.whole / 5
	if p.Margin <= most {
		return p.Margin
	}
	if !p.narrow {
		p.narrow = true
		p.Log.Warn().Dur("used instead", most).Msg("AFTERGLOW_DEADLINE_MARGIN is more than a fifth of an invocation's time, and counts as that: make it shorter, or the function's timeout longer")
	}
	return most
}

// announce keeps what Lambda told of an invocation until the intake is free to take it.
func (p *Pipeline) announce(e lambdaapi.Event, now time.Time) {
	if p.Platform != nil {
		p.Platform.Began(e.RequestID)
	}
	if len(p.announced) >= maxAnnounced {
		p.announced = append(p.announced[:0], p.announced[1:]...)
	}
	p.announced = append(p.announced, intake.Announcement{ID: e.RequestID, ARN: e.ARN, Trace: e.Trace, Deadline: e.Deadline, At: now})
}

// attempt is the invocation announced last, as Endings wants to have it.
func (p *Pipeline) attempt(e lambdaapi.Event) Attempt {
	a := Attempt{ID: e.RequestID, Deadline: e.Deadline}
	for _, before := range p.announced[:len(p.announced)-1] {
		a.Again = a.Again || before.ID == a.ID
	}
	return a
}

// Shutdown exports all that is there. After a timeout or a failure there will be another life of the environment, which finds what is left in /tmp.
func (p *Pipeline) Shutdown(ctx context.Context, e lambdaapi.Event) {
	now := time.Now().Round(0)
	if e.Deadline = believed(now, e.Deadline); e.Deadline.IsZero() {
		e.Deadline = now.Add(shutdownTime)
	} else if soon := now.Add(leastShutdown + lastMargin); e.Deadline.Before(soon) {
		e.Deadline = soon
	}
	ctx, cancel := until(ctx, e.Deadline, lastMargin)
	defer cancel()
	if !p.isFree(ctx) || p.broken {
		// What is in memory cannot be reached any more. The spool can, by the environment's next life, if there is one.
		p.sayLate(e)
		return
	}
	if p.Delivery == nil {
		return
	}
	if !p.within(ctx, func(ctx context.Context) { p.flush(ctx, reasonOf(e), nil) }) {
		p.sayLate(e)
	}
}

// sayLate tells what a SHUTDOWN leaves undone whose time is over while something is still being worked on.
func (p *Pipeline) sayLate(e lambdaapi.Event) {
	if p.said.Load() {
		return
	}
	said, text := p.unread(p.Log.Warn(), lastLook), notAll
	if unsent := p.added.Load(); unsent > 0 {
		said = said.Int64("unsent bytes", unsent)
	}
	survives := p.survives(reasonOf(e))
	if p.Delivery != nil {
		for _, l := range p.Delivery.Untold(survives) {
			said = said.Int64(l.Reason, l.Records)
		}
	}
	if survives {
		text += ": what is unread is left to the next life of the environment"
	}
	said.Msg(text)
}

// believed gives a deadline, or none if it is over when its event comes: then this clock and Lambda's do not agree, and it tells nothing.
func believed(now, deadline time.Time) time.Time {
	if deadline.After(now) {
		return deadline
	}
	return time.Time{}
}

// reasonOf gives the reason of a SHUTDOWN, which is never empty.
func reasonOf(e lambdaapi.Event) string {
	if e.Reason == "" {
		return "unknown"
	}
	return e.Reason
}

func until(ctx context.Context, deadline time.Time, margin time.Duration) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithTimeout(ctx, withoutDeadline)
	}
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

// left is what a context has left.
func left(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	if d, ok := ctx.Deadline(); ok {
		return time.Until(d)
	}
	return math.MaxInt64
}

package lifecycle

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// Endings waits for the ends of invocations. Watch is the real one.
type Endings interface {
	// Await returns when the invocation has ended, when nobody will tell of its end, or when the context is done.
	Await(ctx context.Context, id string) Ending
}

// An Ending is why Await returned.
type Ending int

// Endings of Await.
const (
	Ended   Ending = iota // the handler is done and its records are in the spool
	NoHook                // no hook has written anything in this environment
	Silent                // there are hooks, but none has told of this invocation
	Expired               // the context was done first
)

// A Sender delivers an encoded request. export.Client is the real one.
type Sender interface {
	Send(ctx context.Context, payload []byte) (export.Result, error)
}

// Reasons of a Loss that is found here.
const (
	LossQueueFull = "queue-full" // spans that waited for the collector for too long
	LossRefused   = "refused"    // spans that the collector did not take
	LossPanic     = "panic"      // an invocation on which a stage broke
)

const (
	// lastMargin is what is left of SHUTDOWN's two seconds: whatever still runs at their end is killed.
	lastMargin = 100 * time.Millisecond
	// withoutDeadline bounds an event that came without a deadline. There is none such on Lambda; 3 s is the default timeout of a function.
	withoutDeadline = time.Second
	// muchRead is what may leave several times as much memory behind. Go gives it back by and by, which a frozen process does not live to see; so it is
	// given back at once, for a few milliseconds of work.
	muchRead = 4 << 20
	// mostPanics of stages, and the rest of the environment's data is not worth the trouble.
	mostPanics = 3
)

// A Pipeline is a Worker that leads what the spool holds through the stages. Fields are set before its first use. With a nil Sender it
// only keeps the spool empty.
type Pipeline struct {
	Endings Endings
	Intake  *intake.Intake
	Render  func(event.Invocation) (payload []byte, spans int) // enrich, correlate, mask, limit, span, otlp
	Sender  Sender
	Margin  time.Duration // AFTERGLOW_DEADLINE_MARGIN
	Batch   int           // most bytes of one request: AFTERGLOW_LIMIT_BATCH_BYTES; 0 for the default
	Log     zerolog.Logger

	policy Policy
	queue  queue
	lost   []event.Loss // to be told with the next invocation
	panics int
	broken bool // a panic between the stages: nothing is touched any more

	announced []intake.Announcement
	working   chan struct{} // closed when the work that outlasted its invocation is done; nil if there is none
}

// Invoke waits for the end of the invocation, or until it is clear that nobody will tell of it, and flushes what is complete then.
func (p *Pipeline) Invoke(ctx context.Context, e lambdaapi.Event) {
	p.announce(e)
	if p.isWorking() || p.broken {
		// Work that did not end in its invocation's time goes on beside this one, at the lowest priority. This one's data can wait.
		return
	}
	ctx, cancel := until(ctx, e.Deadline, p.Margin)
	defer cancel()
	if p.Sender == nil || p.panics >= mostPanics {
		p.within(ctx, p.Intake.Discard) // it would only fill the function's /tmp
		return
	}
	if !p.policy.Waits(e.Deadline) || p.Endings.Await(ctx, e.RequestID) == Expired || !p.policy.Flush(moment(ctx, false)) {
		return
	}
	// Also where no hook told of this invocation: hooks whose spool is full write nothing, and nothing would ever make room for them.
	p.within(ctx, func() { p.flush(ctx, false) })
}

// announce keeps what Lambda told of an invocation until the intake is free to take it.
func (p *Pipeline) announce(e lambdaapi.Event) {
	if len(p.announced) >= intake.MaxKnown {
		p.announced = p.announced[1:]
	}
	p.announced = append(p.announced, intake.Announcement{ID: e.RequestID, ARN: e.ARN, Trace: e.Trace, Deadline: e.Deadline})
}

// Shutdown exports all that is there.
func (p *Pipeline) Shutdown(ctx context.Context, e lambdaapi.Event) {
	ctx, cancel := until(ctx, e.Deadline, lastMargin)
	defer cancel()
	if p.isWorking() {
		select {
		case <-p.working:
		case <-ctx.Done():
			return
		}
	}
	if p.Sender == nil || p.broken || p.panics >= mostPanics || !p.policy.Flush(moment(ctx, true)) {
		return
	}
	if s, ok := p.Sender.(interface{ Last() }); ok {
		s.Last() // export.Group leaves nobody alone at the end
	}
	p.within(ctx, func() { p.flush(ctx, true) })
}

func until(ctx context.Context, deadline time.Time, margin time.Duration) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithTimeout(ctx, withoutDeadline)
	}
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

func moment(ctx context.Context, shutdown bool) Moment {
	left := time.Duration(math.MaxInt64)
	if d, ok := ctx.Deadline(); ok {
		left = time.Until(d)
	}
	if ctx.Err() != nil {
		left = 0
	}
	return Moment{Now: time.Now(), Left: left, Shutdown: shutdown}
}

// within works for as long as the context allows. What is not done then goes on by itself, and isWorking tells of it.
func (p *Pipeline) within(ctx context.Context, work func()) {
	done := make(chan struct{})
	p.working = done
	announced := p.announced
	p.announced = nil
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				p.broken = true
				logPanic(p.Log, "flush", r)
			}
		}()
		for _, a := range announced {
			p.Intake.Announce(a)
		}
		work()
	}()
	select {
	case <-done:
		p.working = nil
	case <-ctx.Done():
	}
}

func (p *Pipeline) isWorking() bool {
	if p.working == nil {
		return false
	}
	select {
	case <-p.working:
		p.working = nil
		return false
	default:
		return true
	}
}

// flush brings what is in the spool to the collector, round by round. A round's files are deleted when the attempt to send them has ended: a
// process that is killed before leaves them to the next life of the environment, which may send them a second time, with the same ids.
// Then they are in the collector or in the queue. With final they are deleted only when all has arrived, since the queue ends with the
// process.
func (p *Pipeline) flush(ctx context.Context, final bool) {
	read := int64(0)
	for ctx.Err() == nil {
		round := p.Intake.Collect(final)
		read += round.Bytes
		for _, inv := range round.Invocations {
			p.render(inv)
		}
		p.lost = append(p.lost, round.Lost...)
		delivered := p.deliver(ctx)
		if delivered || !final {
			p.Intake.Release(round)
		}
		if !delivered || !round.More {
			break
		}
	}
	if final && (len(p.lost) > 0 || len(p.queue.items) > 0) {
		p.logLeft()
	}
	if !final && read > muchRead {
		debug.FreeOSMemory()
	}
}

// render puts an invocation into the queue. A stage that panics costs this invocation.
func (p *Pipeline) render(inv event.Invocation) {
	told := p.lost
	p.lost = nil
	defer func() {
		if r := recover(); r != nil {
			p.panics++
			p.lost = append(told, p.lost...)
			p.lose(LossPanic, int64(1+len(inv.Calls)), 0)
			logPanic(p.Log, "render", r)
		}
	}()
	inv.Lost = append(inv.Lost, told...)
	payload, spans := p.Render(inv)
	if spans == 0 {
		return
	}
	for _, d := range p.queue.push(rendered{payload, spans}) {
		p.lose(LossQueueFull, int64(d.spans), int64(len(d.payload)))
	}
}

// deliver sends the queue. It returns false if something is left in it.
func (p *Pipeline) deliver(ctx context.Context) bool {
	most := math.MaxInt
	from := 0 // what stands before is left for exporters that lack it; the others have it
	for from < len(p.queue.items) {
		if ctx.Err() != nil {
			return false
		}
		payload, n := p.queue.batch(from, most, p.Batch)
		result, err := p.Sender.Send(ctx, payload)
		if result.Rejected > 0 {
			p.lose(LossRefused, result.Rejected, 0)
			p.Log.Warn().Int64("spans", result.Rejected).Str("reason", result.Text).Msg("the collector refused a part")
		}
		var refused *export.Error
		switch {
		case err == nil:
			p.policy = p.policy.Worked()
			p.queue.remove(from, n)
			continue
		case errors.As(err, &refused) && refused.Partly:
			p.policy = p.policy.Worked()
			from += n
			if !refused.Paused {
				p.Log.Warn().Err(err).Int("kept", len(p.queue.items)).Msg("cannot export to all")
			}
			continue
		case errors.As(err, &refused) && !refused.Retry && n > 1:
			most = 1 // one of them may be the reason
			continue
		case errors.As(err, &refused) && !refused.Retry:
			p.lose(LossRefused, int64(p.queue.items[from].spans), int64(len(payload)))
			p.queue.remove(from, 1)
		}
		var after time.Duration
		if refused != nil {
			after = refused.After
		}
		p.policy = p.policy.Failed(time.Now(), after)
		p.Log.Warn().Err(err).Int("kept", len(p.queue.items)).Msg("cannot export")
		return len(p.queue.items) == 0
	}
	return len(p.queue.items) == 0
}

func (p *Pipeline) lose(reason string, records, bytes int64) {
	for i := range p.lost {
		if l := &p.lost[i]; l.Reason == reason {
			l.Records += records
			l.Bytes += bytes
			return
		}
	}
	p.lost = append(p.lost, event.Loss{Reason: reason, Records: records, Bytes: bytes})
}

// logLeft tells of what nobody will ever see.
func (p *Pipeline) logLeft() {
	e := p.Log.Warn()
	spans := 0
	for _, r := range p.queue.items {
		spans += r.spans
	}
	for _, l := range p.lost {
		e = e.Int64(l.Reason, l.Records)
	}
	e.Int("undelivered", spans).Msg("not everything could be exported before the end")
}

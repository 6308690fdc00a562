package lifecycle

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
)

// LossPanic is the reason of a Loss that is found here: an invocation on which a stage broke.
const LossPanic = "panic"

// muchRead is what may leave several times as much memory behind. Go gives it back by and by, which a frozen process does not live to see; so it is
// given back at once, for a few milliseconds of work.
const muchRead = 4 << 20

// reportWait bounds the wait for what Lambda has yet to tell at the end: it holds it back for 25 ms, and this process has the lowest priority, so a busy machine
// may keep it from being heard of for several times that. Nor is more than a lastWait-th part of SHUTDOWN's time waited.
const reportWait = 300 * time.Millisecond

// Reasons of a SHUTDOWN after which the environment lives on: what is left in /tmp is found by its next life.
// docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: a reset does not clear /tmp.
const (
	reasonTimeout = "timeout"
	reasonFailure = "failure"
)

// A flushed is what a flush came to.
type flushed struct {
	bytes int64         // read
	all   bool          // nothing was left in the spool that could have been read
	took  time.Duration // reading and making it ready
	// unread invocations were found at the end of the environment, and there was no time to make anything of them.
	unread int
}

// prepare makes ready what is complete, for the next flush, so that it has less to do at once. The files stay: until then the data is in memory alone.
func (p *Pipeline) prepare(ctx context.Context) (done flushed) {
	began := time.Now()
	p.facts()
	round := p.Intake.Collect(false)
	p.renderAll(ctx, round.Invocations, false)
	p.Delivery.Prepare()
	p.lose(round.Lost...)
	p.hold(round)
	return flushed{bytes: round.Bytes, all: !round.More, took: time.Since(began)}
}

// flush brings what is in the spool to the exporters, round by round. A round's files are deleted when the delivery says that their content is safe: a
// process that is killed before leaves them to the next life of the environment, which may send them a second time, with the same ids. reason is that of
// SHUTDOWN, "" before. Whoever does not want to wait for answers is told what it came to when there is nothing else left to wait for; else waits is nil.
func (p *Pipeline) flush(ctx context.Context, reason string, waits func(flushed)) (done flushed) {
	began := time.Now()
	last := reason != ""
	if last {
		p.awaitWhole(ctx)
	}
	p.facts()
	if !p.owed {
		p.owed = true
		p.owe(p.Delivery.Owed()) // metrics of the life that owes them have counted them
	}
	if last {
		p.Intake.Ends(reason)
	}
	for ctx.Err() == nil && !done.all {
		round := p.Intake.Collect(last)
		done.bytes += round.Bytes
		done.unread = p.renderAll(ctx, round.Invocations, last && !p.survives(reason))
		p.lose(round.Lost...)
		if done.unread > 0 {
			break
		}
		done.all = !round.More && !round.Later
		if round.More && p.added.Load() < int64(p.Batch) {
			p.hold(round)
			continue
		}
		done.took = time.Since(began)
		bringing := ctx
		if now := done; !round.More && waits != nil {
			bringing = deliver.Beside(ctx, func() { waits(now) })
		}
		if p.bring(bringing, reason, round) {
			p.release(round)
		} else {
			p.hold(round)
			if !last {
				break // what is read now would only pile up in memory
			}
		}
		if round.Later && !round.More {
			break // it can be read no better now
		}
	}
	if last && !done.all && !p.survives(reason) {
		p.collect(true) // of what was read at least
	}
	if p.added.Load() > 0 { // the time was over before enough of it came together: it has to be kept somewhere
		if p.bring(ctx, reason, intake.Round{}) {
			p.release(intake.Round{})
		}
	}
	if last {
		p.end(ctx, reason, done)
	}
	if !last && done.bytes > muchRead {
		debug.FreeOSMemory()
	}
	return done
}

// renderAll makes batches of the invocations of a round. At the end of the environment it stops when the time is over, so that what was made can still go
// somewhere, and gives how many are left; before, what was read is made ready whatever happens: it is in memory alone.
func (p *Pipeline) renderAll(ctx context.Context, all []event.Invocation, end bool) (left int) {
	for i := range all {
		if end && ctx.Err() != nil {
			return len(all) - i
		}
		p.render(all[i])
		all[i] = event.Invocation{} // its content can make room for the next one's
	}
	return 0
}

// facts tells the intake and the meter what Lambda has told.
func (p *Pipeline) facts() {
	if p.Platform == nil {
		return
	}
	for _, f := range p.Platform.Take() {
		p.Intake.Observe(f)
		if p.Meter != nil {
			p.Meter.Fact(f)
		}
	}
}

// awaitWhole waits until Lambda has told how the last invocation ended and what it cost. It reports that when all extensions are done with it, and so not before it
// thaws the environment to end it: of an environment with a single invocation it is all that will ever be known. Where it ends an environment because an invocation,
// or the set-up, did not end well, it tells so before it says SHUTDOWN, but what told first need not be heard first.
func (p *Pipeline) awaitWhole(ctx context.Context) {
	if p.Platform == nil || p.Timed {
		return
	}
	over := time.NewTimer(min(reportWait, left(ctx)/lastWait))
	defer over.Stop()
	select {
	case <-p.Platform.Whole():
	case <-over.C:
	case <-ctx.Done():
	}
}

// survives tells whether the environment lives on after the end of this process.
func (p *Pipeline) survives(reason string) bool {
	return !p.Timed && (reason == reasonTimeout || reason == reasonFailure)
}

// bring delivers what was added, and tells whether the files that it came from may go. Of an environment that lives on, what was counted of a round goes
// out no sooner than that is known: where files stay, because the disk cannot keep what was made of them, the next life reads them again, and counts them. Where the
// disk can it is known beforehand, and metrics go along: one round trip, and not two. Where there are no files nobody reads anything again.
// What is not due when files go is put on disk for the next life, should this one be killed.
func (p *Pipeline) bring(ctx context.Context, reason string, round intake.Round) (safe bool) {
	last, more := reason != "", round.More
	readable := round.HasFiles() || slices.ContainsFunc(p.held, intake.Round.HasFiles)
	final := last && (!p.survives(reason) || !readable)
	if final && !more {
		p.collect(true) // there is nobody who could read anything again, and no time to lose
	}
	along := !last && !more && p.Delivery.Keeps()
	if along {
		p.collect(false)
	}
	if !p.deliver(ctx, last, more) {
		return false
	}
	if p.Meter == nil || final {
		return true
	}
	if !along && !more && ctx.Err() == nil && p.collect(last) && !p.deliver(ctx, last, false) {
		return false
	}
	p.stash()
	return true
}

// deliver sends what was added. While there is more to read before the end, it takes half of the time that is left at most: what nobody has read by then is lost.
func (p *Pipeline) deliver(ctx context.Context, last, more bool) (safe bool) {
	if deadline, ok := ctx.Deadline(); ok && last && more {
		half, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
		ctx = half
	}
	report := p.Delivery.Flush(ctx, last)
	p.added.Store(0)
	p.lose(report.Lost...)
	p.owe(report.Again) // when they were told first, the meter counted them
	return report.Safe
}

// release deletes the files of a round, and of those before it. What was found lost in them, and afterwards, nobody else can count then: it is on disk before,
// for the next life, should this one be killed before it could tell.
func (p *Pipeline) release(round intake.Round) {
	p.Delivery.Owe(p.lost)
	for _, r := range p.held {
		p.Intake.Release(r)
	}
	p.held = nil
	p.Intake.Release(round)
}

// hold keeps the files of a round for as long as their content is in memory alone. They are not read again in this life.
func (p *Pipeline) hold(round intake.Round) {
	p.Intake.Hold(round)
	p.held = append(p.held, round)
}

// render makes batches of an invocation. A stage that panics costs this invocation.
func (p *Pipeline) render(inv event.Invocation) {
	owed := p.lost
	carried := append(owed, inv.Lost...)
	p.lost = nil
	defer func() {
		if r := recover(); r != nil {
			p.panics++
			p.owe(carried)
			p.lose(event.Loss{Reason: LossPanic, Records: int64(1 + len(inv.Calls))})
			logPanic(p.Log, "render", r)
		}
	}()
	if p.Meter != nil {
		p.Meter.Invocation(inv)
	}
	if p.panics >= mostPanics {
		p.owe(carried)
		p.lose(event.Loss{Reason: LossPanic, Records: int64(1 + len(inv.Calls))})
		return
	}
	inv.Lost = carried
	told := false
	for _, b := range p.Render(inv) {
		if b.Signal == signalTraces { // lines of the log are in no file
			b.Recorded = inv.Recorded
			if told = told || !inv.Late; told { // what is late has no span that could tell
				b.Carried = owed
			}
		}
		p.added.Add(int64(len(b.Payload)))
		p.Delivery.Add(b)
	}
	if !told {
		p.owe(carried)
	}
}

// collect adds metrics, and tells whether any were due.
func (p *Pipeline) collect(last bool) (added bool) {
	if p.Meter == nil {
		return false
	}
	defer p.recoverMetrics()
	payload, points := p.Meter.Collect(time.Now(), last)
	if points > 0 {
		p.added.Add(int64(len(payload)))
		p.Delivery.Add(deliver.Batch{Signal: signalMetrics, Payload: payload, Records: points})
		p.sure = deliver.Batch{}
	}
	return points > 0
}

// stash puts on disk what was counted and not collected; without a disk it is remembered until the end. What it was made of must be safe, or it would count twice.
func (p *Pipeline) stash() {
	if p.Meter == nil {
		return
	}
	defer p.recoverMetrics()
	if payload, points := p.Meter.Peek(time.Now()); points > 0 {
		b := deliver.Batch{Signal: signalMetrics, Payload: payload, Records: points}
		if p.Delivery.Stash(b); p.Delivery.Keeps() {
			b = deliver.Batch{}
		}
		p.sure = b
	}
}

func (p *Pipeline) recoverMetrics() {
	if r := recover(); r != nil {
		p.panics++
		logPanic(p.Log, "metrics", r)
	}
}

// lose counts what nobody will get, for the meter and for the next invocation that is exported.
func (p *Pipeline) lose(losses ...event.Loss) {
	if p.Meter != nil {
		for _, l := range losses {
			p.Meter.Lost(l)
		}
	}
	p.owe(losses)
}

// owe keeps losses for the next invocation that is exported.
func (p *Pipeline) owe(losses []event.Loss) {
	for _, l := range losses {
		if i := slices.IndexFunc(p.lost, func(k event.Loss) bool { return k.Reason == l.Reason }); i >= 0 {
			p.lost[i].Records += l.Records
			p.lost[i].Bytes += l.Bytes
			continue
		}
		p.lost = append(p.lost, l)
	}
}

// end is the last thing that this process does. What could not be told is told by the next life of the environment, or else in the log.
func (p *Pipeline) end(ctx context.Context, reason string, done flushed) {
	survives := p.survives(reason)
	if survives && len(p.held) == 0 {
		p.stash() // what the last delivery lost
	}
	if survives && p.sure.Payload != nil { // what was counted since is of files that stay, and is counted again
		p.Delivery.Add(p.sure)
		p.deliver(ctx, true, false)
	}
	owes := survives && p.Delivery.Owe(p.lost)
	p.Delivery.Abandon(ctx, survives)
	if owes {
		return
	}
	done.all = done.all || survives // the next process reads what is left in the spool
	if len(p.lost) == 0 && done.all {
		return
	}
	p.said.Store(true)
	e := p.Log.Warn()
	for _, l := range p.lost {
		e = e.Int64(l.Reason, l.Records)
	}
	if !done.all {
		e = p.unread(e, calmLook)
	}
	if done.unread > 0 {
		e = e.Int("invocations", done.unread)
	}
	e.Msg(notAll)
}

// notAll is what the log says when SHUTDOWN's time was too short.
const notAll = "not everything could be exported before the end"

// unread adds how many bytes nobody has read. Looking at many files takes longer than there is left.
func (p *Pipeline) unread(e *zerolog.Event, most time.Duration) *zerolog.Event {
	size := make(chan int64, 1)
	go func() {
		defer func() { _ = recover() }() // then the number is missing
		size <- p.Intake.Size()
	}()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case n := <-size:
		if n == intake.Unknown {
			return e
		}
		return e.Int64("unread bytes", n)
	case <-timer.C:
		return e
	}
}

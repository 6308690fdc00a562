package lifecycle

import (
	"context"
	"runtime"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
)

// stackRoom is half of what a goroutine's stack has when it has been through all stages.
const stackRoom = 16 << 10

// isFree waits for the end of a flush that runs. It returns false if that did not come.
func (p *Pipeline) isFree(ctx context.Context) bool {
	if p.timer != nil && !p.timer.stop(ctx) {
		return false
	}
	if !p.isWorking() {
		return true
	}
	soon := time.NewTimer(left(ctx) / lastWait)
	defer soon.Stop()
	select {
	case <-p.working:
	case <-soon.C:
		if p.stop != nil {
			p.stop() // what was not answered is kept, and sent again
		}
	case <-ctx.Done():
	}
	select {
	case <-p.working:
		return !p.isWorking() // true, and tidies up
	case <-ctx.Done():
		return false
	}
}

// start begins work that holds the pipeline until it is done, which isWorking tells. Intake is told first what was announced.
func (p *Pipeline) start(work func()) (done chan struct{}) {
	done = make(chan struct{})
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
		makeRoom(false)
		for _, a := range announced {
			p.Intake.Announce(a)
		}
		work()
	}()
	return done
}

// makeRoom has this goroutine's stack grow once, to what the work takes, and not four times from 2 KiB on, each time with a look at who called whom: 3 % of the CPU
// time of a portion on the smallest function. To be called is enough: what is not used is not cleared either.
//
//go:noinline
func makeRoom(used bool) {
	if used {
		var room [stackRoom]byte
		runtime.KeepAlive(&room)
	}
}

// within works for as long as the context allows, and tells whether that was enough. What is not done then goes on by itself, and isWorking tells of it. So
// that there is something left to be done in the time, the work's own context ends a little earlier: what was not accepted then has to go somewhere.
func (p *Pipeline) within(ctx context.Context, work func(context.Context)) bool {
	most := earlier(left(ctx))
	done := p.start(func() {
		shorter, cancel := context.WithTimeout(ctx, most)
		defer cancel()
		work(shorter)
	})
	select {
	case <-done:
		p.working = nil
		return true
	case <-ctx.Done():
		return false
	}
}

// earlier is when work ends that may take so long at most.
func earlier(left time.Duration) time.Duration { return left - min(left/10, lastWords) }

// flushWithin flushes for as long as the context allows. What it came to is not known where that was not enough: it is still being written.
func (p *Pipeline) flushWithin(ctx context.Context) flushed {
	var result flushed
	if p.within(ctx, func(ctx context.Context) { result = p.flush(ctx, "", nil) }) {
		return result
	}
	return flushed{}
}

// flushBeside flushes, too, but returns as soon as there is nothing left of it but to wait for answers. They come while the next invocations run, and need no
// time of theirs: ctx and the bounds of its attempts are what the rest of the flush has. Until they have come the data stays in the spool.
func (p *Pipeline) flushBeside(ctx, bounded context.Context) flushed {
	ctx, limit := export.NewLimit(ctx, tickBudget)
	p.stop = limit.Stop
	timer := time.AfterFunc(earlier(left(bounded)), p.stop)
	defer timer.Stop()
	var result flushed
	waits := make(chan flushed, 1)
	done := p.start(func() { result = p.flush(ctx, "", func(f flushed) { waits <- f }) })
	select {
	case <-done:
		return p.outcome(&result)
	case f := <-waits:
		return f
	case <-bounded.Done():
		return flushed{}
	}
}

// outcome gives what was written by work that is done.
func (p *Pipeline) outcome(result *flushed) flushed {
	p.isWorking() // tidies up
	return *result
}

// prepareWithin makes a part of the next flush ready.
func (p *Pipeline) prepareWithin(ctx context.Context) {
	var result flushed
	if p.within(ctx, func(ctx context.Context) { result = p.prepare(ctx) }) {
		p.traffic.prepared(result)
	}
}

func (p *Pipeline) isWorking() bool {
	if p.working == nil {
		return false
	}
	select {
	case <-p.working:
		p.working = nil
		if p.stop != nil {
			p.stop()
			p.stop = nil
		}
		return false
	default:
		return true
	}
}

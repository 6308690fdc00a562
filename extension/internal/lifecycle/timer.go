package lifecycle

import (
	"context"
	"time"
)

// tickBudget is the longest that a flush by the clock may take. It holds up nobody, but SHUTDOWN may come at any time and wants to have its turn.
const tickBudget = 10 * time.Second

// A timer flushes by the clock, in environments that run invocations side by side, tell an extension of none of them and are never frozen (Managed
// Instances: docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html). The pipeline is its own until it has ended.
type timer struct {
	quit   chan struct{} // closed: no flush begins any more
	ended  chan struct{} // closed: and none runs
	cancel context.CancelFunc
}

// Start begins to flush by the clock, if the environment is Timed.
func (p *Pipeline) Start(ctx context.Context) {
	if !p.Timed {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &timer{quit: make(chan struct{}), ended: make(chan struct{}), cancel: cancel}
	p.timer = t
	go func() {
		defer close(t.ended)
		defer func() {
			if r := recover(); r != nil {
				p.broken = true
				logPanic(p.Log, "flush by the clock", r)
			}
		}()
		ticker := time.NewTicker(p.Policy.Interval)
		defer ticker.Stop()
		for {
			select {
			case <-t.quit:
				return
			case <-ticker.C:
				p.tick(ctx)
			}
		}
	}()
}

// tick flushes once.
func (p *Pipeline) tick(ctx context.Context) {
	if p.Delivery == nil {
		p.discard()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tickBudget)
	defer cancel()
	p.flush(ctx, "", nil)
}

// stop ends the timer. A flush that runs may take half of the time that is left, before its requests are broken off: whether those had arrived nobody could say.
// It returns false if it did not end at all.
func (t *timer) stop(ctx context.Context) bool {
	close(t.quit)
	half := time.NewTimer(left(ctx) / 2)
	defer half.Stop()
	select {
	case <-t.ended:
		return true
	case <-half.C:
	}
	t.cancel()
	select {
	case <-t.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

package export

import (
	"context"
	"net/http/httptrace"
	"sync"
	"time"
)

// A Limit ends a context after a while, as a timeout does. But an environment that stood still meanwhile gets all of the time once more: the answer may have come
// long ago and want nothing but to be read, or the connection may be dead and a fresh one at hand.
type Limit struct {
	most   time.Duration
	cancel context.CancelCauseFunc

	mu        sync.Mutex
	timer     *time.Timer
	start     time.Time // by the wall clock, as due; the monotonic one may have stood still, too
	due       time.Time
	connected bool
	froze     bool
}

// lateFor is the part of a Limit's time that its end has to be noticed late by for the environment to have stood still: a small share of a core makes timers late by
// some ten milliseconds.
const lateFor = 2

// NewLimit gives a context that ends after so long. Stop must be called when what it is for is over.
func NewLimit(ctx context.Context, most time.Duration) (context.Context, *Limit) {
	now := time.Now().Round(0)
	l := &Limit{most: most, start: now, due: now.Add(most)}
	ctx, l.cancel = context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(most, l.over)
	return ctx, l
}

// over is called when the time is over, or as soon after it as this process runs again.
func (l *Limit) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.froze && l.isLate() {
		l.froze = true
		l.timer.Reset(l.most)
		return
	}
	l.cancel(context.DeadlineExceeded)
}

// UntilConnected has only half of the time count until a request of the context has its connection, once there is one: a first handshake is some 0.3 s of work for
// the smallest function, and says nothing of how long a receiver takes.
func (l *Limit) UntilConnected(ctx context.Context) context.Context {
	return OnConnection(ctx, l.connect)
}

func (l *Limit) connect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.connected || l.froze {
		return
	}
	l.connected = true
	if now := time.Now().Round(0); l.timer.Stop() {
		left := l.most - max(0, now.Sub(l.start))/2
		l.due = now.Add(left)
		l.timer.Reset(left)
	}
}

func (l *Limit) isLate() bool { return time.Now().Round(0).Sub(l.due) >= l.most/lateFor }

// Froze tells whether the environment stood still for so long that what the attempt took tells nothing.
func (l *Limit) Froze() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.froze || l.isLate()
}

// Stop ends the context.
func (l *Limit) Stop() {
	l.timer.Stop()
	l.cancel(nil)
}

// OnWaiting has something called when there is nothing left to do for a request of the context but to wait for others: it is written, or has to wait for a
// connection. It may be called several times, by other goroutines.
func OnWaiting(ctx context.Context, do func()) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { do() },
		ConnectStart: func(string, string) { do() },
		WroteRequest: func(httptrace.WroteRequestInfo) { do() },
	})
}

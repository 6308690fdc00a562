package hook

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
)

// patience is how long what must not wait may take.
const patience = 10 * time.Second

// A lockedContext has a lock of its own, as a function's may, and sends requests while it holds it.
type lockedContext struct {
	context.Context
	mu    sync.Mutex
	asked chan struct{} // closed when it is first asked
	once  sync.Once
}

func (c *lockedContext) Value(key any) any {
	c.once.Do(func() { close(c.asked) })
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Context.Value(key)
}

func (c *lockedContext) Err() error {
	c.once.Do(func() { close(c.asked) })
	c.mu.Lock()
	defer c.mu.Unlock()
	return context.Canceled
}

type forgotten struct{ told chan struct{} }

func (f forgotten) Abandon() { close(f.told) }

// TestContextsAreAskedOutsideOfLocks: one whose lock is held by somebody who sends a request would have both wait for ever.
func TestContextsAreAskedOutsideOfLocks(t *testing.T) {
	for _, c := range []struct {
		name  string
		asks  func(h *Hook, ctx context.Context)
		sends func(h *Hook)
	}{
		{"whose request it is", func(h *Hook, ctx context.Context) { h.Handler.Invocation(ctx) }, func(h *Hook) { h.Handler.Invocation(context.Background()) }},
		{"whether it is done", func(h *Hook, ctx context.Context) {
			h.Answered(forgotten{make(chan struct{})}, ctx)
			h.Handler.Begin(header("one"), eventOf(h, ""))
		}, func(h *Hook) { h.Answered(forgotten{make(chan struct{})}, context.Background()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t, nil)
			h.Handler.Identify(contextID)
			ctx := &lockedContext{Context: context.Background(), asked: make(chan struct{})}
			ctx.mu.Lock()
			over := make(chan struct{})
			go func() {
				defer close(over)
				c.asks(h, ctx)
			}()
			<-ctx.asked
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				c.sends(h)
			}()
			select {
			case <-sent:
			case <-time.After(patience):
				t.Error("a lock of the hook's is held while a context is asked")
			}
			ctx.mu.Unlock()
			<-over
			<-sent
		})
	}
}

type brokenContext struct{ context.Context }

func (brokenContext) Err() error { panic("of the function's own") }

// TestAContextThatPanicsCostsNothingElse: what it was asked for is done, and the invocation is recorded.
func TestAContextThatPanicsCostsNothingElse(t *testing.T) {
	h := start(t, map[string]string{"AFTERGLOW_LOG_LEVEL": "off"})
	call := forgotten{make(chan struct{})}
	h.Answered(call, brokenContext{context.Background()})
	h.Handler.Begin(header("one"), eventOf(h, ""))
	<-call.told
	same(t, spooled(t, h), map[string]string{"init.1.done": "", "one.2.open": spool.KindInvocationStart + "(one)"})
}

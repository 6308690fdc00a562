package hook

import (
	"context"
	"maps"
	"sync"
)

// pendings are the calls of the process whose answers are being read.
type pendings struct {
	mu    sync.Mutex
	calls map[abandoner]context.Context
}

// An abandoner is a call, which is told that nobody will read on.
type abandoner interface{ Abandon() }

// Answered notes that a call's answer is there to be read, by a request with this context.
func (h *Hook) Answered(call abandoner, ctx context.Context) {
	h.pending.mu.Lock()
	defer h.pending.mu.Unlock()
	if h.pending.calls == nil {
		h.pending.calls = map[abandoner]context.Context{}
	}
	h.pending.calls[call] = ctx
}

// Ended notes that nobody reads it any more.
func (h *Hook) Ended(call abandoner) {
	h.pending.mu.Lock()
	defer h.pending.mu.Unlock()
	delete(h.pending.calls, call)
}

// abandon ends the calls whose contexts are done. The runtime client ends an invocation's context with it; what is then not read to its end was forgotten.
func (h *Hook) abandon() {
	h.pending.mu.Lock()
	calls := maps.Clone(h.pending.calls)
	h.pending.mu.Unlock()
	for call, ctx := range calls {
		if h.isDone(ctx) {
			call.Abandon()
		}
	}
}

// isDone asks a context, which may be the function's own, with a lock of its own: so none of ours is to be held. One that cannot tell is done.
func (h *Hook) isDone(ctx context.Context) (done bool) {
	defer h.Catch("call")
	done = true
	return ctx.Err() != nil
}

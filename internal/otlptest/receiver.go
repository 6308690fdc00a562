// Package otlptest is an OTLP/HTTP collector to test against.
//
// It takes POST /v1/traces, /v1/metrics and /v1/logs as binary protobuf, plain or gzip, decodes them
// with OpenTelemetry's official types, and gives back what arrived: the requests byte for byte
// ([Receiver.Requests]), the accepted spans, data points and log records flattened ([Receiver.Spans],
// [Receiver.Points], [Receiver.LogRecords]) and everything that a strict reader of the protocol would
// object to ([Receiver.Violations]), a delta that counts the same time twice included.
//
// It promises that
//   - it listens on loopback only;
//   - a request is recorded before it is answered, whatever the answer is;
//   - Spans, Points and LogRecords hold exactly what the answers claimed to have accepted (plus what [Answer.Keep] asks for),
//     so that "delivered + counted = produced" can be checked against it;
//   - nothing in it polls or sleeps: waiting is woken by arrival.
//
// Faults are put in with [Receiver.Script]. [WriteFlow] prints spans as trees of flows.
package otlptest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// readHeaderTimeout bounds a client that connects and says nothing, so that Close is never waited for.
const readHeaderTimeout = 10 * time.Second

// ErrClosed is what waiting ends with when the receiver is closed before its condition holds.
var ErrClosed = errors.New("receiver closed")

// Options says where and how to listen. The zero value is plain HTTP on a free port of 127.0.0.1.
type Options struct {
	// Addr is host:port; the host must be a loopback address. Default "127.0.0.1:0".
	Addr string
	// TLS, when set, makes it HTTPS with this configuration, which must bring a certificate.
	TLS *tls.Config
}

// Request is one HTTP request as it arrived.
type Request struct {
	Time   time.Time // when its body had been read
	Method string
	Path   string
	Proto  string
	Header http.Header
	Raw    []byte // the body as it came over the wire
	Body   []byte // the body decompressed; equal to Raw when it was not compressed
	Status int    // the status answered; 0 while (or for ever when) unanswered
}

// Receiver is a running collector. All methods may be called from any goroutine, also after Close.
type Receiver struct {
	server   *http.Server
	listener net.Listener
	scheme   string
	serving  chan struct{} // closed when Serve has returned
	stop     context.CancelFunc
	stopped  context.Context

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced at every change: the condition variable of Wait
	script     []Answer
	otherwise  Answer
	requests   []*Request
	spans      []Span
	metrics    []*metricspb.MetricsData
	points     []Point
	series     series
	logs       []*logspb.LogsData
	records    []LogRecord
	violations []string
}

// Start listens and serves until Close.
func Start(opt Options) (*Receiver, error) {
	if opt.Addr == "" {
		opt.Addr = "127.0.0.1:0"
	}
	if err := checkLoopback(opt.Addr); err != nil {
		return nil, fmt.Errorf("start receiver: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("start receiver: %w", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	r := &Receiver{
		listener: listener,
		scheme:   "http",
		serving:  make(chan struct{}),
		stop:     stop,
		stopped:  stopped,
		changed:  make(chan struct{}),
		series:   series{},
	}
	if opt.TLS != nil {
		r.scheme = "https"
		listener = tls.NewListener(listener, opt.TLS)
	}
	r.server = &http.Server{
		Handler:           http.HandlerFunc(r.serve),
		ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that give up are what the tests are about,
	}
	go func() {
		defer close(r.serving)
		_ = r.server.Serve(listener) // always ends with ErrServerClosed, by Close
	}()
	return r, nil
}

// checkLoopback refuses an address that someone outside the machine could reach.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("read address %q: %w", addr, err)
	}
	if host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("address %q is not on loopback", addr)
	}
	return nil
}

// URL is the base to give as OTEL_EXPORTER_OTLP_ENDPOINT, without a path or trailing slash.
func (r *Receiver) URL() string { return r.scheme + "://" + r.Addr() }

// Addr is the host:port listened on. A receiver started with it after Close takes the same place.
func (r *Receiver) Addr() string { return r.listener.Addr().String() }

// Close stops listening, drops every connection, ends every hanging answer and wakes every Wait.
// What was received stays readable.
func (r *Receiver) Close() error {
	r.stop()
	err := r.server.Close()
	<-r.serving
	if err != nil {
		return fmt.Errorf("close receiver: %w", err)
	}
	return nil
}

// Spans returns the accepted spans in the order of arrival. The slice is the caller's own; the maps in it are shared.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// Points returns the accepted data points in the order of arrival. The slice is the caller's own; what is in it is shared.
func (r *Receiver) Points() []Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.points)
}

// LogRecords returns the accepted log records in the order of arrival. The slice is the caller's own; the maps in it are shared.
func (r *Receiver) LogRecords() []LogRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// Metrics returns the accepted bodies of /v1/metrics.
func (r *Receiver) Metrics() []*metricspb.MetricsData {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.metrics)
}

// Logs returns the accepted bodies of /v1/logs.
func (r *Receiver) Logs() []*logspb.LogsData {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.logs)
}

// Requests returns every request, refused and unanswered ones included, in the order of arrival.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requestsLocked()
}

func (r *Receiver) requestsLocked() []Request {
	all := make([]Request, len(r.requests))
	for i, request := range r.requests {
		all[i] = *request
	}
	return all
}

// Violations returns what was wrong with what arrived, one sentence each, empty for a faultless client.
func (r *Receiver) Violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.violations)
}

// Wait returns nil as soon as done says true of the accepted spans. It asks once at the start and then after
// every arrival, never concurrently. The error wraps the context's, or is [ErrClosed].
func (r *Receiver) Wait(ctx context.Context, done func([]Span) bool) error {
	return r.wait(ctx, func() bool { return done(r.Spans()) })
}

// WaitPoints is Wait for data points.
func (r *Receiver) WaitPoints(ctx context.Context, done func([]Point) bool) error {
	return r.wait(ctx, func() bool { return done(r.Points()) })
}

// WaitLogRecords is Wait for log records.
func (r *Receiver) WaitLogRecords(ctx context.Context, done func([]LogRecord) bool) error {
	return r.wait(ctx, func() bool { return done(r.LogRecords()) })
}

// WaitRequests is Wait for requests, for tests in which no span is accepted.
func (r *Receiver) WaitRequests(ctx context.Context, done func([]Request) bool) error {
	return r.wait(ctx, func() bool { return done(r.Requests()) })
}

func (r *Receiver) wait(ctx context.Context, done func() bool) error {
	for {
		// The channel is taken before the question, so an arrival between the two is not missed.
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r.waitError(ctx.Err())
		case <-r.stopped.Done():
			return r.waitError(ErrClosed)
		}
	}
}

func (r *Receiver) waitError(cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Errorf("wait for what is received (%d requests, %d spans, %d data points, %d log records, %d violations so far): %w",
		len(r.requests), len(r.spans), len(r.points), len(r.records), len(r.violations), cause)
}

// announceLocked wakes every Wait. The caller holds mu.
func (r *Receiver) announceLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}

//go:build linux

package stage

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// The Extensions API as far as a measurement needs it (docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html).
const (
	identifier       = "6f1e9a52-9d4c-4b57-8f0c-2f1f6f3f3a10"
	identifierHeader = "Lambda-Extension-Identifier"
	// flushLimit is how long a SHUTDOWN waits for telemetry that comes before it, as in internal/lambdalocal.
	flushLimit = 100 * time.Millisecond
)

// An api serves one extension.
type api struct {
	server     *http.Server
	address    string
	done       chan struct{}
	telemetry  *telemetry.Stream // nil: there is no Telemetry API
	subscribed atomic.Bool

	events  chan string    // to answer requests with
	arrived chan time.Time // a request for an event
	failed  chan error     // what an extension must not do
}

func startAPI(ctx context.Context, withTelemetry bool) (*api, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start APIs: %w", err)
	}
	a := &api{address: listener.Addr().String(), done: make(chan struct{}), events: make(chan string, 1),
		arrived: make(chan time.Time, 1), failed: make(chan error, 1)}
	if withTelemetry {
		a.telemetry = telemetry.NewStream(telemetry.Options{Subscribed: func(string, []string) { a.subscribed.Store(true) }})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(identifierHeader, identifier)
		answer(w, `{"functionName":"bench","functionVersion":"$LATEST","handler":"index.handler","accountId":"123456789012"}`)
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", a.next)
	mux.HandleFunc("PUT /2022-07-01/telemetry", a.subscribe)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(fmt.Errorf("asked for %s %s", r.Method, r.URL.Path))
		w.WriteHeader(http.StatusNotFound)
	})
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: limit, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(a.done)
		_ = a.server.Serve(listener) // ends with ErrServerClosed, by close
	}()
	return a, nil
}

func (a *api) close() {
	if a.telemetry != nil {
		a.telemetry.Close()
	}
	_ = a.server.Close()
	<-a.done
}

func (a *api) fail(err error) {
	select {
	case a.failed <- err:
	default: // the first failure is the cause of the others
	}
}

func (a *api) next(w http.ResponseWriter, r *http.Request) {
	select {
	case a.arrived <- time.Now():
	default:
		a.fail(fmt.Errorf("asked for two events at once"))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	select {
	case event := <-a.events:
		answer(w, event)
	case <-r.Context().Done():
		a.fail(fmt.Errorf("gave up waiting for an event"))
	}
}

func (a *api) subscribe(w http.ResponseWriter, r *http.Request) {
	if a.telemetry == nil { // as emulators say it
		w.WriteHeader(http.StatusAccepted)
		return
	}
	a.telemetry.Subscribe(w, r, "bench")
	if !a.subscribed.Load() {
		a.fail(fmt.Errorf("asked for a subscription that Lambda does not give"))
	}
}

// tell has telemetry posted when the subscription's buffering says so.
func (a *api) tell(kind string, record any) {
	if a.telemetry != nil {
		a.telemetry.Emit(telemetry.Event{Type: kind, Record: record})
	}
}

// pause holds telemetry back while the environment is frozen.
func (a *api) pause(paused bool) {
	switch {
	case a.telemetry == nil:
	case paused:
		a.telemetry.Pause()
	default:
		a.telemetry.Resume()
	}
}

// flush posts what waits, because the environment ends.
func (a *api) flush(ctx context.Context) {
	if a.telemetry == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	a.telemetry.Flush(ctx)
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, body)
}

// freePort finds a port to listen on; between here and there another could take it, which no run has seen.
func freePort(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	defer func() { _ = listener.Close() }() // it was only asked for its port
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

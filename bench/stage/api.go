//go:build linux

package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The Extensions API and the Telemetry API as far as a measurement needs them (docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html,
// telemetry-api.html).
const (
	identifier       = "6f1e9a52-9d4c-4b57-8f0c-2f1f6f3f3a10"
	identifierHeader = "Lambda-Extension-Identifier"
	telemetryTime    = "2006-01-02T15:04:05.000Z"
)

// An api serves one extension.
type api struct {
	server    *http.Server
	address   string
	done      chan struct{}
	telemetry bool

	events  chan string    // to answer requests with
	arrived chan time.Time // a request for an event
	failed  chan error     // what an extension must not do

	posts   chan []string // lists of telemetry events to post
	mu      sync.Mutex
	to      string // where to; "" before the subscription
	waiting []string
	posting sync.WaitGroup
}

func startAPI(ctx context.Context, telemetry bool) (*api, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start APIs: %w", err)
	}
	a := &api{address: listener.Addr().String(), telemetry: telemetry, done: make(chan struct{}), events: make(chan string, 1),
		arrived: make(chan time.Time, 1), failed: make(chan error, 1), posts: make(chan []string, 1024)}
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
	a.posting.Go(a.post)
	return a, nil
}

func (a *api) close() {
	close(a.posts)
	_ = a.server.Close()
	<-a.done
	a.posting.Wait()
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
	if !a.telemetry { // as emulators say it
		w.WriteHeader(http.StatusAccepted)
		return
	}
	var body struct {
		Destination struct{ URI string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		a.fail(fmt.Errorf("subscribed with a body that is no JSON: %w", err))
	}
	to, err := url.Parse(body.Destination.URI)
	if err != nil {
		a.fail(fmt.Errorf("subscribed with a destination that is no URL: %w", err))
		return
	}
	to.Host = net.JoinHostPort("127.0.0.1", to.Port()) // sandbox.localdomain is only known inside an environment
	a.mu.Lock()
	a.to = to.String()
	a.mu.Unlock()
	answer(w, `"OK"`)
}

// tell keeps a telemetry event until the next flush.
func (a *api) tell(kind, record string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.to != "" {
		a.waiting = append(a.waiting, fmt.Sprintf(`{"time":"%s","type":"%s","record":%s}`, time.Now().UTC().Format(telemetryTime), kind, record))
	}
}

// flush posts what waits, without waiting for it: at the end of an invocation, earlier than Lambda, which buffers for 25 ms at least.
func (a *api) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) > 0 {
		a.posts <- a.waiting
		a.waiting = nil
	}
}

func (a *api) post() {
	client := &http.Client{Transport: &http.Transport{}, Timeout: limit} // never through a proxy
	defer client.CloseIdleConnections()
	for events := range a.posts {
		a.mu.Lock()
		to := a.to
		a.mu.Unlock()
		response, err := client.Post(to, "application/json", strings.NewReader("["+strings.Join(events, ",")+"]")) //nolint:noctx // it has a time limit
		if err != nil {
			continue // it is gone, or frozen for good: telemetry is told once
		}
		_ = response.Body.Close()
	}
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

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// The Extensions API, as far as a cold start needs it (docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html). The full one,
// with invocations, is in internal/lambdalocal.
const (
	identifier       = "6f1e9a52-9d4c-4b57-8f0c-2f1f6f3f3a10"
	identifierHeader = "Lambda-Extension-Identifier"
	registration     = `{"functionName":"coldstart","functionVersion":"$LATEST","handler":"app.handler","accountId":"123456789012"}`

	// shutdownBudget is what Lambda gives an extension at the end.
	shutdownBudget = 2 * time.Second
)

// An api serves one extension once and notes when it came.
type api struct {
	server   *http.Server
	address  string
	done     chan struct{} // closed when the server has ended
	shutdown chan struct{} // closed to deliver SHUTDOWN

	registered chan time.Time // arrival of register
	ready      chan time.Time // arrival of the first next
	failed     chan error     // what an extension must not do

	mu    sync.Mutex
	asked int
}

func startAPI(ctx context.Context) (*api, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start extensions API: %w", err)
	}
	a := &api{
		address:    listener.Addr().String(),
		done:       make(chan struct{}),
		shutdown:   make(chan struct{}),
		registered: make(chan time.Time, 1),
		ready:      make(chan time.Time, 1),
		failed:     make(chan error, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2020-01-01/extension/register", a.register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", a.next)
	// Other extensions may subscribe; they get their answer and no data.
	mux.HandleFunc("PUT /2022-07-01/telemetry", func(w http.ResponseWriter, _ *http.Request) { answer(w, `"OK"`) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // the path alone is a failure
		a.fail(fmt.Errorf("asked for %s %s: %s", r.Method, r.URL.Path, body))
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
	_ = a.server.Close()
	<-a.done
}

func (a *api) fail(err error) {
	select {
	case a.failed <- err:
	default: // the first failure is the cause of the others
	}
}

func (a *api) register(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if r.Header.Get("Lambda-Extension-Name") == "" {
		a.fail(fmt.Errorf("registered without a name"))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	var body struct {
		Events []string `json:"events"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		a.fail(fmt.Errorf("registered with a body that is no JSON: %w", err))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	select {
	case a.registered <- now:
	default:
		a.fail(fmt.Errorf("registered twice"))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set(identifierHeader, identifier)
	answer(w, registration)
}

// next answers with SHUTDOWN when told to. A request after that one, or beside it, is a failure.
func (a *api) next(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	a.mu.Lock()
	a.asked++
	first := a.asked == 1
	a.mu.Unlock()
	if !first || r.Header.Get(identifierHeader) != identifier {
		a.fail(fmt.Errorf("request %d for an event, of identifier %q", a.asked, r.Header.Get(identifierHeader)))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	a.ready <- now
	select {
	case <-a.shutdown:
		answer(w, fmt.Sprintf(`{"eventType":"SHUTDOWN","deadlineMs":%d,"shutdownReason":"spindown"}`, time.Now().Add(shutdownBudget).UnixMilli()))
	case <-r.Context().Done():
		a.fail(fmt.Errorf("gave up waiting for an event"))
	}
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, body)
}

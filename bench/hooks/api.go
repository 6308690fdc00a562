//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

// A runtimeAPI is Lambda's Runtime API for one function (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), as far as invocations that succeed need it.
type runtimeAPI struct {
	server  *http.Server
	address string
	done    chan struct{}
	count   int

	asked  chan time.Time // a request for an event
	events chan []byte    // to answer it with
	failed chan error     // what a function must not do
}

func startAPI(ctx context.Context) (*runtimeAPI, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start Runtime API: %w", err)
	}
	a := &runtimeAPI{address: listener.Addr().String(), done: make(chan struct{}), asked: make(chan time.Time, 1), events: make(chan []byte, 1), failed: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			a.fail(fmt.Errorf("read response: %w", err))
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, sizeOfBody)) // as much as there is
		a.fail(fmt.Errorf("the function asked for %s %s: %s", r.Method, r.URL.Path, body))
		w.WriteHeader(http.StatusAccepted)
	})
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(a.done)
		_ = a.server.Serve(listener) // ends with ErrServerClosed, by close
	}()
	return a, nil
}

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	select {
	case a.asked <- time.Now():
	default:
		a.fail(fmt.Errorf("the function asked for two events at once"))
	}
	select {
	case event := <-a.events:
		a.count++
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("6d68ca91-49c9-448d-89b8-%012d", a.count))
		h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(patience).UnixMilli()))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:f")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent="+strings.Repeat("5", 16)+";Sampled=0")
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", fmt.Sprint(len(event)))
		_, _ = w.Write(event) // whoever has gone is missed when he should ask for the next
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) fail(err error) {
	select {
	case a.failed <- err:
	default: // the first failure is the cause of the others
	}
}

func (a *runtimeAPI) close() {
	_ = a.server.Close()
	<-a.done
}

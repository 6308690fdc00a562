package lambdalocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
)

// apiServer is what listens on AWS_LAMBDA_RUNTIME_API: a port of its own for each environment, so that
// nothing can rely on a fixed one. It serves the current generation; there is one at a time.
type apiServer struct {
	fn       Function
	listener net.Listener
	server   *http.Server
	current  atomic.Pointer[generation]
	served   chan error
}

func newAPIServer(ctx context.Context, fn Function) (*apiServer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Runtime API: %w", err)
	}
	a := &apiServer{fn: fn, listener: listener, served: make(chan error, 1)}
	a.current.Store(newGeneration(fn))
	mux := http.NewServeMux()
	a.runtimeRoutes(mux)
	a.extensionRoutes(mux)
	a.telemetryRoutes(mux)
	a.server = &http.Server{
		// No time limits: next has none on either side, and a peer may be frozen in the middle of a request.
		Handler:  mux,
		ErrorLog: log.New(io.Discard, "", 0), // peers that are killed leave broken connections
	}
	go func() { a.served <- a.server.Serve(listener) }()
	return a, nil
}

func (a *apiServer) addr() string { return a.listener.Addr().String() }

// close ends all connections: whoever still waits is dead or about to be.
func (a *apiServer) close() error {
	err := a.server.Close()
	if served := <-a.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("close the Runtime API: %w", err)
	}
	return nil
}

// apiError is the body of every refusal.
type apiError struct {
	ErrorMessage string `json:"errorMessage"`
	ErrorType    string `json:"errorType"`
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil { // only our own types come here
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	send(w, b)
}

// send writes a body. A peer that is gone has no use for it, and its process's end is noticed elsewhere.
func send(w io.Writer, body []byte) { _, _ = w.Write(body) }

func refuse(w http.ResponseWriter, status int, errorType, message string) {
	writeJSON(w, status, apiError{ErrorMessage: message, ErrorType: errorType})
}

func accept(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

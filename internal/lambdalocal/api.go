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
	"strings"
	"sync/atomic"
)

// apiServer is what listens on AWS_LAMBDA_RUNTIME_API: a port of its own for each environment, so that
// nothing can rely on a fixed one. It serves the current generation; there is one at a time.
type apiServer struct {
	fn          Function
	throttle    throttle     // of responses that are taken as a stream
	extensions  bool         // whether there may be any: a layer can turn them off
	credentials *credentials // of SnapStart; nil otherwise
	listener    net.Listener
	server      *http.Server
	current     atomic.Pointer[generation]
	served      chan error // nil until it serves
}

// newAPIServer makes a server that has its port. It answers once serve is called: until then what it serves by
// may be changed.
func newAPIServer(ctx context.Context, fn Function) (*apiServer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Runtime API: %w", err)
	}
	a := &apiServer{fn: fn, extensions: true, throttle: newThrottle(0), listener: listener}
	a.current.Store(newGeneration(fn))
	mux := http.NewServeMux()
	a.runtimeRoutes(mux)
	a.extensionRoutes(mux)
	a.telemetryRoutes(mux)
	a.restoreRoutes(mux)
	a.server = &http.Server{
		// No time limits: next has none on either side, and a peer may be frozen in the middle of a request.
		Handler:  a.ifExtensionsEnabled(mux),
		ErrorLog: log.New(io.Discard, "", 0), // peers that are killed leave broken connections
	}
	return a, nil
}

func (a *apiServer) serve() {
	a.served = make(chan error, 1)
	go func() { a.served <- a.server.Serve(a.listener) }()
}

// handle adds a route. Another method than its own is refused without a body, HEAD as well, as the router of
// AWS's emulator does (RIE rapi/router.go, package chi); an unknown path is not found.
func handle(mux *http.ServeMux, method, path string, serve http.HandlerFunc) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		serve(w, r)
	})
}

// isExtensionAPI tells the paths that do not exist where extensions are turned off (RIE rapi/router.go:
// AllowIfExtensionsEnabled on each of these routers).
func isExtensionAPI(path string) bool {
	for _, version := range []string{"/2020-01-01/", "/2020-08-15/", "/2022-07-01/"} {
		if strings.HasPrefix(path, version) {
			return true
		}
	}
	return false
}

func (a *apiServer) ifExtensionsEnabled(serve http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.extensions && isExtensionAPI(r.URL.Path) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		serve.ServeHTTP(w, r)
	})
}

func (a *apiServer) addr() string { return a.listener.Addr().String() }

// close ends all connections: whoever still waits is dead or about to be.
func (a *apiServer) close() error {
	if a.served == nil {
		if err := a.listener.Close(); err != nil {
			return fmt.Errorf("close the Runtime API: %w", err)
		}
		return nil
	}
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

// writeJSON answers as RAPID does, with a line feed at the end (RIE rapi/rendering/render_json.go).
func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil { // only our own types come here
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	send(w, append(b, '\n'))
}

// send writes a body. A peer that is gone has no use for it, and its process's end is noticed elsewhere.
func send(w io.Writer, body []byte) { _, _ = w.Write(body) }

func refuse(w http.ResponseWriter, status int, errorType, message string) {
	writeJSON(w, status, apiError{ErrorMessage: message, ErrorType: errorType})
}

func accept(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

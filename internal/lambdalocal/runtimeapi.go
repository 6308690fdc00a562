package lambdalocal

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// runtimeRoutes are the Runtime API of 2018-06-01 (RTAPI, RIE rapi/router.go).
func (a *apiServer) runtimeRoutes(mux *http.ServeMux) {
	const base = "/2018-06-01"
	handle(mux, "GET", base+"/ping", func(w http.ResponseWriter, _ *http.Request) { send(w, []byte("pong")) })
	handle(mux, "GET", base+"/runtime/invocation/next", a.runtimeNext)
	handle(mux, "POST", base+"/runtime/invocation/{id}/response", a.ofInvocation(a.runtimeResponse))
	handle(mux, "POST", base+"/runtime/invocation/{id}/error", a.ofInvocation(a.runtimeError))
	handle(mux, "POST", base+"/runtime/init/error", a.runtimeInitError)
}

// ofInvocation refuses a request id that is no running invocation's, before any state changes. Of one that
// has timed out on a managed instance the runtime is told once (RIE-LMI invoke/invoke_router.go).
func (a *apiServer) ofInvocation(serve func(http.ResponseWriter, *http.Request, *generation, *invocation)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g := a.current.Load()
		id := r.PathValue("id")
		g.mu.Lock()
		in, expired := g.invocations[id], g.expired[id]
		delete(g.expired, id)
		g.mu.Unlock()
		switch {
		case expired:
			refuseExpired(w)
			return
		case in == nil:
			refuseRequestID(w)
			return
		}
		serve(w, r, g, in)
	}
}

func (a *apiServer) runtimeNext(w http.ResponseWriter, r *http.Request) {
	g := a.current.Load()
	var err error
	g.update(func() {
		var became bool
		if became, err = g.runtime.next(time.Now()); became && g.runtime.taken != nil {
			g.runtime.taken.readyAt = g.runtime.readyAt
		}
	})
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
		return
	}
	var in *invocation
	err = g.awaitEvenFailed(r.Context(), func() bool {
		// A request that the client gave up must not take an event that nobody would read.
		if r.Context().Err() == nil {
			in = g.runtime.take()
		}
		return in != nil
	})
	if err != nil {
		return // the runtime is gone
	}
	writeInvocation(w, in, g.managed())
}

// writeInvocation renders an event as next answers it (RTAPI; RIE rendering.go: headers only when not empty;
// RIE-LMI invoke/runtime_response_sender.go: empty ones as well).
func writeInvocation(w http.ResponseWriter, in *invocation, evenEmpty bool) {
	h := w.Header()
	for name, value := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id":       in.RequestID,
		"Lambda-Runtime-Trace-Id":             in.TraceHeader,
		"Lambda-Runtime-Client-Context":       in.ClientContext,
		"Lambda-Runtime-Cognito-Identity":     in.CognitoIdentity,
		"Lambda-Runtime-Invoked-Function-Arn": in.arn,
		"Lambda-Runtime-Deadline-Ms":          strconv.FormatInt(in.deadline.UnixMilli(), 10),
	} {
		if value != "" || evenEmpty {
			h.Set(name, value)
		}
	}
	if in.TenantID != "" {
		h.Set("Lambda-Runtime-Aws-Tenant-Id", in.TenantID)
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(in.Payload)))
	send(w, in.Payload)
}

// runtimeInitError serves init/error. While a runtime is restored it is another name of restore/error, because
// clients call it then (RIE rapi/handler/initerror.go).
func (a *apiServer) runtimeInitError(w http.ResponseWriter, r *http.Request) {
	g := a.current.Load()
	body, err := readLimited(r.Body, maxResponse)
	if err != nil {
		body = nil // the type in the header still tells something
	}
	f := toldFailure(r, body)
	g.update(func() {
		if g.runtime.name == runtimeRestoring {
			err = g.runtime.restoreError(f)
		} else if err = g.runtime.initError(); err == nil {
			g.runtime.initFailure = f
		}
	})
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
		return
	}
	accept(w)
}

// toldFailure is what a runtime tells of its own failure.
func toldFailure(r *http.Request, body []byte) *failure {
	return &failure{errorType: validErrorType(r.Header.Get(errorTypeHeader)), payload: body}
}

var errTooLarge = errors.New("body too large")

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, errTooLarge
	}
	return body, nil
}

var errorTypeForm = regexp.MustCompile(`(Runtime|Function)\.[A-Z][a-zA-Z]+`)

// validErrorType keeps what has the form that RAPID keeps (RIE fatalerror.go).
func validErrorType(given string) string {
	switch {
	case errorTypeForm.MatchString(given):
		return given
	case strings.HasPrefix(given, "Function."):
		return "Function.Unknown"
	}
	return "Runtime.Unknown"
}

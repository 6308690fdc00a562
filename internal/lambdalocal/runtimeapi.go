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

const (
	// maxResponse is what a buffered response may have: 6 MiB and 100 bytes (RIE interop.MaxPayloadSize).
	maxResponse = 6*1024*1024 + 100
	// maxStream is what a streamed response may have (LIM).
	maxStream = 200 * 1024 * 1024
	// maxDrain is how much of a refused response is still read, so that its sender can read the refusal
	// instead of finding a broken pipe.
	maxDrain = 64 * 1024 * 1024
)

// runtimeRoutes are the Runtime API of 2018-06-01 (RTAPI, RIE rapi/router.go).
func (a *apiServer) runtimeRoutes(mux *http.ServeMux) {
	const base = "/2018-06-01"
	mux.HandleFunc("GET "+base+"/ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pong") })
	mux.HandleFunc("GET "+base+"/runtime/invocation/next", a.runtimeNext)
	mux.HandleFunc("POST "+base+"/runtime/invocation/{id}/response", a.ofInvocation(a.runtimeResponse))
	mux.HandleFunc("POST "+base+"/runtime/invocation/{id}/error", a.ofInvocation(a.runtimeError))
	mux.HandleFunc("POST "+base+"/runtime/init/error", a.runtimeInitError)
}

// ofInvocation refuses a request id that is no running invocation's, before any state changes.
func (a *apiServer) ofInvocation(serve func(http.ResponseWriter, *http.Request, *generation, *invocation)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g := a.current.Load()
		g.mu.Lock()
		in := g.invocations[r.PathValue("id")]
		g.mu.Unlock()
		if in == nil {
			refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
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
	writeInvocation(w, in)
}

// writeInvocation renders an event as next answers it (RTAPI; RIE rendering.go: headers only when not empty).
func writeInvocation(w http.ResponseWriter, in *invocation) {
	h := w.Header()
	for name, value := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id":       in.RequestID,
		"Lambda-Runtime-Trace-Id":             in.TraceHeader,
		"Lambda-Runtime-Client-Context":       in.ClientContext,
		"Lambda-Runtime-Cognito-Identity":     in.CognitoIdentity,
		"Lambda-Runtime-Invoked-Function-Arn": in.arn,
		"Lambda-Runtime-Deadline-Ms":          strconv.FormatInt(in.deadline.UnixMilli(), 10),
		"Lambda-Runtime-Aws-Tenant-Id":        in.TenantID,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(in.Payload)))
	send(w, in.Payload)
}

func (a *apiServer) runtimeResponse(w http.ResponseWriter, r *http.Request, g *generation, in *invocation) {
	if !g.beginResponse(w, in, runtimeResponse) {
		return
	}
	const modeHeader = "Lambda-Runtime-Function-Response-Mode"
	limit := int64(maxResponse)
	streaming := false
	switch mode := r.Header.Get(modeHeader); mode {
	case "":
	case "streaming":
		streaming, limit = true, maxStream
	default:
		g.endResponse(in, functionFailure(in, "Runtime.InvalidResponseModeHeader", "Invalid response mode "+strconv.Quote(mode)))
		refuse(w, http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		return
	}
	body, err := readLimited(r.Body, limit)
	switch {
	case errors.Is(err, errTooLarge):
		text := fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", limit)
		g.endResponse(in, functionFailure(in, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size ("+strconv.FormatInt(limit, 10)+" bytes)."))
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrain)) // as far as it comes
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", text)
		return
	case err != nil:
		g.endResponse(in, functionFailure(in, "Runtime.TruncatedResponse", "Response was cut off"))
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
		return
	}
	res := response{payload: body}
	// A stream that breaks after it has begun tells so in its trailers, which are read only now.
	if errorType := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); streaming && errorType != "" {
		res.functionError, res.errorType = "Unhandled", validErrorType(errorType)
	}
	g.endResponse(in, res)
	accept(w)
}

func (a *apiServer) runtimeError(w http.ResponseWriter, r *http.Request, g *generation, in *invocation) {
	if !g.beginResponse(w, in, runtimeErrorResponse) {
		return
	}
	body, err := readLimited(r.Body, maxResponse)
	if err != nil {
		body = nil // the type in the header still tells something
	}
	g.endResponse(in, response{
		payload: body, functionError: "Unhandled", errorType: validErrorType(r.Header.Get("Lambda-Runtime-Function-Error-Type")),
	})
	accept(w)
}

func (a *apiServer) runtimeInitError(w http.ResponseWriter, r *http.Request) {
	g := a.current.Load()
	body, err := readLimited(r.Body, maxResponse)
	if err != nil {
		body = nil
	}
	g.update(func() {
		if err = g.runtime.initError(); err == nil {
			g.runtime.initFailure = &failure{
				errorType: validErrorType(r.Header.Get("Lambda-Runtime-Function-Error-Type")), payload: body,
			}
		}
	})
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
		return
	}
	accept(w)
}

// beginResponse takes the runtime out of Running, or refuses.
func (g *generation) beginResponse(w http.ResponseWriter, in *invocation, to string) bool {
	var err error
	g.update(func() {
		if err = g.runtime.respond(in, to); err == nil && to == runtimeResponse {
			in.responding = time.Now()
		}
	})
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
	}
	return err == nil
}

// endResponse makes a response known to the caller of the invocation.
func (g *generation) endResponse(in *invocation, res response) {
	g.update(func() {
		res.at = time.Now()
		in.response = &res
		g.runtime.sent(in)
	})
}

// functionFailure is a response that the platform makes in place of the runtime's.
func functionFailure(in *invocation, errorType, message string) response {
	return response{payload: errorPayload(in.RequestID, errorType, message), functionError: "Unhandled", errorType: errorType}
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

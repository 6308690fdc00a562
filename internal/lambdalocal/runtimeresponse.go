package lambdalocal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// maxResponse is what a response may have that its caller takes as a whole: 6 MiB and 100 bytes (RIE
	// interop.MaxPayloadSize).
	maxResponse = 6*1024*1024 + 100
	// maxStream is what a response may have that its caller takes as a stream (LIM).
	maxStream = 200 * 1024 * 1024
	// maxDrain is how much of a refused response is still read, so that its sender can read the refusal
	// instead of finding a broken pipe.
	maxDrain = 64 * 1024 * 1024
	// maxManagedError is the body of an error in a managed instance (RIE-LMI rapi/router.go).
	maxManagedError = 1024 * 1024
)

const (
	errorTypeHeader  = "Lambda-Runtime-Function-Error-Type"
	errorBodyHeader  = "Lambda-Runtime-Function-Error-Body"
	errorCauseHeader = "Lambda-Runtime-Function-XRay-Error-Cause"
	modeHeader       = "Lambda-Runtime-Function-Response-Mode"
	modeStreaming    = "streaming"
	causeContentType = "application/vnd.aws.lambda.error.cause+json"
)

// runtimeResponse serves a response (RIE rapi/handler/invocationresponse.go). How much it may have and
// whether its bytes go on as they come is the caller's choice, not the runtime's (RIE
// core/directinvoke SendDirectInvokeResponse).
func (a *apiServer) runtimeResponse(w http.ResponseWriter, r *http.Request, g *generation, in *invocation) {
	if !g.beginResponse(w, in, runtimeResponse) {
		return
	}
	mode := r.Header.Get(modeHeader)
	if mode != "" && mode != modeStreaming {
		// The runtime is left as it is: RAPID takes no next after this (RIE invocationresponse.go).
		g.answer(in, functionFailure(in, "Runtime.InvalidResponseModeHeader", fmt.Sprintf("Invalid response mode %q", mode)))
		refuse(w, http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		return
	}
	b := &body{limit: maxResponse}
	if in.Stream != nil {
		b.limit, b.bucket = maxStream, a.throttle.bucket()
		head := StreamHead{ContentType: r.Header.Get("Content-Type"), Streaming: mode == modeStreaming, Deadline: in.deadline}
		b.stream = untilAnswered{in.Stream(head), g, in}
	}
	err := b.copy(r.Context(), r.Body)
	res := response{payload: b.kept}
	switch {
	case errors.Is(err, errTooLarge):
		res = tooLarge(b.limit)
	case err != nil:
		res = functionFailure(in, "Runtime.TruncatedResponse", "Response was cut off")
	case mode == modeStreaming, in.Stream != nil: // the second because AWS's Go client never names a mode (RIE core/directinvoke)
		res.breakBy(in, r.Trailer)
	}
	res.contentType, res.size, res.first, res.at = r.Header.Get("Content-Type"), b.size, b.first, b.last
	had, expired := g.endResponse(in, res)
	switch {
	case expired:
		refuseExpired(w)
	case had: // an error was told meanwhile
		refuse(w, http.StatusInternalServerError, "InternalServerError", "Internal Server Error")
	case errors.Is(err, errTooLarge):
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrain)) // as far as it comes
		refuseTooLarge(w)
	case err != nil:
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	default:
		accept(w)
	}
}

// breakBy makes the response an error if its trailers tell one. What the caller has had of it, it has had
// (RIE-LMI invoke/runtime_response_request.go TrailerError).
func (res *response) breakBy(in *invocation, trailer http.Header) {
	errorType := trailer.Get(errorTypeHeader)
	if errorType == "" {
		return
	}
	broken := functionFailure(in, validErrorType(errorType), "the response stream broke")
	if details, err := base64.StdEncoding.DecodeString(trailer.Get(errorBodyHeader)); err == nil && len(details) > 0 {
		broken.payload = details
	}
	*res = broken
}

// runtimeError serves the error of an invocation (RIE rapi/handler/invocationerror.go). One that is too large is treated
// as a response that is: RAPID finds it by the same code (rapidcore/server.go sendResponseUnsafe), but its handler has
// no answer to that and gives up.
func (a *apiServer) runtimeError(w http.ResponseWriter, r *http.Request, g *generation, in *invocation) {
	limit := int64(maxResponse)
	if g.managed() {
		limit = maxManagedError
	}
	payload, err := readLimited(r.Body, limit)
	if err != nil && g.managed() { // RIE-LMI reads before it looks at the state
		refuseTooLarge(w)
		return
	}
	if !g.beginResponse(w, in, runtimeErrorResponse) {
		return
	}
	now := time.Now()
	res := response{
		functionError: "Unhandled", errorType: validErrorType(r.Header.Get(errorTypeHeader)),
		contentType: r.Header.Get("Content-Type"), size: int64(len(payload)), first: now, at: now,
	}
	switch {
	case errors.Is(err, errTooLarge):
		res = tooLarge(limit)
		res.first, res.at = now, now
	case err != nil: // the type in the header still tells something
		res.payload = errorPayload(in.RequestID, res.errorType, "the error's body was cut off")
	case res.contentType == causeContentType:
		res.withCause(payload)
	default:
		res.payload = payload
		if given := r.Header.Get(errorCauseHeader); given != "" {
			res.cause, _ = parseErrorCause([]byte(given)) // what is none is left out
		}
	}
	g.endResponse(in, res)
	if errors.Is(err, errTooLarge) {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrain)) // as far as it comes
		refuseTooLarge(w)
		return
	}
	accept(w)
}

// withCause takes a body that has the error and its cause in it: the caller gets the error alone (RIE
// rapi/handler/mime_type_error_cause_json.go).
func (res *response) withCause(text []byte) {
	var told struct {
		ErrorMessage string          `json:"errorMessage"`
		ErrorType    string          `json:"errorType"`
		StackTrace   []string        `json:"stackTrace,omitempty"`
		ErrorCause   json.RawMessage `json:"errorCause,omitempty"`
	}
	if err := json.Unmarshal(text, &told); err != nil {
		res.payload, res.contentType = mustJSON("Invalid error body"), "application/octet-stream"
		return
	}
	if len(told.ErrorCause) > 0 {
		res.cause, _ = parseErrorCause(told.ErrorCause) // what is none is left out
		told.ErrorCause = nil
	}
	res.payload, res.contentType = mustJSON(told), "application/json"
}

// beginResponse takes the runtime out of Running, or refuses. In a managed instance an event has one answer
// and what comes later has no event (RIE-LMI rapi/handler/invocationresponse.go).
func (g *generation) beginResponse(w http.ResponseWriter, in *invocation, to string) bool {
	var err error
	g.update(func() {
		if err = g.runtime.respond(in, to); err == nil && to == runtimeResponse {
			in.responding = time.Now()
		}
	})
	switch {
	case err != nil && g.managed():
		refuseRequestID(w)
	case err != nil:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", err.Error())
	}
	return err == nil
}

func refuseRequestID(w http.ResponseWriter) {
	refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
}

func refuseTooLarge(w http.ResponseWriter) {
	refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxResponse))
}

// refuseExpired answers a response that comes after its invocation's timeout.
func refuseExpired(w http.ResponseWriter) {
	refuse(w, http.StatusGone, "InvokeTimeout", "Invoke timeout")
}

// endResponse makes a response known to the caller of the invocation and the runtime free for the next one.
// It tells whether the caller had an answer before, and whether there is no caller any more.
func (g *generation) endResponse(in *invocation, res response) (had, expired bool) {
	g.update(func() {
		if had = in.response != nil; had {
			return
		}
		if !in.responding.IsZero() {
			in.responding = res.first
		}
		in.response = &res
		g.runtime.sent(in)
		expired = in.expired
		delete(g.expired, in.RequestID)
	})
	return had, expired
}

// answer makes a response known and leaves the runtime in its state.
func (g *generation) answer(in *invocation, res response) {
	res.first, res.at = time.Now(), time.Now()
	g.update(func() { in.response = &res })
}

// functionFailure is a response that the platform makes in place of the runtime's.
func functionFailure(in *invocation, errorType, message string) response {
	return response{payload: errorPayload(in.RequestID, errorType, message), functionError: "Unhandled", errorType: errorType}
}

// tooLarge is what the caller gets for a response that it cannot take; it has no request id.
func tooLarge(limit int64) response {
	const errorType = "Function.ResponseSizeTooLarge"
	return response{functionError: "Unhandled", errorType: errorType, payload: mustJSON(functionError{
		ErrorType: errorType, ErrorMessage: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit),
	})}
}

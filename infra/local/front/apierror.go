package front

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// apiError is an error of Lambda's own API: what the AWS SDKs turn into a type of this name. Statuses and names are
// those of the Invoke API's reference; who is at fault is told by the status.
type apiError struct {
	status  int
	kind    string
	message string
	forever bool // it will not be otherwise, however often somebody tries
}

func (e *apiError) Error() string { return e.kind + ": " + e.message }

// ErrNoSuchFunction says that a function, a version or an alias does not exist; Options.Qualified returns it.
var ErrNoSuchFunction = errors.New("no such function")

func newError(status int, kind, message string) *apiError {
	return &apiError{status: status, kind: kind, message: message}
}

// throttledKind is the error of a function that may not run once more at the moment.
const throttledKind = "TooManyRequestsException"

// throttled says that a function's reserved concurrency is used up; forever, that it is zero.
func throttled(forever bool) *apiError {
	e := newError(http.StatusTooManyRequests, throttledKind, "Rate Exceeded.")
	e.forever = forever
	return e
}

func notFound(reference string) *apiError {
	return newError(http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+reference)
}

func invalidParameter(message string) *apiError {
	return newError(http.StatusBadRequest, "InvalidParameterValueException", message)
}

func invalidContent(message string) *apiError {
	return newError(http.StatusBadRequest, "InvalidRequestContentException", message)
}

func tooLarge(limit int) *apiError {
	return newError(http.StatusRequestEntityTooLarge, "RequestTooLargeException",
		fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit))
}

// cannotRun is what a function that cannot run on this machine answers. On AWS the status is 502, which SDKs try again;
// trying again does not install a runtime, so it is the caller's here.
func cannotRun(function string, reason error) *apiError {
	return newError(http.StatusBadRequest, "InvalidRuntimeException", fmt.Sprintf("Function %s cannot run here: %v", function, reason))
}

func serviceError(err error) *apiError {
	return newError(http.StatusInternalServerError, "ServiceException", err.Error())
}

// write answers as Lambda's API does.
func (e *apiError) write(w http.ResponseWriter) {
	who := "User"
	if e.status >= http.StatusInternalServerError {
		who = "Service"
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", e.kind)
	w.Header().Set("X-Amzn-Requestid", newRequestID())
	body := map[string]string{"Type": who, "Message": e.message}
	if e.kind == throttledKind { // the one error whose message has a small letter (Invoke API reference, TooManyRequestsException)
		body = map[string]string{"Type": who, "message": e.message, "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(body)
}

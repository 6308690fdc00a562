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
}

func (e *apiError) Error() string { return e.kind + ": " + e.message }

// ErrNoSuchFunction says that a function, a version or an alias does not exist; Options.Qualified returns it.
var ErrNoSuchFunction = errors.New("no such function")

func notFound(reference string) *apiError {
	return &apiError{http.StatusNotFound, "ResourceNotFoundException", "Function not found: " + reference}
}

func invalidParameter(message string) *apiError {
	return &apiError{http.StatusBadRequest, "InvalidParameterValueException", message}
}

func invalidContent(message string) *apiError {
	return &apiError{http.StatusBadRequest, "InvalidRequestContentException", message}
}

func tooLarge(limit int) *apiError {
	return &apiError{http.StatusRequestEntityTooLarge, "RequestTooLargeException",
		fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", limit)}
}

// cannotRun is what a function that cannot run on this machine answers. On AWS the status is 502, which SDKs try again;
// trying again does not install a runtime, so it is the caller's here.
func cannotRun(function string, reason error) *apiError {
	return &apiError{http.StatusBadRequest, "InvalidRuntimeException", fmt.Sprintf("Function %s cannot run here: %v", function, reason)}
}

func serviceError(err error) *apiError {
	return &apiError{http.StatusInternalServerError, "ServiceException", err.Error()}
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
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": who, "Message": e.message})
}

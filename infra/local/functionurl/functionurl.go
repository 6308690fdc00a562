// Package functionurl is what Lambda puts between an HTTP client and a function that has a URL: the request becomes an
// event of payload format 2.0, and what the function returns becomes the response, at once or piece by piece.
//
// It takes a URL's settings and a way to invoke its function. Sources: "Invoking Lambda function URLs" and "Creating and
// managing Lambda function URLs" of the Lambda developer guide. A signature is asked for where AuthType is AWS_IAM, but
// not checked: there are no users here.
package functionurl

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// maxBody bounds a request's body (LIM: 6 MB, as any synchronous invocation's event).
const maxBody = 6 << 20

// URL is a function URL.
type URL struct {
	Host                string // "<id>.lambda-url.<region>.on.aws"
	Account             string
	Function, Qualifier string
	Signed              bool // AuthType AWS_IAM
	Stream              bool // InvokeMode RESPONSE_STREAM
	CORS                *CORS
}

// Server serves function URLs.
type Server struct {
	// Invoke runs the function of a URL.
	Invoke func(ctx context.Context, u URL, in lambdalocal.Invocation) (lambdalocal.Result, error)

	// Fail answers if it could not be run.
	Fail func(w http.ResponseWriter, err error)

	// RequestID makes an id for an invocation.
	RequestID func() string
}

// Serve answers a request to a URL.
func (s Server) Serve(w http.ResponseWriter, r *http.Request, u URL) {
	id := s.RequestID()
	header := w.Header()
	header.Set("X-Amzn-Requestid", id)
	u.CORS.allow(header, r)
	if u.CORS.preflight(r) {
		w.WriteHeader(http.StatusOK)
		return
	}
	if u.Signed && !isSigned(r) {
		header.Set("X-Amzn-Errortype", "AccessDeniedException")
		message(w, http.StatusForbidden, `{"Message":"Forbidden"}`)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return // nobody hears an answer
	}
	if len(body) > maxBody {
		message(w, http.StatusRequestEntityTooLarge, `{"Message":null}`)
		return
	}
	root := traceRoot(r, time.Now())
	event, err := newEvent(r, body, u, time.Now(), id, root)
	if err != nil {
		s.Fail(w, err)
		return
	}
	in := lambdalocal.Invocation{RequestID: id, Payload: event, TraceHeader: invocationTrace(root, u)}
	header.Set(traceHeader, in.TraceHeader)
	if u.Stream {
		s.stream(w, r, u, in)
		return
	}
	result, err := s.Invoke(r.Context(), u, in)
	switch {
	case err != nil:
		s.Fail(w, err)
	case result.FunctionError != "":
		internalError(w)
	default:
		write(w, result.Payload)
	}
}

// message answers with a text of AWS's own.
func message(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that went away hears nothing
}

// internalError is what a client learns of a function's error, timeout or crash, and of a response that is none.
func internalError(w http.ResponseWriter) {
	message(w, http.StatusBadGateway, "Internal Server Error")
}

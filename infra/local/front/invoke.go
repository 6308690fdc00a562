package front

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// The limits of an invocation's request (LIM, Invoke API reference).
const (
	maxPayload       = 6 << 20 // bytes of an event, synchronous
	maxAsyncPayload  = 1 << 20 // asynchronous
	maxClientContext = 3583    // bytes of base64
	maxTenantID      = 256     // characters
)

// The invocation types.
const (
	typeSync  = "RequestResponse"
	typeAsync = "Event"
	typeDry   = "DryRun"
)

// invoke serves Lambda's Invoke:
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (f *Front) invoke(w http.ResponseWriter, r *http.Request) {
	function, in, failed := f.readInvoke(r)
	if errors.Is(failed, errClientGone) {
		return
	}
	if failed != nil {
		asAPIError(failed).write(w)
		return
	}
	switch r.Header.Get("X-Amz-Invocation-Type") {
	case "", typeSync:
		f.invokeAndAnswer(w, function, in, r.Header.Get("X-Amz-Log-Type") == "Tail")
	case typeAsync:
		f.invokeLater(w, function, parseReference(r.PathValue("function")).or(r.URL.Query().Get("Qualifier")), in)
	case typeDry: // everything but the invocation was done
		w.Header().Set("X-Amz-Executed-Version", function.version())
		w.WriteHeader(http.StatusNoContent)
	}
}

// errClientGone says that a request could not be read because its sender went away: nobody hears an answer.
var errClientGone = errors.New("the client has gone")

func asAPIError(err error) *apiError {
	var known *apiError
	if errors.As(err, &known) {
		return known
	}
	if restore := (*lambdalocal.RestoreError)(nil); errors.As(err, &restore) {
		return newError(restore.Status, restore.Code, restore.Message)
	}
	return serviceError(err)
}

// readInvoke reads and checks a request in the order that tells the caller most: the type, the function, the event, what goes with it.
func (f *Front) readInvoke(r *http.Request) (Function, lambdalocal.Invocation, error) {
	none := lambdalocal.Invocation{}
	limit := maxPayload
	kind := r.Header.Get("X-Amz-Invocation-Type")
	switch kind {
	case "", typeSync, typeDry:
	case typeAsync:
		limit = maxAsyncPayload
	default:
		return Function{}, none, invalidParameter("Unknown InvocationType: " + kind)
	}
	function, failed := f.resolve(r.Context(), r.PathValue("function"), r.URL.Query().Get("Qualifier"))
	if failed != nil {
		return Function{}, none, failed
	}
	payload, err := readPayload(r.Body, limit)
	if err != nil {
		return Function{}, none, err
	}
	in := lambdalocal.Invocation{Payload: payload, TraceHeader: r.Header.Get(traceHeader), TenantID: r.Header.Get("X-Amz-Tenant-Id")}
	if err := function.checkTenant(in.TenantID); err != nil {
		return Function{}, none, err
	}
	if in.ClientContext, err = clientContext(r.Header.Get("X-Amz-Client-Context")); err != nil {
		return Function{}, none, err
	}
	if kind == typeAsync {
		in.ClientContext = "" // "for synchronous invocations only"
	}
	return function, in, nil
}

// readPayload reads an event, which has to be JSON. None at all is an event too.
func readPayload(body io.Reader, limit int) ([]byte, error) {
	payload, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("read event: %w: %w", errClientGone, err)
	}
	if len(payload) > limit {
		return nil, tooLarge(limit)
	}
	if len(bytes.TrimSpace(payload)) == 0 {
		return nil, nil
	}
	var whole json.RawMessage
	if err := json.Unmarshal(payload, &whole); err != nil {
		return nil, invalidContent("Could not parse request body into json: " + err.Error())
	}
	return payload, nil
}

// clientContext is the JSON that a caller hands to the function beside the event.
func clientContext(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	if len(header) > maxClientContext {
		return "", invalidContent(fmt.Sprintf("Client context must be at most %d bytes of base64", maxClientContext))
	}
	text, err := base64.StdEncoding.DecodeString(header)
	var object map[string]any
	if err != nil || json.Unmarshal(text, &object) != nil {
		return "", invalidContent("Client context must be a valid Base64-encoded JSON object.")
	}
	return string(text), nil
}

// checkTenant: a function with tenant isolation is invoked for a tenant, any other is not.
func (f Function) checkTenant(id string) error {
	switch {
	case f.Tenants && id == "":
		return invalidParameter("The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.")
	case !f.Tenants && id != "":
		return invalidParameter("The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.")
	case len(id) > maxTenantID:
		return invalidParameter(fmt.Sprintf("A tenant ID has at most %d characters", maxTenantID))
	}
	return nil
}

// invokeAndAnswer runs a function to its end, also when the caller goes away, as Lambda does.
func (f *Front) invokeAndAnswer(w http.ResponseWriter, function Function, in lambdalocal.Invocation, logTail bool) {
	in.LogTail = logTail
	result, err := f.run(f.stopped, function, in)
	if err != nil {
		f.log(fmt.Sprintf("invoke %s: %v", function.Name, err))
		asAPIError(err).write(w)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Amzn-Requestid", result.RequestID)
	header.Set("X-Amz-Executed-Version", function.version())
	if result.FunctionError != "" {
		header.Set("X-Amz-Function-Error", result.FunctionError)
	}
	if logTail {
		header.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(result.LogTail))
	}
	_, _ = w.Write(result.Payload) // a caller that went away hears nothing
}

func (f Function) version() string {
	if f.Version == "" {
		return latest
	}
	return f.Version
}

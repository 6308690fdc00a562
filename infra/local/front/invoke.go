package front

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// invoke serves Lambda's Invoke:
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (f *Front) invoke(w http.ResponseWriter, r *http.Request) {
	name := functionName(r.PathValue("function"))
	function, ok := f.function(name)
	if !ok {
		apiError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+r.PathValue("function"))
		return
	}
	payload, tooLarge, err := readPayload(r.Body)
	switch {
	case err != nil:
		return // the client has gone
	case tooLarge:
		apiError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			fmt.Sprintf("%d byte payload is too large for the RequestResponse invocation type (limit %d bytes)", len(payload), maxPayload))
		return
	}
	in := lambdalocal.Invocation{
		Payload:     payload,
		TraceHeader: r.Header.Get(traceHeader),
		TenantID:    r.Header.Get("X-Amz-Tenant-Id"),
	}
	if text, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-Client-Context")); err == nil {
		in.ClientContext = string(text)
	}
	switch r.Header.Get("X-Amz-Invocation-Type") {
	case "", "RequestResponse":
		f.invokeAndAnswer(w, function, in, r.Header.Get("X-Amz-Log-Type") == "Tail")
	case "Event":
		f.invokeLater(w, function, in)
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	default:
		apiError(w, http.StatusBadRequest, "InvalidParameterValueException", "unknown X-Amz-Invocation-Type")
	}
}

// invokeAndAnswer runs a function to its end, also when the caller goes away, as Lambda does.
func (f *Front) invokeAndAnswer(w http.ResponseWriter, function Function, in lambdalocal.Invocation, logTail bool) {
	result, err := function.Invoker.Invoke(f.stopped, in)
	if err != nil {
		f.log(fmt.Sprintf("invoke %s: %v", function.Name, err))
		apiError(w, http.StatusInternalServerError, "ServiceException", err.Error())
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Amzn-Requestid", result.RequestID)
	header.Set("X-Amz-Executed-Version", version(function))
	if result.FunctionError != "" {
		header.Set("X-Amz-Function-Error", result.FunctionError)
	}
	if logTail {
		header.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(result.LogTail))
	}
	_, _ = w.Write(result.Payload) // a caller that went away hears nothing
}

// invokeLater answers at once. AWS would try a failed one twice more, after one and two minutes.
func (f *Front) invokeLater(w http.ResponseWriter, function Function, in lambdalocal.Invocation) {
	in.RequestID = newRequestID()
	f.async.Add(1)
	go func() {
		defer f.async.Done()
		if _, err := function.Invoker.Invoke(f.stopped, in); err != nil {
			f.log(fmt.Sprintf("invoke %s asynchronously: %v", function.Name, err))
		}
	}()
	w.Header().Set("X-Amzn-Requestid", in.RequestID)
	w.WriteHeader(http.StatusAccepted)
}

// proxied serves MiniStack's proxy mode. A 2xx body is the response; any other status makes the
// invocation a failed one, which is all that a trigger has to know.
func (f *Front) proxied(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("function")
	function, ok := f.function(name)
	if !ok {
		http.Error(w, "no function "+name+" runs here", http.StatusNotFound)
		return
	}
	payload, tooLarge, err := readPayload(r.Body)
	if err != nil || tooLarge {
		http.Error(w, "the event cannot be read", http.StatusRequestEntityTooLarge)
		return
	}
	trace := r.Header.Get(traceHeader)
	if trace == "" {
		trace = traceOfEvent(payload, function.ARN)
	}
	//nolint:contextcheck // an invocation goes on when its caller goes away
	result, err := function.Invoker.Invoke(f.stopped, lambdalocal.Invocation{
		RequestID:   r.Header.Get("X-Amzn-Lambda-Request-Id"),
		Payload:     f.traces.addTo(payload),
		TraceHeader: trace,
	})
	if err != nil {
		f.log(fmt.Sprintf("invoke %s: %v", name, err))
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if result.FunctionError != "" {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = w.Write(result.Payload)
}

// traceOfEvent is the trace header of an invocation that a function URL or an API causes: on AWS its
// root is the one that the event's headers tell. MiniStack hands a header over only with active tracing.
func traceOfEvent(payload []byte, arn string) string {
	var event struct {
		Headers map[string]string `json:"headers"`
	}
	if json.Unmarshal(payload, &event) != nil {
		return ""
	}
	for name, value := range event.Headers {
		if !strings.EqualFold(name, traceHeader) {
			continue
		}
		for _, part := range strings.Split(value, ";") {
			if strings.HasPrefix(part, "Root=") {
				parent := make([]byte, 8)
				_, _ = rand.Read(parent) // never fails
				return fmt.Sprintf("%s;Parent=%x;Sampled=0;Lineage=1:%08x:0", part, parent, crc32.ChecksumIEEE([]byte(arn)))
			}
		}
	}
	return ""
}

// functionName takes a name, a partial ARN (account:function:name) or an ARN, each with or without a qualifier.
func functionName(reference string) string {
	parts := strings.Split(reference, ":")
	for i, part := range parts {
		if part == "function" && i+1 < len(parts) {
			return parts[i+1]
		}
	}
	return parts[0]
}

func version(f Function) string {
	if f.Version == "" {
		return "$LATEST"
	}
	return f.Version
}

// apiError answers as Lambda's API does.
func apiError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", kind)
	w.Header().Set("X-Amzn-Requestid", newRequestID())
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": message})
}

// newRequestID is a random UUID.
func newRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

var _ Invoker = (*lambdalocal.Pool)(nil)

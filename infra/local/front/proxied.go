package front

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// proxied serves MiniStack's proxy mode. A 2xx body is the response; any other status makes the
// invocation a failed one, which is all that a trigger has to know.
func (f *Front) proxied(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("function")
	function, failed := f.resolve(r.Context(), name, r.Header.Get("X-Amzn-Lambda-Function-Version"))
	if failed != nil {
		f.log(fmt.Sprintf("invoke %s: %v", name, failed))
		http.Error(w, failed.message, failed.status)
		return
	}
	payload, err := readPayload(r.Body, maxPayload)
	if err != nil {
		http.Error(w, "the event cannot be read: "+err.Error(), http.StatusRequestEntityTooLarge)
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

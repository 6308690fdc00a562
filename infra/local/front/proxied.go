package front

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"time"

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
	f.apis.arrived(payload)
	trace := r.Header.Get(traceHeader)
	if trace == "" {
		trace = traceOfEvent(payload, function.ARN)
	}
	in := lambdalocal.Invocation{
		RequestID:   r.Header.Get("X-Amzn-Lambda-Request-Id"),
		Payload:     f.traces.addTo(payload),
		TraceHeader: trace,
	}
	if kind := sourceOf(payload); f.queued(r.Context(), name, kind) {
		f.proxiedLater(w, r, function, in, kind)
		return
	}
	//nolint:contextcheck // an invocation goes on when its caller goes away
	result, err := f.run(f.stopped, function, in)
	f.answerProxied(w, r, name, gatewayOf(payload), result, err)
}

// answerProxied answers MiniStack. One that we have started asks for errors as a whole, and hands them on as if it had run
// the function itself.
func (f *Front) answerProxied(w http.ResponseWriter, r *http.Request, name string, by gateway, result lambdalocal.Result, err error) {
	whole := r.URL.Query().Get("errors") == "whole"
	var api *apiError
	switch {
	case errors.As(err, &api) && whole && api.kind == throttledKind:
		answerWhole(w, outcomeWhole{Error: true, Throttle: true, Body: json.RawMessage(throttledBody)})
		return
	case errors.As(err, &api):
		http.Error(w, api.Error(), api.status)
		return
	case err != nil:
		f.log(fmt.Sprintf("invoke %s: %v", name, err))
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case result.FunctionError == "":
	case by != noGateway:
		result.Payload = by.failure()
	case whole && json.Valid(result.Payload):
		answerWhole(w, outcomeWhole{Error: true, FunctionError: result.FunctionError, Body: result.Payload})
		return
	default:
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = w.Write(result.Payload)
}

// outcomeWhole is an invocation's outcome as MiniStack's own executors give it to its services.
type outcomeWhole struct {
	Error         bool            `json:"error"`
	Throttle      bool            `json:"throttle,omitempty"`
	FunctionError string          `json:"function_error,omitempty"`
	Body          json.RawMessage `json:"body"`
}

// throttledBody has what its services look for, and the error by which a state machine knows it.
const throttledBody = `{"__type":"TooManyRequestsException","message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded",` +
	`"errorType":"Lambda.TooManyRequestsException","errorMessage":"Rate Exceeded."}`

func answerWhole(w http.ResponseWriter, out outcomeWhole) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]outcomeWhole{"_afterglow_outcome": out}) // MiniStack has its own word for a broken answer
}

// proxiedLater hands an event to the queue. MiniStack is answered at once, so that it neither waits nor tries again; or, if
// somebody may wait for the function's answer, with what the first try gave.
func (f *Front) proxiedLater(w http.ResponseWriter, r *http.Request, function Function, in lambdalocal.Invocation, kind source) {
	if in.RequestID == "" {
		in.RequestID = newRequestID()
	}
	as := reference{name: function.Name}
	if version := r.Header.Get("X-Amzn-Lambda-Function-Version"); version != latest {
		as.qualifier = version
	}
	var first chan answered
	if kind == maybeAsynchronous {
		first = make(chan answered, 1)
	}
	if err := f.enqueue(function, as, in, first); err != nil {
		f.log(err.Error())
		http.Error(w, err.Error(), http.StatusTooManyRequests)
		return
	}
	if first == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	select {
	case a := <-first:
		f.answerProxied(w, r, function.Name, noGateway, a.result, a.err)
	case <-r.Context().Done():
	}
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
				return traceBelow(part, arn)
			}
		}
	}
	return ""
}

// traceBelow is the header of an invocation that belongs to a trace: without active tracing nothing is sampled.
func traceBelow(root, arn string) string {
	var parent [8]byte
	_, _ = rand.Read(parent[:]) // never fails
	return fmt.Sprintf("%s;Parent=%x;Sampled=0;Lineage=1:%08x:0", root, parent, crc32.ChecksumIEEE([]byte(arn)))
}

// newTrace is the header of an invocation that belongs to no trace yet.
func newTrace(arn string) string {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	return traceBelow(fmt.Sprintf("Root=1-%08x-%x", time.Now().Unix(), id), arn)
}

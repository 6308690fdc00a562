package queue

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Condition is why a record is sent.
type Condition string

// The conditions (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
const (
	Success                 Condition = "Success"
	RetriesExhausted        Condition = "RetriesExhausted"
	EventAgeExceeded        Condition = "EventAgeExceeded"
	ZeroReservedConcurrency Condition = "ZeroReservedConcurrency"
)

// Report is what became of an invocation.
type Report struct {
	Invocation
	Outcome
	Condition  Condition
	Tries      int
	Time       time.Time
	DeadLetter bool // the target is a dead-letter queue: it gets the event, not a record
}

// statusThrottled is what a refused invocation's record has as its status.
const (
	statusOK        = 200
	statusThrottled = 429
)

// timeFormat is that of records: milliseconds, UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// record is Lambda's invocation record, version 1.0, in its order.
type record struct {
	Version        string `json:"version"`
	Timestamp      string `json:"timestamp"`
	RequestContext struct {
		RequestID   string    `json:"requestId"`
		FunctionArn string    `json:"functionArn"`
		Condition   Condition `json:"condition"`
		Invokes     int       `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	ResponseContext *responseContext `json:"responseContext,omitempty"` // not of an event that the function never saw
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// Record is the invocation record that destinations get.
func (r Report) Record() ([]byte, error) {
	out := record{Version: "1.0", Timestamp: r.Time.UTC().Format(timeFormat), RequestPayload: asJSON(r.Invocation.Payload)}
	out.RequestContext.RequestID = r.RequestID
	out.RequestContext.FunctionArn = QualifiedARN(r.ARN)
	out.RequestContext.Condition = r.Condition
	out.RequestContext.Invokes = r.Tries
	if r.Tries > 0 {
		out.ResponseContext = &responseContext{StatusCode: statusOK, ExecutedVersion: r.Version, FunctionError: r.FunctionError}
		if r.Verdict == Refused {
			out.ResponseContext.StatusCode = statusThrottled
		}
		out.ResponsePayload = asJSON(r.Outcome.Payload)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write invocation record: %w", err)
	}
	return text, nil
}

// QualifiedARN is a function's ARN as records have it: always with a qualifier.
func QualifiedARN(arn string) string {
	if strings.Count(arn, ":") == strings.Count("arn:aws:lambda:region:account:function:name", ":") {
		return arn + ":$LATEST"
	}
	return arn
}

// asJSON is a payload as it stands in a record; one that is no JSON stands there as text.
func asJSON(payload []byte) json.RawMessage {
	if len(payload) == 0 {
		return json.RawMessage("null")
	}
	if json.Valid(payload) {
		return payload
	}
	text, err := json.Marshal(string(payload))
	if err != nil {
		return json.RawMessage("null") // cannot happen: it is a string
	}
	return text
}

// ErrorMessage is what a dead-letter queue's message has of the error: its first 1 KB (as Lambda's attribute ErrorMessage).
func (r Report) ErrorMessage() string {
	var of struct {
		Message string `json:"errorMessage"`
	}
	text := ""
	switch {
	case json.Unmarshal(r.Outcome.Payload, &of) == nil && of.Message != "":
		text = of.Message
	case r.Err != nil:
		text = r.Err.Error()
	default:
		text = string(r.Condition)
	}
	return text[:min(len(text), maxErrorMessage)]
}

const maxErrorMessage = 1024

// StatusCode is what the error would have been as the answer to a synchronous invocation.
func (r Report) StatusCode() int {
	if r.Verdict == Failed {
		return statusOK
	}
	return statusThrottled
}

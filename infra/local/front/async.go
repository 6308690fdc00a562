package front

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/afterglow-lambda/afterglow/infra/local/queue"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// invokeLater answers at once; the queue does the rest.
func (f *Front) invokeLater(w http.ResponseWriter, function Function, as reference, in lambdalocal.Invocation) {
	in.RequestID = newRequestID()
	if err := f.enqueue(function, as, in, nil); err != nil {
		newError(http.StatusTooManyRequests, throttledKind, err.Error()).write(w)
		return
	}
	w.Header().Set("X-Amzn-Requestid", in.RequestID)
	w.WriteHeader(http.StatusAccepted)
}

// answered is what a try gave.
type answered struct {
	result lambdalocal.Result
	err    error
}

// enqueue hands an invocation to the queue. first, if not nil, gets what the first try gave.
func (f *Front) enqueue(function Function, as reference, in lambdalocal.Invocation, first chan<- answered) error {
	if in.TraceHeader == "" {
		in.TraceHeader = newTrace(function.ARN) // one for all tries
	}
	in.LogTail = true // the end of the whole phase counts: extensions that take too long fail the invocation
	arn := function.ARN
	if as.qualifier != "" && !strings.HasSuffix(arn, ":"+as.qualifier) {
		arn = baseARN(arn) + ":" + as.qualifier
	}
	err := f.queue.Add(queue.Invocation{
		Function: function.Name, ARN: arn, RequestID: in.RequestID, Payload: in.Payload,
		Try: func(ctx context.Context) queue.Outcome {
			result, err := f.tryAgain(ctx, as, in)
			if first != nil {
				first <- answered{result, err}
				first = nil
			}
			return f.outcome(as, result, err)
		},
	})
	if err != nil {
		return fmt.Errorf("invoke %s asynchronously: %w", function.Name, err)
	}
	return nil
}

// tryAgain runs what is deployed by now.
func (f *Front) tryAgain(ctx context.Context, as reference, in lambdalocal.Invocation) (lambdalocal.Result, error) {
	function, failed := f.resolve(ctx, as.name, as.qualifier)
	if failed != nil {
		return lambdalocal.Result{}, failed
	}
	return f.run(ctx, function, in)
}

// outcome is what the queue has to know of a try.
func (f *Front) outcome(as reference, result lambdalocal.Result, err error) queue.Outcome {
	out := queue.Outcome{Payload: result.Payload, FunctionError: result.FunctionError, Version: as.qualifier, Err: err}
	if out.Version == "" {
		out.Version = latest
	}
	var api *apiError
	switch {
	case errors.As(err, &api) && api.forever:
		out.Verdict = queue.Forbidden
	case errors.As(err, &api) && api.status < http.StatusInternalServerError && api.kind != throttledKind:
		f.log(fmt.Sprintf("an asynchronous invocation of %s is given up: %v", as.name, err))
		out.Verdict = queue.Gone
	case err != nil:
		if api == nil {
			f.log(fmt.Sprintf("invoke %s asynchronously: %v", as.name, err))
		}
		out.Verdict = queue.Refused
	case result.FunctionError != "":
		out.Verdict = queue.Failed
	case result.Status != "" && result.Status != statusSuccess:
		// The function answered and the phase failed after that: Lambda counts it as an error.
		out.Verdict, out.FunctionError = queue.Failed, unhandled
		f.log(fmt.Sprintf("the asynchronous invocation %s of %s had its response, but its phase ended with %s", result.RequestID, as.name, result.Status))
	}
	return out
}

const (
	statusSuccess = "success"   // lambdalocal.Report.Status
	unhandled     = "Unhandled" // X-Amz-Function-Error
)

// settings asks for what a function says about its asynchronous invocations.
func (f *Front) settings(ctx context.Context, in queue.Invocation) (queue.Settings, error) {
	if f.opt.Deployed == nil {
		return queue.Defaults(), nil
	}
	return f.opt.Deployed.Asynchronous(ctx, in.Function, parseReference(in.ARN).qualifier)
}

// send sends what became of an invocation: to a function through the queue, else as Options.Send does.
func (f *Front) send(ctx context.Context, target string, r queue.Report) error {
	if !strings.Contains(target, ":lambda:") {
		if f.opt.Send == nil {
			return errors.New("nothing is sent from here")
		}
		return f.opt.Send(ctx, target, r)
	}
	record, err := r.Record()
	if err != nil {
		return err
	}
	as := parseReference(target)
	function, failed := f.resolve(ctx, as.name, as.qualifier)
	if failed != nil {
		return failed
	}
	return f.enqueue(function, as, lambdalocal.Invocation{RequestID: newRequestID(), Payload: record}, nil)
}

// source is a service that hands an event over.
type source int

const (
	synchronous source = iota
	asynchronous
	maybeAsynchronous
)

// sourceOf tells by an event's shape whether the service that hands it over invokes asynchronously on AWS. MiniStack does not
// tell which service it was, and a state machine or another service may hand the same event on and wait for the answer: with
// an event of EventBridge that is common.
func sourceOf(payload []byte) source {
	var event struct {
		Records []struct {
			Small string `json:"eventSource"`
			Large string `json:"EventSource"`
		}
		AWSLogs    *struct{ Data string } `json:"awslogs"`
		DetailType *string                `json:"detail-type"`
		Source     string                 `json:"source"`
		ID         string                 `json:"id"`
		Detail     json.RawMessage        `json:"detail"`
	}
	if json.Unmarshal(payload, &event) != nil {
		return synchronous
	}
	switch {
	case len(event.Records) > 0 && (event.Records[0].Small == "aws:s3" || event.Records[0].Large == "aws:sns"),
		event.AWSLogs != nil && event.AWSLogs.Data != "":
		return asynchronous
	case event.DetailType != nil && event.Source != "" && event.ID != "" && len(event.Detail) > 0:
		return maybeAsynchronous
	}
	return synchronous
}

// eventBridge is whom a function's policy lets in that is a target of a rule.
const eventBridge = "events.amazonaws.com"

// queued tells whether an event that MiniStack hands over goes into the queue.
func (f *Front) queued(ctx context.Context, name string, kind source) bool {
	switch kind {
	case asynchronous:
		return true
	case maybeAsynchronous:
		if f.opt.Deployed == nil {
			return false
		}
		may, err := f.opt.Deployed.LetsIn(ctx, name, eventBridge)
		return err == nil && may
	}
	return false
}

// newRequestID is a random UUID.
func newRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

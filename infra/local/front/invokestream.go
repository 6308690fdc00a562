package front

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"

	"github.com/afterglow-lambda/afterglow/infra/local/functionurl"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// The events of a streamed answer, and what they are made of
// (https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html).
const (
	eventStreamType = "application/vnd.amazon.eventstream"
	payloadChunk    = "PayloadChunk"
	invokeComplete  = "InvokeComplete"
)

// invokeWithResponseStream serves Lambda's InvokeWithResponseStream: the response goes out piece by piece while the
// function writes it, whether its runtime streams or not, and the error, if there is one, comes last.
func (f *Front) invokeWithResponseStream(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Invocation-Type") == typeAsync {
		invalidParameter("InvokeWithResponseStream is synchronous; for Event there is Invoke").write(w)
		return
	}
	function, in, failed := f.readInvoke(r)
	switch {
	case errors.Is(failed, errClientGone):
		return
	case failed != nil:
		asAPIError(failed).write(w)
		return
	case r.Header.Get("X-Amz-Invocation-Type") == typeDry:
		w.Header().Set("X-Amz-Executed-Version", function.version())
		w.WriteHeader(http.StatusNoContent)
		return
	}
	out := &eventWriter{w: w, version: function.version(), requestID: newRequestID()}
	in.RequestID, in.LogTail = out.requestID, r.Header.Get("X-Amz-Log-Type") == "Tail"
	in.Stream = out.begin
	//nolint:contextcheck // an invocation goes on when its caller goes away
	result, err := f.run(f.stopped, function, in)
	if err != nil {
		f.log(fmt.Sprintf("invoke %s: %v", function.Name, err))
		out.fail(err)
		return
	}
	out.complete(result, in.LogTail)
}

// eventWriter writes an answer as AWS's event stream.
type eventWriter struct {
	w                  http.ResponseWriter
	version, requestID string

	mu    sync.Mutex
	begun bool
	ended bool // the request is answered, and nothing may be written any more
}

// errAnswered ends a stream whose invocation has ended without it.
var errAnswered = errors.New("the request has been answered")

// begin is lambdalocal.Invocation.Stream: the function begins its response. A client that does not read it is dropped
// when the function's time is over.
func (e *eventWriter) begin(head lambdalocal.StreamHead) io.Writer {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ended {
		functionurl.LimitWrites(e.w, head)
		e.headLocked()
	}
	return e
}

// headLocked begins the answer. What the runtime calls its response's type is not told: AWS's ResponseStreamContentType is
// the type of the event stream.
func (e *eventWriter) headLocked() {
	if e.begun {
		return
	}
	e.begun = true
	header := e.w.Header()
	header.Set("Content-Type", eventStreamType)
	header.Set("X-Amzn-Requestid", e.requestID)
	header.Set("X-Amz-Executed-Version", e.version)
	e.w.WriteHeader(http.StatusOK)
}

// Write sends a piece of the response at once.
func (e *eventWriter) Write(piece []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return 0, errAnswered
	}
	if err := e.sendLocked(payloadChunk, "application/octet-stream", piece); err != nil {
		return 0, err
	}
	return len(piece), nil
}

// complete ends the stream. It waits for a piece that is being written, which the client's limit bounds.
func (e *eventWriter) complete(result lambdalocal.Result, logTail bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	functionurl.LimitWrites(e.w, lambdalocal.StreamHead{Deadline: time.Now()})
	e.headLocked()
	var end struct {
		ErrorCode    string `json:",omitempty"`
		ErrorDetails string `json:",omitempty"`
		LogResult    string `json:",omitempty"`
	}
	if result.FunctionError != "" {
		end.ErrorCode, end.ErrorDetails = result.FunctionError, string(result.Payload)
	}
	if logTail {
		end.LogResult = base64.StdEncoding.EncodeToString(result.LogTail)
	}
	text, err := json.Marshal(end)
	if err != nil {
		return // cannot happen: it is made of strings
	}
	_ = e.sendLocked(invokeComplete, "application/json", text) // a caller that went away hears nothing
}

// fail tells that the function could not be run: by the status, if nothing was sent yet.
func (e *eventWriter) fail(err error) {
	e.mu.Lock()
	begun := e.begun
	e.ended = true
	e.mu.Unlock()
	if !begun {
		asAPIError(err).write(e.w)
		return
	}
	e.complete(lambdalocal.Result{FunctionError: "ServiceException", Payload: []byte(err.Error())}, false)
}

func (e *eventWriter) sendLocked(kind, contentType string, payload []byte) error {
	message := eventstream.Message{Payload: payload}
	message.Headers.Set(eventstreamapi.MessageTypeHeader, eventstream.StringValue(eventstreamapi.EventMessageType))
	message.Headers.Set(eventstreamapi.EventTypeHeader, eventstream.StringValue(kind))
	message.Headers.Set(eventstreamapi.ContentTypeHeader, eventstream.StringValue(contentType))
	if err := eventstream.NewEncoder().Encode(e.w, message); err != nil {
		return fmt.Errorf("send %s: %w", kind, err)
	}
	if err := http.NewResponseController(e.w).Flush(); err != nil {
		return fmt.Errorf("send %s: %w", kind, err)
	}
	return nil
}

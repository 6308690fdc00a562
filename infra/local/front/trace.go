package front

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const traceHeader = "X-Amzn-Trace-Id"

// traceAttribute is the system attribute of a message by which SQS carries the trace on:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
const traceAttribute = "AWSTraceHeader"

// maxSend bounds what is read of a request to SQS, which takes 1 MiB of messages.
const maxSend = 4 << 20

// keepTrace does what SQS does with the trace header that AWS SDKs send inside Lambda: it keeps it as
// the messages' AWSTraceHeader, unless they have one. A request that we do not understand is left alone.
func keepTrace(r *http.Request) {
	trace := r.Header.Get(traceHeader)
	action, isSQS := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	if trace == "" || !isSQS || r.Body == nil || action != "SendMessage" && action != "SendMessageBatch" {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSend))
	if err != nil {
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		return
	}
	if len(body) == maxSend {
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
		return
	}
	if changed, ok := withTrace(body, action, trace); ok {
		body = changed
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

func withTrace(body []byte, action, trace string) ([]byte, bool) {
	var request map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&request) != nil {
		return nil, false
	}
	messages := []any{request}
	if action == "SendMessageBatch" {
		messages, _ = request["Entries"].([]any)
	}
	for _, message := range messages {
		fields, ok := message.(map[string]any)
		if !ok {
			return nil, false
		}
		attributes, ok := fields["MessageSystemAttributes"].(map[string]any)
		if !ok {
			attributes = map[string]any{}
			fields["MessageSystemAttributes"] = attributes
		}
		if _, has := attributes[traceAttribute]; !has {
			attributes[traceAttribute] = map[string]any{"DataType": "String", "StringValue": trace}
		}
	}
	changed, err := json.Marshal(request)
	return changed, err == nil
}

// failing is the end of a body that could not be read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

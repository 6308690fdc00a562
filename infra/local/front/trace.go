package front

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const traceHeader = "X-Amzn-Trace-Id"

// traceAttribute is the attribute of a message by which SQS hands the trace on:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
const traceAttribute = "AWSTraceHeader"

const (
	// rememberedMessages bounds what is kept of messages that nobody has received yet.
	rememberedMessages = 10_000

	// maxSendAnswer bounds what is read of an answer to a send: ten entries with ids and digests.
	maxSendAnswer = 1 << 20

	// answerWithin bounds waiting for the answer to a send whose message has arrived before it.
	answerWithin = time.Second
)

// traces does what SQS does with the trace header that AWS SDKs send inside Lambda: it hands it on as the
// messages' AWSTraceHeader. MiniStack does not. Requests stay as they are; which message has which id is
// read from the answer, and what is missing is added to the events that the messages lead to.
type traces struct {
	mu    sync.Mutex
	sends map[*send]struct{} // that are not answered yet
	byID  map[string]string
	order []string // of the ids, oldest first
}

// send is a request that sends messages.
type send struct {
	trace string
	done  chan struct{}
}

func newTraces() *traces {
	return &traces{sends: map[*send]struct{}{}, byID: map[string]string{}}
}

// begin takes note of a request, if it sends messages and has a trace.
func (t *traces) begin(r *http.Request) *send {
	trace := r.Header.Get(traceHeader)
	if trace == "" || !strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.SendMessage") {
		return nil
	}
	s := &send{trace: trace, done: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sends[s] = struct{}{}
	return s
}

// answered reads the ids of the messages that a request has sent.
func (t *traces) answered(s *send, response *http.Response) error {
	if s == nil || response.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSendAnswer))
	response.Body = readCloser{io.MultiReader(bytes.NewReader(body), response.Body), response.Body}
	if err != nil {
		return err
	}
	var answer struct {
		MessageID  string `json:"MessageId"`
		Successful []struct {
			MessageID string `json:"MessageId"`
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil // whatever it is, it is the caller's
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rememberLocked(answer.MessageID, s.trace)
	for _, entry := range answer.Successful {
		t.rememberLocked(entry.MessageID, s.trace)
	}
	return nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

func (t *traces) rememberLocked(id, trace string) {
	if id == "" {
		return
	}
	t.byID[id] = trace
	t.order = append(t.order, id)
	if len(t.order) > rememberedMessages {
		delete(t.byID, t.order[0])
		t.order = t.order[1:]
	}
}

// end is called when a request has been answered, well or not.
func (t *traces) end(s *send) {
	if s == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sends, s)
	close(s.done)
}

// of tells a message's trace. A message can arrive before the answer to the request that sent it does.
func (t *traces) of(id string) string {
	t.mu.Lock()
	trace, known := t.byID[id]
	var open []*send
	for s := range t.sends {
		open = append(open, s)
	}
	t.mu.Unlock()
	if known || len(open) == 0 {
		return trace
	}
	timeout := time.After(answerWithin)
	for _, s := range open {
		select {
		case <-s.done:
		case <-timeout:
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

// addTo adds the traces of an event's messages where they are missing. Everything else of the event stays
// as it is, byte for byte.
func (t *traces) addTo(event []byte) []byte {
	var parsed struct {
		Records []struct {
			MessageID   string          `json:"messageId"`
			EventSource string          `json:"eventSource"`
			Attributes  json.RawMessage `json:"attributes"`
		}
	}
	if json.Unmarshal(event, &parsed) != nil {
		return event
	}
	for _, record := range parsed.Records {
		if record.EventSource != "aws:sqs" || !bytes.HasPrefix(record.Attributes, []byte("{\"")) ||
			bytes.Contains(record.Attributes, []byte(traceAttribute)) {
			continue
		}
		trace, err := json.Marshal(t.of(record.MessageID))
		if err != nil || len(trace) <= len(`""`) {
			continue
		}
		// Quotes are escaped in every string, so neither text can stand inside one.
		at := bytes.Index(event, []byte(`"messageId": "`+record.MessageID+`"`))
		if at < 0 {
			continue
		}
		offset := bytes.Index(event[at:], record.Attributes)
		if offset < 0 {
			continue
		}
		event = slices.Insert(event, at+offset+1, []byte(`"`+traceAttribute+`": `+string(trace)+`, `)...)
	}
	return event
}

package enrich

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// maxMessages is the most messages of one event that are looked at: the largest batch that Lambda takes from a queue.
const maxMessages = 10_000

// recogniseSQS reads the event of an SQS event source mapping:
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func recogniseSQS(e document.Value) (event.Trigger, bool) {
	t := event.Trigger{Source: spaceSQS, Kind: kindPubSub}
	queues := map[string]bool{}
	records := 0
	e.Get("Records").Items(func(record document.Value) bool {
		m, body, ok := sqsMessage(record)
		if ok {
			records++
			if m.Destination != "" {
				queues[m.Destination] = true
				t.Name = m.Destination
			}
			t.Messages = append(t.Messages, m)
			t.Messages = append(t.Messages, unfold(body, 0)...)
		}
		return len(t.Messages) < maxMessages
	})
	if records == 0 {
		return event.Trigger{}, false
	}
	t.Attributes = []event.Attribute{
		{Name: "messaging.system", Value: "aws_sqs"},
		{Name: "messaging.operation.name", Value: "process"},
		{Name: "messaging.operation.type", Value: "process"},
		{Name: "messaging.batch.message_count", Value: int64(records)},
	}
	if records == 1 {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.message.id", Value: t.Messages[0].Key.ID})
	}
	switch len(queues) {
	case 0:
	case 1:
		t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.destination.name", Value: event.TextOf(t.Name)})
	default:
		t.Name = "multiple_sources" // the word of the conventions
	}
	return t, true
}

// sqsMessage reads one record. What tells a record of SQS from others is eventSource; it stands behind the body, so in a record that is cut the
// receipt handle has to do, which nothing else has.
func sqsMessage(record document.Value) (m event.Message, body document.Value, ok bool) {
	var id, source, receipt string
	whole := record.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "messageId":
			id = v.String()
		case "receiptHandle":
			receipt = v.String()
		case "body":
			body = v
		case "eventSource":
			source = v.String()
		case "eventSourceARN":
			m.Destination = arnResource(v.String())
		case "attributes":
			m.Trace = v.Get("AWSTraceHeader").String()
		}
		return true
	})
	ofSQS := source == "aws:sqs" || source == "" && !whole && receipt != ""
	if !ofSQS || !isID(id) {
		return event.Message{}, document.Value{}, false
	}
	m.Key = event.Key{Space: spaceSQS, ID: id}
	m.Attributes = []event.Attribute{{Name: "messaging.message.id", Value: id}}
	if m.Destination != "" {
		m.Attributes = append(m.Attributes, event.Attribute{Name: "messaging.destination.name", Value: event.TextOf(m.Destination)})
	}
	return m, body, true
}

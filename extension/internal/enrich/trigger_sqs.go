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
	var b batch
	e.Get("Records").Items(func(record document.Value) bool {
		m, body, ok := sqsMessage(record)
		return !ok || b.add(m, unfold(body, 0)...)
	})
	return b.trigger(spaceSQS, "aws_sqs")
}

// sqsMessage reads one record. What tells a record of SQS from others is eventSource; it stands behind the body, so in a record that is cut the
// receipt handle has to do, which nothing else has.
func sqsMessage(record document.Value) (m event.Message, body document.Value, ok bool) {
	var id, source, receipt, queue, trace string
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
			queue = arnResource(v.String())
		case "attributes":
			trace = v.Get("AWSTraceHeader").String()
		}
		return true
	})
	ofSQS := source == "aws:sqs" || source == "" && !whole && receipt != ""
	if !ofSQS || !isID(id) {
		return event.Message{}, document.Value{}, false
	}
	m = message(spaceSQS, id, queue)
	m.Trace = trace
	return m, body, true
}

package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// sqs speaks the JSON protocol today and the query protocol with older SDKs:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
func sqs() service {
	return service{name: "SQS", ids: [mostIDs]string{"sqs"}, target: "AmazonSQS", recognise: recogniseSQSCall}
}

func recogniseSQSCall(r request, t *event.Target) {
	t.Operation = r.action
	queueURL, ids, count := "", []string(nil), 0
	if r.target != "" {
		queueURL, ids, count = sqsJSON(r)
	} else {
		queueURL, ids, count = sqsQuery(r)
	}
	t.Resource = queueURL[strings.LastIndexByte(queueURL, '/')+1:]
	t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.system", Value: "aws_sqs"})
	t.Attributes = text(t.Attributes, "aws.sqs.queue.url", queueURL)
	t.Attributes = text(t.Attributes, "messaging.destination.name", t.Resource)
	if name, kind := sqsOperation(t.Operation); kind != "" {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.operation.name", Value: name},
			event.Attribute{Name: "messaging.operation.type", Value: kind})
	}
	t.Batch = strings.HasSuffix(t.Operation, "Batch")
	if t.Batch && count > 0 {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.batch.message_count", Value: int64(count)})
	}
	if !r.answered() || !strings.HasPrefix(t.Operation, "SendMessage") {
		return
	}
	for _, id := range ids {
		t.Messages = append(t.Messages, event.Message{
			Key:         event.Key{Space: spaceSQS, ID: id},
			Destination: t.Resource,
			Attributes:  []event.Attribute{{Name: "messaging.message.id", Value: id}},
		})
	}
	if !t.Batch && len(t.Messages) == 1 {
		key := t.Messages[0].Key
		t.Key = &key
		t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.message.id", Value: ids[0]})
	}
}

// sqsJSON reads the JSON protocol: queue, ids of the messages that SQS took, number of entries in the request.
func sqsJSON(r request) (queueURL string, ids []string, count int) {
	add := func(v document.Value) bool {
		if id := v.Get("MessageId").String(); isID(id) && len(ids) < maxMessages {
			ids = append(ids, id)
		}
		return true
	}
	r.body().Get("Entries").Items(func(document.Value) bool { count++; return true })
	add(r.response())
	r.response().Get("Successful").Items(add)
	return r.body().Get("QueueUrl").String(), ids, count
}

// sqsQuery reads the query protocol. The queue's URL is a field, or what was asked itself; entries are numbered fields; the answer is XML.
func sqsQuery(r request) (queueURL string, ids []string, count int) {
	form := r.form()
	if queueURL = form.Get("QueueUrl"); queueURL == "" && strings.Count(r.path, "/") >= 2 {
		queueURL, _, _ = strings.Cut(r.call.URL.Reveal(), "?")
	}
	for name := range form {
		if strings.HasPrefix(name, "SendMessageBatchRequestEntry.") && strings.HasSuffix(name, ".Id") {
			count++
		}
	}
	ids = xmlTexts(r.call.Response.Data.Reveal(), "MessageId")
	return queueURL, ids, count
}

// sqsOperation gives what the conventions call an operation: its own name, and its type.
func sqsOperation(operation string) (name, kind string) {
	switch operation {
	case "SendMessage", "SendMessageBatch":
		return "send", "send"
	case "ReceiveMessage":
		return "receive", "receive"
	case "DeleteMessage", "DeleteMessageBatch":
		return "delete", "settle"
	case "ChangeMessageVisibility", "ChangeMessageVisibilityBatch":
		return "change_visibility", "settle"
	}
	return "", ""
}

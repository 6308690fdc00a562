package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// sns speaks the query protocol: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func sns() service {
	return service{name: "SNS", ids: [mostIDs]string{"sns"}, target: "AmazonSimpleNotificationService", recognise: recogniseSNSCall}
}

func recogniseSNSCall(r request, t *event.Target) {
	t.Operation = r.action
	form := r.form()
	arn := form.Get("TopicArn")
	if arn == "" {
		arn = form.Get("TargetArn") // of a topic, or of a device
	}
	t.Resource = arnResource(arn) // a telephone number is nobody's name for anything
	t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.system", Value: "aws.sns"})
	t.Attributes = text(t.Attributes, "aws.sns.topic.arn", arn)
	if t.Batch = t.Operation == "PublishBatch"; !t.Batch && t.Operation != "Publish" {
		t.Attributes = text(t.Attributes, "messaging.destination.name", t.Resource)
		return
	}
	count := 0
	for name := range form {
		if strings.HasPrefix(name, "PublishBatchRequestEntries.") && strings.HasSuffix(name, ".Id") {
			count++
		}
	}
	var ids []string
	if r.answered() {
		ids = xmlTexts(r.call.Response.Data.Reveal(), "MessageId")
	}
	sent(t, spaceSNS, ids, count)
}

// sent describes a call that sends messages: their ids as the answer has them, and how many the request of a batch had.
func sent(t *event.Target, space string, ids []string, count int) {
	t.Attributes = text(t.Attributes, "messaging.destination.name", t.Resource)
	t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.operation.name", Value: "send"}, event.Attribute{Name: "messaging.operation.type", Value: "send"})
	if t.Batch && count > 0 {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.batch.message_count", Value: int64(count)})
	}
	for _, id := range ids {
		t.Messages = append(t.Messages, event.Message{
			Key: event.Key{Space: space, ID: id}, Destination: t.Resource, Attributes: []event.Attribute{{Name: "messaging.message.id", Value: id}},
		})
	}
	if !t.Batch && len(t.Messages) == 1 {
		key := t.Messages[0].Key
		t.Key = &key
		t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.message.id", Value: key.ID})
	}
}

// xmlTexts gives what stands in every element of a name that has neither attributes nor elements in it, if it can be an id.
func xmlTexts(data []byte, element string) (ids []string) {
	open, end := "<"+element+">", "</"+element+">"
	for rest := string(data); len(ids) < maxMessages; {
		_, after, found := strings.Cut(rest, open)
		id, after, whole := strings.Cut(after, end)
		if !found || !whole {
			break
		}
		if isID(id) {
			ids = append(ids, id)
		}
		rest = after
	}
	return ids
}

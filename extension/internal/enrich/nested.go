package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// maxNesting bounds how far a message is looked into: S3 → SNS → SQS is the longest chain that AWS wires by itself.
const maxNesting = 3

// maxNested bounds how wide: S3 puts one record into a notification.
const maxNested = 100

// unfold finds the messages that came inside another one's body: a queue that is subscribed to a topic delivers the topic's notification as
// text. Each kind of envelope is one function; a body that is none of them is the user's and stays unread.
func unfold(body document.Value, depth int) []event.Message {
	if !isEnvelope(body) || depth >= maxNesting {
		return nil
	}
	text, ok := body.Text()
	if !ok || !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") {
		return nil
	}
	inner := document.Parse([]byte(text))
	if m, message, ok := snsNotification(inner); ok {
		return append([]event.Message{m}, unfold(message, depth+1)...)
	}
	if m, _, inside, ok := eventBridgeEvent(inner); ok {
		return append([]event.Message{m}, inside...)
	}
	var b batch
	readS3Records(inner, &b, maxNested)
	return b.messages
}

// isEnvelope tells whether a text may hold one that is known: decoding every body costs more than all else together.
func isEnvelope(body document.Value) bool {
	return body.TextHolds("TopicArn") || body.TextHolds("detail-type") || body.TextHolds("aws:s3")
}

// snsNotification reads what SNS puts into a queue, unless raw delivery is on:
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
func snsNotification(v document.Value) (m event.Message, message document.Value, ok bool) {
	var kind, id, topic string
	v.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "Type":
			kind = v.String()
		case "MessageId":
			id = v.String()
		case "TopicArn":
			topic = arnResource(v.String())
		case "Message":
			message = v
		}
		return true
	})
	if kind != "Notification" || topic == "" || !isID(id) {
		return event.Message{}, document.Value{}, false
	}
	return event.Message{
		Key:         event.Key{Space: spaceSNS, ID: id},
		Destination: topic,
		Attributes: []event.Attribute{
			{Name: "messaging.system", Value: "aws.sns"},
			{Name: "messaging.message.id", Value: id},
			{Name: "messaging.destination.name", Value: event.TextOf(topic)},
		},
	}, message, true
}

package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseEventBridge reads an event of a bus, or of a schedule:
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
func recogniseEventBridge(e document.Value) (event.Trigger, bool) {
	m, source, inside, ok := eventBridgeEvent(e)
	switch {
	case !ok:
		return event.Trigger{}, false
	case source == "aws.events" || source == "aws.scheduler":
		return schedule(e, source)
	}
	var b batch
	b.add(m, inside...)
	t, _ := b.trigger("aws.eventbridge", "aws.eventbridge")
	t.Attributes = append(t.Attributes, m.Attributes[1:]...)
	return t, true
}

// schedule describes a rule's or a scheduler's turn. Its id is drawn for it, and nobody has sent it.
func schedule(e document.Value, source string) (event.Trigger, bool) {
	name := arnResource(e.Get("resources").First().String())
	t := event.Trigger{Source: source, Kind: kindTimer, Name: name[strings.LastIndexByte(name, '/')+1:]}
	t.Attributes = text(t.Attributes, "faas.time", e.Get("time").String())
	return t, true
}

// eventBridgeEvent reads an event wherever it came: a message with its id as the first attribute, the event's source, and what came inside it. Which bus it was on,
// an event does not tell.
func eventBridgeEvent(e document.Value) (m event.Message, source string, inside []event.Message, ok bool) {
	var id, kind, account, region string
	var detail document.Value
	e.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "id":
			id = v.String()
		case "detail-type":
			kind = v.String()
		case "source":
			source = v.String()
		case "account":
			account = v.String()
		case "region":
			region = v.String()
		case "detail":
			detail = v
		}
		return true
	})
	if kind == "" || source == "" || account == "" || region == "" || !isID(id) {
		return event.Message{}, "", nil, false
	}
	m = message(spaceEvents, id, "")
	m.Attributes = text(m.Attributes, "afterglow.eventbridge.source", source)
	m.Attributes = text(m.Attributes, "afterglow.eventbridge.detail_type", kind)
	if source == "aws.s3" {
		inside = s3Detail(detail)
	}
	return m, source, inside, true
}

// s3Detail gives the request that S3 tells of by EventBridge: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
func s3Detail(detail document.Value) []event.Message {
	id := detail.Get("request-id").String()
	if !isID(id) {
		return nil
	}
	inner := event.Message{Key: event.Key{Space: spaceS3, ID: id}, Destination: detail.Get("bucket", "name").String()}
	inner.Attributes = text(inner.Attributes, "aws.s3.bucket", inner.Destination)
	inner.Attributes = text(inner.Attributes, "aws.s3.key", detail.Get("object", "key").String())
	return []event.Message{inner}
}

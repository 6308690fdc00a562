package enrich

import "github.com/afterglow-lambda/afterglow/extension/internal/event"

// A batch is what an event source hands over at once.
type batch struct {
	messages []event.Message // those that came inside others behind them
	records  int
	from     string          // the last destination
	all      map[string]bool // destinations
}

// add takes a record's message, and what was found inside it. It returns whether there is room for more.
func (b *batch) add(m event.Message, inside ...event.Message) (more bool) {
	b.messages = append(append(b.messages, m), inside...)
	return b.count(m.Destination) && len(b.messages) < maxMessages
}

// count takes a record of whose sender nothing is known.
func (b *batch) count(destination string) (more bool) {
	b.records++
	if destination != "" {
		if b.all == nil {
			b.all = map[string]bool{}
		}
		b.all[destination] = true
		b.from = destination
	}
	return b.records < maxMessages
}

// name gives the one destination, or the conventions' word for several.
func (b *batch) name() string {
	if len(b.all) > 1 {
		return "multiple_sources"
	}
	return b.from
}

// trigger describes a batch of messages: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
func (b *batch) trigger(source, system string) (event.Trigger, bool) {
	if b.records == 0 {
		return event.Trigger{}, false
	}
	t := event.Trigger{Source: source, Kind: kindPubSub, Name: b.name(), Messages: b.messages}
	t.Attributes = []event.Attribute{
		{Name: "messaging.system", Value: system},
		{Name: "messaging.operation.name", Value: "process"},
		{Name: "messaging.operation.type", Value: "process"},
		{Name: "messaging.batch.message_count", Value: int64(b.records)},
	}
	if b.records == 1 && len(b.messages) > 0 {
		for _, a := range b.messages[0].Attributes {
			if a.Name == "messaging.message.id" {
				t.Attributes = append(t.Attributes, a)
			}
		}
	}
	if len(b.all) == 1 {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.destination.name", Value: event.TextOf(t.Name)})
	}
	return t, true
}

// message makes a message of an id that AWS drew.
func message(space, id, destination string) event.Message {
	m := event.Message{Key: event.Key{Space: space, ID: id}, Destination: destination, Attributes: []event.Attribute{{Name: "messaging.message.id", Value: id}}}
	m.Attributes = text(m.Attributes, "messaging.destination.name", destination)
	return m
}

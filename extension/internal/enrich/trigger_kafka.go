package enrich

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseKafka reads records of MSK or of a cluster of the user's: https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html. Their names are
// topic-partition. Who sent them, a library has seen, and none of its requests.
func recogniseKafka(e document.Value) (event.Trigger, bool) {
	source := e.Get("eventSource").String()
	if source != "aws:kafka" && source != "SelfManagedKafka" {
		return event.Trigger{}, false
	}
	var b batch
	e.Get("records").Fields(func(key []byte, records document.Value) bool {
		return records.Items(func(r document.Value) bool { return b.count(r.Get("topic").String()) }) || b.records < maxMessages
	})
	return b.trigger("aws.kafka", "kafka")
}

package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseMQ reads messages of Amazon MQ: https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
func recogniseMQ(e document.Value) (event.Trigger, bool) {
	var b batch
	switch e.Get("eventSource").String() {
	case "aws:mq":
		e.Get("messages").Items(func(m document.Value) bool { return b.count(m.Get("destination", "physicalName").String()) })
		return b.trigger("aws.mq", "activemq")
	case "aws:rmq":
		e.Get("rmqMessagesByQueue").Fields(func(queue []byte, messages document.Value) bool {
			name, _, _ := strings.Cut(string(queue), "::") // queue::virtual-host
			return messages.Items(func(document.Value) bool { return b.count(name) }) || b.records < maxMessages
		})
		return b.trigger("aws.mq", "rabbitmq")
	}
	return event.Trigger{}, false
}

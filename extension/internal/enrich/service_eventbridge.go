package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// eventBridge speaks JSON: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
func eventBridge() service {
	return service{name: "EventBridge", ids: [mostIDs]string{"events"}, target: "AWSEvents", recognise: recogniseEventBridgeCall}
}

func recogniseEventBridgeCall(r request, t *event.Target) {
	t.Operation = r.action
	if t.Operation != "PutEvents" {
		return
	}
	t.Attributes = append(t.Attributes, event.Attribute{Name: "messaging.system", Value: "aws.eventbridge"})
	buses := map[string]bool{}
	count := 0
	r.body().Get("Entries").Items(func(entry document.Value) bool {
		count++
		t.Resource = busName(entry.Get("EventBusName").String())
		buses[t.Resource] = true
		return count < maxMessages
	})
	if len(buses) > 1 {
		t.Resource = ""
	}
	var ids []string
	if r.answered() {
		r.response().Get("Entries").Items(func(entry document.Value) bool {
			if id := entry.Get("EventId").String(); isID(id) { // one that was refused has an error code instead
				ids = append(ids, id)
			}
			return len(ids) < maxMessages
		})
	}
	t.Batch = count != 1
	sent(t, spaceEvents, ids, count)
}

// busName takes the name out of an ARN: arn:aws:events:region:account:event-bus/name. Without either it is the account's own.
func busName(s string) string {
	if s == "" {
		return "default"
	}
	return s[strings.LastIndexByte(s, '/')+1:]
}

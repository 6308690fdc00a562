package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// Values of faas.trigger.
const (
	kindHTTP       = "http"
	kindPubSub     = "pubsub"
	kindDatasource = "datasource"
	kindTimer      = "timer"
	kindOther      = "other"
)

// A recogniser answers only to events that it is sure of.
type recogniser = func(document.Value) (event.Trigger, bool)

// recogniseTrigger looks at the event's members first, so that a large event is stepped over a few times and not once for each kind of trigger.
func recogniseTrigger(e document.Value) event.Trigger {
	if !e.IsObject() {
		return event.Trigger{}
	}
	top := outline(e)
	for _, recognise := range candidates(top) {
		if trigger, ok := recognise(e); ok {
			return trigger
		}
	}
	trigger, _ := recogniseNamed(top)
	return trigger
}

// mostMembers is more than any event of AWS has.
const mostMembers = 64

// outline gives the members of an event. Where a name stands twice, the first one counts.
func outline(e document.Value) map[string]document.Value {
	top := make(map[string]document.Value, 16)
	e.Fields(func(key []byte, v document.Value) bool {
		if _, twice := top[string(key)]; !twice {
			top[string(key)] = v
		}
		return len(top) < mostMembers
	})
	return top
}

// candidates gives the recognisers that may know an event with these members, in the order in which they are asked.
func candidates(top map[string]document.Value) []recogniser {
	has := func(name string) bool { _, ok := top[name]; return ok }
	switch {
	case has("Records"):
		return []recogniser{ofRecords(top["Records"])}
	case has("requestContext"):
		return []recogniser{recogniseFunctionURL, recogniseHTTPAPI, recogniseRESTAPI, recogniseLoadBalancer, recogniseWebSocket}
	case has("detail-type"):
		return []recogniser{recogniseEventBridge}
	case has("eventSource"):
		return []recogniser{recogniseKafka, recogniseMQ}
	}
	return nil
}

// ofRecords gives the recogniser of a batch by what its first record says. SQS says it at the end of a record, which may be cut.
func ofRecords(records document.Value) recogniser {
	source := ""
	records.First().Fields(func(key []byte, v document.Value) bool {
		if string(key) == "eventSource" || string(key) == "EventSource" {
			source = v.String()
		}
		return source == ""
	})
	switch source {
	case "aws:sns":
		return recogniseSNS
	case "aws:s3":
		return recogniseS3Event
	case "aws:kinesis":
		return recogniseKinesis
	case "aws:dynamodb":
		return recogniseDynamoDBStream
	case "aws:ses":
		return recogniseMail
	}
	return recogniseSQS
}

// arnResource gives the last part of an ARN of any partition, and "" for what is none.
// arn:partition:service:region:account:resource, see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func arnResource(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[5]
}

// isID tells whether s can be an id that AWS drew: a bound keeps a hostile event from filling spans with "ids".
func isID(s string) bool { return s != "" && len(s) <= 256 }

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

// triggers gives the recognisers in the order in which they are asked. Each answers only to events that it is sure of.
func triggers() [14]func(document.Value) (event.Trigger, bool) {
	return [...]func(document.Value) (event.Trigger, bool){
		recogniseSQS,
		recogniseFunctionURL,
		recogniseHTTPAPI,
		recogniseRESTAPI,
		recogniseLoadBalancer,
		recogniseWebSocket,
		recogniseSNS,
		recogniseS3Event,
		recogniseEventBridge,
		recogniseKinesis,
		recogniseDynamoDBStream,
		recogniseKafka,
		recogniseMQ,
		recogniseNamed,
	}
}

func recogniseTrigger(e document.Value) event.Trigger {
	if !e.IsObject() {
		return event.Trigger{}
	}
	for _, recognise := range triggers() {
		if trigger, ok := recognise(e); ok {
			return trigger
		}
	}
	return event.Trigger{}
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

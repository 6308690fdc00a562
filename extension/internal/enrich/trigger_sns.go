package enrich

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseSNS reads the event of a topic: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
func recogniseSNS(e document.Value) (event.Trigger, bool) {
	var b batch
	arn := ""
	e.Get("Records").Items(func(record document.Value) bool {
		var source string
		var sns document.Value
		record.Fields(func(key []byte, v document.Value) bool {
			switch string(key) {
			case "EventSource":
				source = v.String()
			case "Sns":
				sns = v
			}
			return true
		})
		if source != "aws:sns" {
			return true
		}
		m, inner, ok := snsNotification(sns)
		if arn = sns.Get("TopicArn").String(); !ok {
			return true
		}
		return b.add(m, unfold(inner, 0)...)
	})
	t, ok := b.trigger("aws.sns", "aws.sns")
	if ok && len(b.all) == 1 {
		t.Attributes = text(t.Attributes, "aws.sns.topic.arn", arn)
	}
	return t, ok
}

package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseNamed knows events that tell little more than where they came from. Each has fields that no other has.
func recogniseNamed(e document.Value) (event.Trigger, bool) {
	named := func(source, kind, name string) (event.Trigger, bool) {
		return event.Trigger{Source: source, Kind: kind, Name: name}, true
	}
	has := func(keys ...string) bool { return e.Get(keys...).String() != "" }
	switch {
	case e.Get("awslogs").Get("data").String() != "": // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
		return named("aws.logs", kindOther, "")
	case has("triggerSource") && has("userPoolId"): // https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
		return named("aws.cognito", kindOther, e.Get("triggerSource").String())
	case has("deliveryStreamArn") && has("invocationId"): // https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
		name := arnResource(e.Get("deliveryStreamArn").String())
		return named("aws.firehose", kindPubSub, name[strings.LastIndexByte(name, '/')+1:])
	case has("CodePipeline.job", "id"): // https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html
		return named("aws.codepipeline", kindOther, "")
	case has("invokingEvent") && has("configRuleName"): // https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html
		return named("aws.config", kindOther, e.Get("configRuleName").String())
	case e.Get("Name").String() == "ContactFlowEvent": // https://docs.aws.amazon.com/connect/latest/adminguide/connect-lambda-functions.html
		return named("aws.connect", kindOther, "")
	case has("bot", "name") && (has("sessionState", "intent", "name") || has("currentIntent", "name")): // https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html
		return named("aws.lex", kindOther, e.Get("bot", "name").String())
	case has("info", "fieldName") && has("info", "parentTypeName"): // https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference.html
		return appSync(e)
	case e.Get("Records").First().Get("eventSource").String() == "aws:ses": // https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-event.html
		return named("aws.ses", kindOther, "")
	}
	return event.Trigger{}, false
}

// appSync reads a direct resolver's event.
func appSync(e document.Value) (event.Trigger, bool) {
	t := event.Trigger{Source: "aws.appsync", Kind: kindHTTP, Name: e.Get("info", "parentTypeName").String() + "." + e.Get("info", "fieldName").String()}
	e.Get("request", "headers").Fields(func(name []byte, v document.Value) bool {
		if strings.EqualFold(string(name), "x-amzn-trace-id") {
			t.Trace = v.String()
		}
		return true
	})
	return t, true
}

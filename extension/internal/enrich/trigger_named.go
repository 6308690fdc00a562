package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseNamed knows events that tell little more than where they came from. Each has members that no other has.
func recogniseNamed(top map[string]document.Value) (event.Trigger, bool) {
	named := func(source, kind, name string) (event.Trigger, bool) {
		return event.Trigger{Source: source, Kind: kind, Name: name}, true
	}
	text := func(name string, below ...string) string { return top[name].Get(below...).String() }
	has := func(name string, below ...string) bool { return text(name, below...) != "" }
	switch {
	case has("awslogs", "data"): // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
		return named("aws.logs", kindOther, "")
	case has("triggerSource") && has("userPoolId"): // https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
		return named("aws.cognito", kindOther, text("triggerSource"))
	case has("deliveryStreamArn") && has("invocationId"): // https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
		name := arnResource(text("deliveryStreamArn"))
		return named("aws.firehose", kindPubSub, name[strings.LastIndexByte(name, '/')+1:])
	case has("CodePipeline.job", "id"): // https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html
		return named("aws.codepipeline", kindOther, "")
	case has("invokingEvent") && has("configRuleName"): // https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html
		return named("aws.config", kindOther, text("configRuleName"))
	case text("Name") == "ContactFlowEvent": // https://docs.aws.amazon.com/connect/latest/adminguide/connect-lambda-functions.html
		return named("aws.connect", kindOther, "")
	case has("bot", "name") && (has("sessionState", "intent", "name") || has("currentIntent", "name")): // https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html
		return named("aws.lex", kindOther, text("bot", "name"))
	case has("info", "fieldName") && has("info", "parentTypeName"): // https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference.html
		return appSync(top)
	}
	return event.Trigger{}, false
}

// appSync reads a direct resolver's event.
func appSync(top map[string]document.Value) (event.Trigger, bool) {
	t := event.Trigger{Source: "aws.appsync", Kind: kindHTTP, Name: top["info"].Get("parentTypeName").String() + "." + top["info"].Get("fieldName").String()}
	top["request"].Get("headers").Fields(func(name []byte, v document.Value) bool {
		if strings.EqualFold(string(name), "x-amzn-trace-id") {
			t.Trace = v.String()
		}
		return true
	})
	return t, true
}

// recogniseMail reads what SES received: https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-event.html
func recogniseMail(document.Value) (event.Trigger, bool) {
	return event.Trigger{Source: "aws.ses", Kind: kindOther}, true
}

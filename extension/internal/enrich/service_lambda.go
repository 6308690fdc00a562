package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// lambda speaks REST: the function is in the path. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func lambda() service {
	return service{name: "Lambda", ids: [mostIDs]string{"lambda"}, recognise: recogniseLambda}
}

// recogniseLambda reads an Invoke of any kind. The id of its answer is the one that the function has for its invocation.
func recogniseLambda(r request, t *event.Target) {
	t.Operation = r.action
	_, rest, ok := strings.Cut(r.path, "/functions/")
	function, what, _ := strings.Cut(rest, "/")
	if !ok || r.call.Method != "POST" {
		return
	}
	switch strings.TrimSuffix(what, "/") {
	case "invocations":
		t.Operation = "Invoke"
	case "response-streaming-invocations":
		t.Operation = "InvokeWithResponseStream"
	case "invoke-async":
		t.Operation = "InvokeAsync"
	default:
		return
	}
	t.Resource = functionName(function)
	t.Attributes = text(t.Attributes, "faas.invoked_name", t.Resource)
	t.Attributes = append(t.Attributes, event.Attribute{Name: "faas.invoked_provider", Value: "aws"})
	if t.Region != "" {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "faas.invoked_region", Value: t.Region})
	}
	if id := t.RequestID; id != "" && r.answered() {
		t.Key = &event.Key{Space: spaceRequest, ID: id}
	}
}

// functionName takes the name out of what stands for a function: name, name:qualifier, account:function:name, or an ARN.
func functionName(s string) string {
	if _, after, ok := strings.Cut(s, "function:"); ok {
		s = after
	}
	name, _, _ := strings.Cut(s, ":")
	return name
}

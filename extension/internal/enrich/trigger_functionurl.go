package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseFunctionURL knows a function URL from an HTTP API by its domain, the only thing that differs:
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
func recogniseFunctionURL(e document.Value) (event.Trigger, bool) {
	r, ok := payload2(e)
	if !ok || !strings.Contains(r.domain, ".lambda-url.") {
		return event.Trigger{}, false
	}
	return r.trigger("aws.lambda_url"), true
}

package enrich

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseHTTPAPI takes what is in payload format 2.0 and was not a function URL's: an HTTP API may have any domain.
func recogniseHTTPAPI(e document.Value) (event.Trigger, bool) {
	r, ok := payload2(e)
	if !ok {
		return event.Trigger{}, false
	}
	return r.trigger("aws.api_gateway"), true
}

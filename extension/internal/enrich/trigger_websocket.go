package enrich

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseWebSocket reads what came over a connection that API Gateway holds. It is not a request of HTTP, but for the first.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
func recogniseWebSocket(e document.Value) (event.Trigger, bool) {
	var route, request, connection, kind, domain string
	e.Get("requestContext").Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "routeKey":
			route = v.String()
		case "requestId":
			request = v.String()
		case "connectionId":
			connection = v.String()
		case "eventType":
			kind = v.String()
		case "domainName":
			domain = v.String()
		}
		return true
	})
	if route == "" || connection == "" || kind != "CONNECT" && kind != "MESSAGE" && kind != "DISCONNECT" || !isID(request) {
		return event.Trigger{}, false
	}
	t := event.Trigger{Source: "aws.api_gateway", Kind: kindHTTP, Name: route, Upstream: &event.Key{Space: spaceRequest, ID: request}}
	t.Attributes = text(t.Attributes, "server.address", domain)
	t.Attributes = text(t.Attributes, "aws.request_id", request)
	t.Attributes = text(t.Attributes, "afterglow.websocket.event", kind)
	return t, true
}

package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
)

// payload2 reads an event of payload format 2.0, which function URLs and HTTP APIs share:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func payload2(e document.Value) (proxyRequest, bool) {
	var r proxyRequest
	var version, routeKey string
	var headers, context document.Value
	e.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "version":
			version = v.String()
		case "routeKey":
			routeKey = v.String()
		case "rawPath":
			r.path = v.String()
		case "rawQueryString":
			r.query = v.String()
		case "headers":
			headers = v
		case "requestContext":
			context = v
		}
		return true
	})
	if version != "2.0" {
		return r, false
	}
	context.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "requestId":
			r.requestID = v.String()
		case "domainName":
			r.domain = v.String()
		case "http":
			r.method = v.Get("method").String()
			r.client = v.Get("sourceIp").String()
			r.protocol = v.Get("protocol").String()
			r.userAgent = v.Get("userAgent").String()
		}
		return true
	})
	if r.method == "" || r.requestID == "" {
		return r, false
	}
	if _, route, ok := strings.Cut(routeKey, " "); ok { // "GET /orders/{id}"; "$default" is no route
		r.route = route
	}
	r.readHeaders(headers)
	return r, true
}

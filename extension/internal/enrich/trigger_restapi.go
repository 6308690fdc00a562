package enrich

import (
	"net/url"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseRESTAPI reads the proxy event of a REST API, which is also payload format 1.0 of an HTTP API:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
// A load balancer's event looks alike; it has no resource and says elb.
func recogniseRESTAPI(e document.Value) (event.Trigger, bool) {
	var r proxyRequest
	var headers, context document.Value
	e.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "resource":
			r.route = v.String()
		case "path":
			r.path = v.String()
		case "httpMethod":
			r.method = v.String()
		case "queryStringParameters":
			r.query = encodeQuery(v)
		case "headers":
			headers = v
		case "requestContext":
			context = v
		}
		return true
	})
	balancer := false
	context.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "requestId":
			r.requestID = v.String()
		case "domainName":
			r.domain = v.String()
		case "protocol":
			r.protocol = v.String()
		case "path":
			r.path = v.String() // with the stage, as the client wrote it
		case "identity":
			r.client = v.Get("sourceIp").String()
			r.userAgent = v.Get("userAgent").String()
		case "elb":
			balancer = true
		}
		return true
	})
	if r.method == "" || r.route == "" || r.requestID == "" || balancer {
		return event.Trigger{}, false
	}
	r.readHeaders(headers)
	return r.trigger("aws.api_gateway"), true
}

// encodeQuery writes the query again that API Gateway took apart. Of a name that stands twice the event's object has the last value.
func encodeQuery(parameters document.Value) string {
	var query []string
	parameters.Fields(func(name []byte, value document.Value) bool {
		query = append(query, url.QueryEscape(string(name))+"="+url.QueryEscape(value.String()))
		return true
	})
	return strings.Join(query, "&")
}

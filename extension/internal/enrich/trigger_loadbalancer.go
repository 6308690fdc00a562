package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// recogniseLoadBalancer reads the request that an Application Load Balancer hands on. It has no request id: what both sides see is the trace header.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
func recogniseLoadBalancer(e document.Value) (event.Trigger, bool) {
	var r proxyRequest
	var headers document.Value
	group := ""
	e.Fields(func(key []byte, v document.Value) bool {
		switch string(key) {
		case "requestContext":
			group = v.Get("elb", "targetGroupArn").String()
		case "httpMethod":
			r.method = v.String()
		case "path":
			r.path = v.String()
		case "queryStringParameters", "multiValueQueryStringParameters":
			r.query = joinQuery(v)
		case "headers", "multiValueHeaders":
			headers = v
		}
		return true
	})
	if arnResource(group) == "" || r.method == "" {
		return event.Trigger{}, false
	}
	r.readHeaders(headers)
	return r.trigger("aws.elb"), true
}

// joinQuery writes the query again that a load balancer took apart. It decodes nothing.
func joinQuery(parameters document.Value) string {
	var query []string
	parameters.Fields(func(name []byte, value document.Value) bool {
		if !value.IsList() {
			query = append(query, string(name)+"="+value.String())
		}
		value.Items(func(v document.Value) bool {
			query = append(query, string(name)+"="+v.String())
			return true
		})
		return true
	})
	return strings.Join(query, "&")
}

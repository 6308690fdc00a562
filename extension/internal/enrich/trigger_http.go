package enrich

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A proxyRequest is an HTTP request as API Gateway, a function URL or a load balancer hands it to a function.
type proxyRequest struct {
	method, path, query, route string
	scheme, domain, client     string
	port                       string
	userAgent, protocol        string
	requestID                  string
	trace, traceparent         string
}

// trigger makes a trigger of the request. The caller's span is not its parent but the end of a link, see correlate.
func (r proxyRequest) trigger(source string) event.Trigger {
	t := event.Trigger{Source: source, Kind: kindHTTP, HTTP: true, Name: r.route, Trace: r.trace, Parent: readTraceparent(r.traceparent)}
	if isID(r.requestID) {
		t.Upstream = &event.Key{Space: spaceRequest, ID: r.requestID}
	}
	text := func(name, value string) {
		if value != "" {
			t.Attributes = append(t.Attributes, event.Attribute{Name: name, Value: event.TextOf(value)})
		}
	}
	method, original := httpMethod(r.method)
	t.Attributes = append(t.Attributes, event.Attribute{Name: "http.request.method", Value: method})
	text("http.request.method_original", original)
	text("http.route", r.route)
	text("url.path", r.path)
	text("url.query", r.query)
	if r.scheme != "http" { // an endpoint of AWS that does not say speaks TLS
		r.scheme = "https"
	}
	t.Attributes = append(t.Attributes, event.Attribute{Name: "url.scheme", Value: r.scheme})
	text("server.address", r.domain)
	if port, err := strconv.ParseUint(r.port, 10, 16); err == nil && r.domain != "" {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "server.port", Value: int64(port)})
	}
	text("client.address", r.client)
	text("user_agent.original", r.userAgent)
	if version, ok := strings.CutPrefix(r.protocol, "HTTP/"); ok {
		text("network.protocol.version", version)
	}
	text("aws.request_id", r.requestID)
	return t
}

// readHeaders takes what is wanted of the event's headers, whose names may be written in any case.
func (r *proxyRequest) readHeaders(headers document.Value) {
	headers.Fields(func(name []byte, value document.Value) bool {
		if value.IsList() { // a load balancer that was told to hand on every value
			value = value.First()
		}
		switch {
		case bytes.EqualFold(name, []byte("x-amzn-trace-id")):
			r.trace = value.String()
		case bytes.EqualFold(name, []byte("traceparent")):
			r.traceparent = value.String()
		case bytes.EqualFold(name, []byte("x-forwarded-proto")):
			r.scheme = value.String()
		case bytes.EqualFold(name, []byte("x-forwarded-port")):
			r.port = value.String()
		case bytes.EqualFold(name, []byte("user-agent")) && r.userAgent == "":
			r.userAgent = value.String()
		case bytes.EqualFold(name, []byte("host")) && r.domain == "": // a load balancer tells nothing else of it
			r.domain, _, _ = strings.Cut(value.String(), ":")
		case bytes.EqualFold(name, []byte("x-forwarded-for")) && r.client == "":
			client, _, _ := strings.Cut(value.String(), ",")
			r.client = strings.TrimSpace(client)
		}
		return true
	})
}

// httpMethod gives the method as the conventions know it, and the one that was sent where that is another.
func httpMethod(method string) (known, original string) {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY":
		return method, ""
	}
	return "_OTHER", method
}

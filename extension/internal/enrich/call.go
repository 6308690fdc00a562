package enrich

import (
	"net/url"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/enrich/internal/document"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A request is a call as recognisers look at it.
type request struct {
	call   *event.Call
	host   string // lower case, without port
	path   string // decoded
	query  url.Values
	action string // operation by x-amz-target, RPC path or the query protocol's Action
	target string // what stands before the operation in x-amz-target
}

// recogniseCall finds out what a call was for.
func recogniseCall(call *event.Call) event.Target {
	r := readRequest(call)
	t := event.Target{System: "http", RequestID: r.requestID(), Parent: readTraceparent(r.requestHeader("traceparent"))}
	signed := readScope(r)
	at := readHost(r.host)
	id := signed.service
	if id == "" {
		id = at.service
	}
	if t.Region = signed.region; t.Region == "" {
		t.Region = at.region
	}
	gateway := isGateway(r.host, call, id)
	for _, s := range services() {
		if !gateway && s.matches(id, r.target) {
			t.System, t.Service = "aws", s.name
			s.recognise(r, &t)
			t.Fault = faultOf(r)
			return t
		}
	}
	switch {
	case gateway:
		recogniseGateway(r, &t)
	case id != "":
		t.System, t.Service, t.Operation = "aws", serviceName(id), r.action
	case r.target != "" && r.responseHeader("x-amzn-requestid") != "":
		t.System, t.Service, t.Operation = "aws", serviceName(targetService(r.target)), r.action
	default:
		recogniseGateway(r, &t)
	}
	if t.System == "aws" {
		t.Fault = faultOf(r)
	}
	return t
}

func readRequest(call *event.Call) request {
	r := request{call: call}
	if u, err := url.Parse(call.URL.Reveal()); err == nil {
		r.host, r.path = strings.ToLower(u.Hostname()), u.Path
		r.query = u.Query() // what does not parse of it is left out
	}
	if target := r.requestHeader("x-amz-target"); target != "" {
		if dot := strings.LastIndexByte(target, '.'); dot >= 0 {
			r.target, r.action = target[:dot], target[dot+1:]
		}
		return r
	}
	if _, rest, ok := strings.Cut(r.path, "/service/"); ok { // Smithy RPC v2: /service/<name>/operation/<name>
		if name, operation, ok := strings.Cut(rest, "/operation/"); ok {
			r.target, r.action = name, operation
			return r
		}
	}
	r.action = r.query.Get("Action")
	if r.action == "" && isForm(r.requestHeader("content-type")) {
		r.action = r.form().Get("Action")
	}
	return r
}

// body gives the request's body as JSON, as far as it was captured.
func (r request) body() document.Value { return document.Parse(r.call.Request.Data.Reveal()) }

// response gives the response's body as JSON, as far as it was captured.
func (r request) response() document.Value { return document.Parse(r.call.Response.Data.Reveal()) }

// form gives the request's body as a form. A last field that may be cut is left out.
func (r request) form() url.Values {
	body := string(r.call.Request.Data.Reveal())
	if r.call.Request.Truncated {
		body = body[:max(0, strings.LastIndexByte(body, '&'))]
	}
	values, _ := url.ParseQuery(body)
	return values
}

func (r request) requestHeader(name string) string  { return header(r.call.RequestHeaders, name) }
func (r request) responseHeader(name string) string { return header(r.call.ResponseHeaders, name) }

// requestID is the id under which AWS's side knows the request.
func (r request) requestID() string {
	for _, name := range [...]string{"x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"} {
		if id := r.responseHeader(name); isID(id) {
			return id
		}
	}
	return ""
}

// answered tells whether the service carried the request out, so that ids in the answer mean something.
func (r request) answered() bool { return r.call.Status >= 200 && r.call.Status < 300 }

func header(headers []event.Header, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value.Reveal()
		}
	}
	return ""
}

func isForm(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(contentType), "application/x-www-form-urlencoded")
}

// text appends an attribute whose value came from the function, unless it is empty.
func text(to []event.Attribute, name, value string) []event.Attribute {
	if value == "" {
		return to
	}
	return append(to, event.Attribute{Name: name, Value: event.TextOf(value)})
}

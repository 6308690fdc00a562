package enrich

import "strings"

// faultOf gives the name of the error that AWS answered with; "" if it did not, or did not say. Each protocol has a place of its own for it: a header, a member of
// the JSON with or without a namespace, an element of the XML. https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization
// A function that failed answers Invoke with 200 and a header.
func faultOf(r request) string {
	if r.call.Status < 400 {
		return errorName(r.responseHeader("x-amz-function-error"))
	}
	if name := errorName(r.responseHeader("x-amzn-errortype")); name != "" {
		return name
	}
	body := r.response()
	for _, member := range [...]string{"__type", "code"} {
		if name := errorName(body.Get(member).String()); name != "" {
			return name
		}
	}
	_, rest, _ := strings.Cut(string(r.call.Response.Data.Reveal()), "<Code>")
	name, _, whole := strings.Cut(rest, "</Code>")
	if !whole {
		return ""
	}
	return errorName(name)
}

// errorName takes an error's name out of com.amazonaws.sqs#QueueDoesNotExist and AccessDeniedException:http://internal.amazon.com/….
func errorName(s string) string {
	s = s[strings.LastIndexByte(s, '#')+1:]
	s, _, _ = strings.Cut(s, ":")
	if !isName(strings.ReplaceAll(s, ".", "-")) {
		return ""
	}
	return s
}

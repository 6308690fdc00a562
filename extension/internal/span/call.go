package span

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
)

// usualAttributes of a call come beside those that its target and its headers bring.
const usualAttributes = 24

// appendCall adds a call's span and those of the messages of a batch. end is when its invocation ended, well whether it did so as it should: then a call
// that is still open is one that nobody waited for.
func (b *Builder) appendCall(to []otlp.Span, c *mask.Call, end time.Time, well bool) []otlp.Span {
	s := otlp.Span{
		Trace: c.Trace, ID: c.Span, Parent: c.Parent, Flags: otlp.FlagSampled,
		Name: callName(c), Kind: otlp.KindClient,
		Start: c.Start, End: c.Start.Add(c.Duration),
		Links: links(c.Links), DroppedLinks: uint32(c.Dropped.Links),
	}
	if c.Open && c.Duration == 0 && end.After(s.End) { // it was waited for to the end
		s.End = end
	}
	if isSingleMessage(c) {
		s.Kind = otlp.KindProducer
	}
	at, most := len(b.room), attributesOf(c)
	s.Attributes = b.room[at : at : at+most] // should there be more, they move out
	s.Attributes = appendTarget(s.Attributes, &c.Target)
	s.Attributes = appendHTTP(s.Attributes, c)
	s.Attributes = b.appendHeaders(s.Attributes, "http.request.header.", c.RequestHeaders)
	s.Attributes = appendContent(s.Attributes, namesOfRequest(), c.Request)
	s.Attributes = b.appendHeaders(s.Attributes, "http.response.header.", c.ResponseHeaders)
	s.Attributes = appendContent(s.Attributes, namesOfResponse(), c.Response)
	s.Attributes = appendText(s.Attributes, attrLibrary, c.Library)
	if c.FirstByte > 0 {
		s.Attributes = append(s.Attributes, otlp.Double(attrFirstByte, c.FirstByte.Seconds()))
	}
	s.Attributes = appendFlag(s.Attributes, attrInit, c.Init)
	s.Attributes = appendFlag(s.Attributes, attrOpen, c.Open)
	s.Attributes = appendFlag(s.Attributes, attrEndMissing, c.EndMissing)
	s.Attributes = appendFlag(s.Attributes, attrPartial, c.Partial)
	s.Attributes = appendDropped(s.Attributes, c.Dropped)
	fail(&s, c.Error, callFault(c, well))
	b.room = b.room[:at+min(len(s.Attributes), most)]
	return appendMessages(append(to, s), c, &s)
}

// isSingleMessage tells whether a call is the span of the one message that it sent.
func isSingleMessage(c *mask.Call) bool {
	return !c.Target.Batch && len(c.Target.Messages) == 1 && c.Target.Messages[0].Span == c.Span
}

func callName(c *mask.Call) string {
	t := &c.Target
	switch {
	case isSingleMessage(c) && t.Resource.Len() > 0:
		return "send " + t.Resource.String()
	case t.Service.Len() > 0 && t.Operation.Len() > 0:
		return t.Service.String() + "." + t.Operation.String()
	case t.Service.Len() > 0:
		return t.Service.String()
	}
	method, _ := httpMethod(c.Method.String())
	if method == "_OTHER" {
		return "HTTP" // the conventions' word
	}
	return method
}

func callFault(c *mask.Call, well bool) fault {
	switch {
	case c.Open && !well:
		return fault{errorOpen, "no response was seen"}
	case c.Target.Fault.Len() > 0: // what AWS calls it tells more than 400
		return fault{c.Target.Fault.String(), ""}
	case c.Status >= 400:
		return fault{strconv.Itoa(c.Status), ""}
	}
	return fault{}
}

// usualOfMessage attributes come beside those of a message itself.
const usualOfMessage = 4

// appendMessages adds the spans of a batch's messages. A message whose id had a span already has none.
func appendMessages(to []otlp.Span, c *mask.Call, call *otlp.Span) []otlp.Span {
	if !c.Target.Batch {
		return to
	}
	for _, m := range c.Target.Messages {
		if m.Span.IsZero() {
			continue
		}
		s := otlp.Span{
			Trace: c.Trace, ID: m.Span, Parent: c.Span, Flags: otlp.FlagSampled,
			Name: strings.TrimSpace("create " + m.Destination.String()), Kind: otlp.KindProducer,
			Start: call.Start, End: call.End,
		}
		s.Attributes = make([]otlp.KeyValue, 0, usualOfMessage+len(m.Attributes))
		for _, a := range c.Target.Attributes {
			if a.Name() == "messaging.system" {
				s.Attributes = appendAttributes(s.Attributes, []mask.Attribute{a})
			}
		}
		s.Attributes = append(s.Attributes, otlp.String("messaging.operation.name", "create"), otlp.String("messaging.operation.type", "create"))
		s.Attributes = appendText(s.Attributes, "messaging.destination.name", m.Destination)
		s.Attributes = appendAttributes(s.Attributes, m.Attributes)
		to = append(to, s)
	}
	return to
}

// appendTarget adds what enrich recognised.
func appendTarget(to []otlp.KeyValue, t *mask.Target) []otlp.KeyValue {
	if t.System.String() == "aws" {
		// rpc.system and rpc.service are deprecated in general and still required by the conventions for AWS's SDKs.
		to = append(to, otlp.String("rpc.system", "aws-api"), otlp.String("rpc.system.name", "aws-api"))
		to = appendText(to, "rpc.service", t.Service)
		to = appendText(to, "rpc.method", t.Operation)
		to = appendText(to, "cloud.region", t.Region)
	}
	to = appendText(to, "aws.request_id", t.RequestID)
	return appendAttributes(to, t.Attributes)
}

// appendHTTP adds the request line and the status line.
func appendHTTP(to []otlp.KeyValue, c *mask.Call) []otlp.KeyValue {
	method, original := httpMethod(c.Method.String())
	to = append(to, otlp.String("http.request.method", method))
	if original != "" {
		to = append(to, otlp.String("http.request.method_original", original))
	}
	to = appendText(to, "url.full", c.URL)
	to = appendServer(to, c.URL.String())
	if c.Status > 0 {
		to = append(to, otlp.Int("http.response.status_code", int64(c.Status)))
	}
	if name, version, ok := strings.Cut(c.Protocol.String(), "/"); ok {
		to = append(to, otlp.String("network.protocol.name", strings.ToLower(name)), otlp.String("network.protocol.version", version))
	}
	if host, port, err := net.SplitHostPort(c.Peer.String()); err == nil {
		to = append(to, otlp.String("network.peer.address", host))
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			to = append(to, otlp.Int("network.peer.port", int64(n)))
		}
	} else {
		to = appendText(to, "network.peer.address", c.Peer)
	}
	if c.Resend > 0 {
		to = append(to, otlp.Int("http.request.resend_count", int64(c.Resend)))
	}
	return to
}

// appendServer adds host and port of a URL that was masked.
func appendServer(to []otlp.KeyValue, masked string) []otlp.KeyValue {
	scheme, rest, ok := strings.Cut(masked, "://")
	if !ok {
		return to
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	u := url.URL{Host: rest[strings.LastIndexByte(rest, '@')+1:]}
	if u.Hostname() == "" {
		return to
	}
	to = append(to, otlp.String("server.address", u.Hostname()))
	port := int64(80)
	if scheme == "https" {
		port = 443
	}
	if own := u.Port(); own != "" {
		if n, err := strconv.ParseUint(own, 10, 16); err == nil {
			port = int64(n)
		}
	}
	return append(to, otlp.Int("server.port", port))
}

// httpMethod gives the method as the conventions know it, and the one that was sent where that is another.
func httpMethod(method string) (known, original string) {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY":
		return method, ""
	}
	return "_OTHER", method
}

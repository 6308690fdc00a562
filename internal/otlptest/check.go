package otlptest

import (
	"bytes"
	"fmt"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	traceIDSize = 16
	spanIDSize  = 8
)

// A time outside this century was written in the wrong unit: the fields are nanoseconds.
const (
	earliest = uint64(946684800) * uint64(time.Second)  // 2000-01-01
	latest   = uint64(4102444800) * uint64(time.Second) // 2100-01-01
)

// checker collects what is wrong with one request, each said with where it is.
type checker struct {
	found []string
	seen  map[string]string // trace id and span id → where
}

func (c *checker) say(where, format string, args ...any) {
	c.found = append(c.found, where+": "+fmt.Sprintf(format, args...))
}

func checkTraces(traces *tracepb.TracesData) []string {
	c := &checker{seen: map[string]string{}}
	if len(traces.GetResourceSpans()) == 0 {
		c.say("traces", "no resource spans")
	}
	for i, resource := range traces.GetResourceSpans() {
		where := fmt.Sprintf("resource %d", i)
		c.checkResource(where, resource)
		for _, scope := range resource.GetScopeSpans() {
			c.checkAttributes(where+" scope", scope.GetScope().GetAttributes())
			if len(scope.GetSpans()) == 0 {
				c.say(where, "scope %q has no spans", scope.GetScope().GetName())
			}
			for _, span := range scope.GetSpans() {
				c.checkSpan(fmt.Sprintf("%s span %q (%x)", where, span.GetName(), span.GetSpanId()), span)
			}
		}
	}
	return c.found
}

func (c *checker) checkResource(where string, resource *tracepb.ResourceSpans) {
	c.checkService(where, resource.GetResource().GetAttributes())
	if len(resource.GetScopeSpans()) == 0 {
		c.say(where, "no scope spans")
	}
}

// checkService holds a resource of any signal to have a name, the one attribute that the conventions require of all.
func (c *checker) checkService(where string, attributes []*commonpb.KeyValue) {
	c.checkAttributes(where, attributes)
	for _, attribute := range attributes {
		if attribute.GetKey() == "service.name" && attribute.GetValue().GetStringValue() != "" {
			return
		}
	}
	c.say(where, "no service.name")
}

func (c *checker) checkSpan(where string, span *tracepb.Span) {
	c.checkID(where, "trace id", span.GetTraceId(), traceIDSize)
	c.checkID(where, "span id", span.GetSpanId(), spanIDSize)
	if parent := span.GetParentSpanId(); len(parent) > 0 {
		c.checkID(where, "parent span id", parent, spanIDSize)
		if bytes.Equal(parent, span.GetSpanId()) {
			c.say(where, "is its own parent")
		}
	}
	key := string(span.GetTraceId()) + "/" + string(span.GetSpanId())
	if first, twice := c.seen[key]; twice {
		c.say(where, "has the ids of %s in the same request", first)
	} else {
		c.seen[key] = where
	}
	if span.GetName() == "" {
		c.say(where, "empty name")
	}
	if kindOf(span.GetKind()) == Unspecified {
		c.say(where, "kind %d", span.GetKind())
	}
	if code := span.GetStatus().GetCode(); code < 0 || code > tracepb.Status_STATUS_CODE_ERROR {
		c.say(where, "status code %d", code)
	}
	c.checkTime(where, "start", span.GetStartTimeUnixNano())
	c.checkTime(where, "end", span.GetEndTimeUnixNano())
	if span.GetEndTimeUnixNano() < span.GetStartTimeUnixNano() {
		c.say(where, "ends %v before its start",
			nanoTime(span.GetStartTimeUnixNano()).Sub(nanoTime(span.GetEndTimeUnixNano())))
	}
	c.checkAttributes(where, span.GetAttributes())
	for _, event := range span.GetEvents() {
		c.checkEvent(fmt.Sprintf("%s event %q", where, event.GetName()), event)
	}
	for i, link := range span.GetLinks() {
		at := fmt.Sprintf("%s link %d", where, i)
		c.checkID(at, "trace id", link.GetTraceId(), traceIDSize)
		c.checkID(at, "span id", link.GetSpanId(), spanIDSize)
		c.checkAttributes(at, link.GetAttributes())
	}
}

func (c *checker) checkEvent(where string, event *tracepb.Span_Event) {
	if event.GetName() == "" {
		c.say(where, "empty name")
	}
	c.checkTime(where, "time", event.GetTimeUnixNano())
	c.checkAttributes(where, event.GetAttributes())
}

func (c *checker) checkID(where, what string, id []byte, size int) {
	if len(id) != size {
		c.say(where, "%s has %d bytes, not %d", what, len(id), size)
	} else if bytes.Equal(id, make([]byte, size)) {
		c.say(where, "%s is zero", what)
	}
}

func (c *checker) checkTime(where, what string, nanos uint64) {
	if nanos < earliest || nanos > latest {
		c.say(where, "%s %d is no time in nanoseconds since 1970", what, nanos)
	}
}

func (c *checker) checkAttributes(where string, attributes []*commonpb.KeyValue) {
	seen := make(map[string]bool, len(attributes))
	for _, attribute := range attributes {
		key := attribute.GetKey()
		if key == "" {
			c.say(where, "attribute with an empty key")
		}
		if seen[key] {
			c.say(where, "attribute %q twice", key)
		}
		seen[key] = true
		c.checkValue(fmt.Sprintf("%s attribute %q", where, key), attribute.GetValue())
	}
}

func (c *checker) checkValue(where string, value *commonpb.AnyValue) {
	if list := value.GetKvlistValue(); list != nil {
		c.checkAttributes(where, list.GetValues())
	}
	for _, element := range value.GetArrayValue().GetValues() {
		c.checkValue(where, element)
	}
}

// unknownFields finds field numbers that the official types do not have: in bytes that were encoded by hand, a slip.
func unknownFields(message protoreflect.Message, path string) []string {
	var found []string
	if unknown := message.GetUnknown(); len(unknown) > 0 {
		found = append(found, fmt.Sprintf("unknown fields in %s%s: % x", path, message.Descriptor().Name(), unknown))
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Kind() != protoreflect.MessageKind || field.IsMap() {
			return true
		}
		inner := path + string(field.Name()) + "."
		if field.IsList() {
			for i := range value.List().Len() {
				found = append(found, unknownFields(value.List().Get(i).Message(), inner)...)
			}
			return true
		}
		found = append(found, unknownFields(value.Message(), inner)...)
		return true
	})
	return found
}

package otlptest

import (
	"encoding/hex"
	"math"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Kind is a span's kind in lower case.
type Kind string

// The kinds of OTLP.
const (
	Unspecified Kind = ""
	Internal    Kind = "internal"
	Server      Kind = "server"
	Client      Kind = "client"
	Producer    Kind = "producer"
	Consumer    Kind = "consumer"
)

// StatusCode is a span's status in lower case.
type StatusCode string

// The status codes of OTLP.
const (
	StatusUnset StatusCode = ""
	StatusOK    StatusCode = "ok"
	StatusError StatusCode = "error"
)

// Span is a received span with its resource and scope beside it. Ids are lower-case hex; an attribute's value is one of
// string, bool, int64, float64, []byte, []any, map[string]any or nil.
type Span struct {
	Resource     map[string]any
	Scope        string
	ScopeVersion string

	TraceID    string
	SpanID     string
	ParentID   string // "" for a root
	TraceState string
	Name       string
	Kind       Kind
	Start      time.Time
	End        time.Time

	StatusCode    StatusCode
	StatusMessage string

	Attributes map[string]any
	Events     []Event
	Links      []Link

	DroppedAttributes uint32
	DroppedEvents     uint32
	DroppedLinks      uint32

	Request int // index in Requests of the request that brought it
}

// Event is something that happened within a span.
type Event struct {
	Name       string
	Time       time.Time
	Attributes map[string]any
}

// Link points at another span, of this trace or another.
type Link struct {
	TraceID    string
	SpanID     string
	Attributes map[string]any
}

// Service is the service.name of the span's resource, "" when it has none.
func (s Span) Service() string {
	name, _ := s.Resource["service.name"].(string)
	return name
}

// Text returns an attribute that is a string, "" otherwise.
func (s Span) Text(key string) string {
	value, _ := s.Attributes[key].(string)
	return value
}

// Duration is the time from start to end.
func (s Span) Duration() time.Duration { return s.End.Sub(s.Start) }

func flatten(traces *tracepb.TracesData) []Span {
	var spans []Span
	for _, resource := range traces.GetResourceSpans() {
		attributes := resourceAttributes(resource.GetResource())
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				flat := flattenSpan(span)
				flat.Resource = attributes
				flat.Scope = scope.GetScope().GetName()
				flat.ScopeVersion = scope.GetScope().GetVersion()
				spans = append(spans, flat)
			}
		}
	}
	return spans
}

func resourceAttributes(resource *resourcepb.Resource) map[string]any {
	return attributeMap(resource.GetAttributes())
}

func flattenSpan(span *tracepb.Span) Span {
	flat := Span{
		TraceID:           hex.EncodeToString(span.GetTraceId()),
		SpanID:            hex.EncodeToString(span.GetSpanId()),
		ParentID:          hex.EncodeToString(span.GetParentSpanId()),
		TraceState:        span.GetTraceState(),
		Name:              span.GetName(),
		Kind:              kindOf(span.GetKind()),
		Start:             nanoTime(span.GetStartTimeUnixNano()),
		End:               nanoTime(span.GetEndTimeUnixNano()),
		StatusCode:        statusOf(span.GetStatus().GetCode()),
		StatusMessage:     span.GetStatus().GetMessage(),
		Attributes:        attributeMap(span.GetAttributes()),
		DroppedAttributes: span.GetDroppedAttributesCount(),
		DroppedEvents:     span.GetDroppedEventsCount(),
		DroppedLinks:      span.GetDroppedLinksCount(),
	}
	for _, event := range span.GetEvents() {
		flat.Events = append(flat.Events, Event{
			Name:       event.GetName(),
			Time:       nanoTime(event.GetTimeUnixNano()),
			Attributes: attributeMap(event.GetAttributes()),
		})
	}
	for _, link := range span.GetLinks() {
		flat.Links = append(flat.Links, Link{
			TraceID:    hex.EncodeToString(link.GetTraceId()),
			SpanID:     hex.EncodeToString(link.GetSpanId()),
			Attributes: attributeMap(link.GetAttributes()),
		})
	}
	return flat
}

// nanoTime cuts what time.Unix cannot take; such a time is a violation anyway.
func nanoTime(nanos uint64) time.Time {
	return time.Unix(0, int64(min(nanos, math.MaxInt64))).UTC() //nolint:gosec // bounded by min
}

func kindOf(kind tracepb.Span_SpanKind) Kind {
	switch kind {
	case tracepb.Span_SPAN_KIND_INTERNAL:
		return Internal
	case tracepb.Span_SPAN_KIND_SERVER:
		return Server
	case tracepb.Span_SPAN_KIND_CLIENT:
		return Client
	case tracepb.Span_SPAN_KIND_PRODUCER:
		return Producer
	case tracepb.Span_SPAN_KIND_CONSUMER:
		return Consumer
	default:
		return Unspecified
	}
}

func statusOf(code tracepb.Status_StatusCode) StatusCode {
	switch code {
	case tracepb.Status_STATUS_CODE_OK:
		return StatusOK
	case tracepb.Status_STATUS_CODE_ERROR:
		return StatusError
	default:
		return StatusUnset
	}
}

// attributeMap is never nil, so that tests can index it without asking.
func attributeMap(attributes []*commonpb.KeyValue) map[string]any {
	values := make(map[string]any, len(attributes))
	for _, attribute := range attributes {
		values[attribute.GetKey()] = anyValue(attribute.GetValue())
	}
	return values
}

func anyValue(value *commonpb.AnyValue) any {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_BytesValue:
		return v.BytesValue
	case *commonpb.AnyValue_ArrayValue:
		list := make([]any, 0, len(v.ArrayValue.GetValues()))
		for _, element := range v.ArrayValue.GetValues() {
			list = append(list, anyValue(element))
		}
		return list
	case *commonpb.AnyValue_KvlistValue:
		return attributeMap(v.KvlistValue.GetValues())
	default:
		return nil
	}
}

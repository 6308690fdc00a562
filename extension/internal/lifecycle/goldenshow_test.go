package lifecycle_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

func showResource(resource *resourcepb.Resource, scope *commonpb.InstrumentationScope, schema string) string {
	var b strings.Builder
	b.WriteString("resource\n")
	showAttributes(&b, resource.Attributes)
	fmt.Fprintf(&b, "scope %s %s\nschema %s\n", scope.Name, scope.Version, schema)
	return b.String()
}

// showRecords writes log records likewise.
func showRecords(records []*logspb.LogRecord) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "\nLOG %s\n  trace %x\n  span %x, flags %x\n  at %v, observed %v\n  severity %d %q\n", showValue(r.Body), r.TraceId, r.SpanId, r.Flags,
			since(r.TimeUnixNano), since(r.ObservedTimeUnixNano), r.SeverityNumber, r.SeverityText)
		showAttributes(&b, r.Attributes)
	}
	return b.String()
}

// showSpans writes spans for people to read: times since the invocation began, ids and links, and every attribute with its type.
func showSpans(spans []*tracepb.Span) string {
	var b strings.Builder
	for i, s := range spans {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s %q\n", strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"), s.Name)
		fmt.Fprintf(&b, "  trace %x\n  span %x, parent %q, flags %x\n", s.TraceId, s.SpanId, fmt.Sprintf("%x", s.ParentSpanId), s.Flags)
		fmt.Fprintf(&b, "  from %v to %v\n", since(s.StartTimeUnixNano), since(s.EndTimeUnixNano))
		if s.Status != nil {
			fmt.Fprintf(&b, "  status %s %q\n", strings.TrimPrefix(s.Status.Code.String(), "STATUS_CODE_"), s.Status.Message)
		}
		showAttributes(&b, s.Attributes)
		for _, e := range s.Events {
			fmt.Fprintf(&b, "  event %q at %v\n", e.Name, since(e.TimeUnixNano))
			showAttributes(&b, e.Attributes)
		}
		for _, l := range s.Links {
			fmt.Fprintf(&b, "  link to %x of %x\n", l.SpanId, l.TraceId)
			showAttributes(&b, l.Attributes)
		}
		if n := s.DroppedAttributesCount + s.DroppedEventsCount + s.DroppedLinksCount; n > 0 {
			fmt.Fprintf(&b, "  dropped %d attributes, %d events, %d links\n", s.DroppedAttributesCount, s.DroppedEventsCount, s.DroppedLinksCount)
		}
	}
	return b.String()
}

func since(unixNano uint64) time.Duration { return time.Unix(0, int64(unixNano)).Sub(began) }

func showAttributes(b *strings.Builder, attributes []*commonpb.KeyValue) {
	for _, kv := range attributes {
		fmt.Fprintf(b, "    %s = %s\n", kv.Key, showValue(kv.Value))
	}
}

func showValue(v *commonpb.AnyValue) string {
	switch v := v.Value.(type) {
	case *commonpb.AnyValue_StringValue:
		return strconv.Quote(v.StringValue)
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprintf("int %d", v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return fmt.Sprintf("double %v", v.DoubleValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprintf("bool %v", v.BoolValue)
	case *commonpb.AnyValue_ArrayValue:
		var items []string
		for _, item := range v.ArrayValue.Values {
			items = append(items, showValue(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprintf("%T", v)
}

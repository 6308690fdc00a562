package export

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// Limits are what a receiver takes. 0 means no limit.
type Limits struct {
	Bytes     int // of a request, not compressed
	Records   int // of a request: spans
	SpanBytes int // of one span
}

// XRayLimits are those of X-Ray's OTLP endpoint: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html. It says
// MB and KB; taken as powers of ten they hold either way.
func XRayLimits() Limits { return Limits{Bytes: 5_000_000, Records: 10_000, SpanBytes: 200_000} }

// Numbers of fields: opentelemetry/proto/trace/v1/trace.proto and its collector's trace_service.proto. The first three are the same for metrics and
// logs: a request has resources, which have scopes, which have items.
const (
	fieldResource  = 1 // of the request: ResourceSpans, ResourceMetrics, ResourceLogs
	fieldScope     = 2 // of those: ScopeSpans, ScopeMetrics, ScopeLogs
	fieldItem      = 2 // of those: Span, Metric, LogRecord
	fieldAttribute = 9 // of Span, and the next two numbers: event, link; each is followed by the count of what was dropped
	fieldEvent     = 11
	fieldLink      = 13
	fieldDataPoint = 1 // of a Metric's data, whatever its kind: opentelemetry/proto/metrics/v1/metrics.proto
)

// A Piece is a part of a request that is a request itself.
type Piece struct {
	Bytes   []byte // nil: of spans that are too large to be sent
	Records int
}

// A fieldOf is a field of a message: its number, all its bytes, and its content if it is made of bytes.
type fieldOf struct {
	number       protowire.Number
	all, content []byte
}

// fields cuts a message. ok is false if it is none.
func fields(b []byte) (all []fieldOf, ok bool) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, false
		}
		m := protowire.ConsumeFieldValue(number, kind, b[n:])
		if m < 0 {
			return nil, false
		}
		f := fieldOf{number: number, all: b[:n+m]}
		if kind == protowire.BytesType {
			f.content, _ = protowire.ConsumeBytes(b[n:])
		}
		all = append(all, f)
		b = b[n+m:]
	}
	return all, true
}

// Records counts the spans, data points or log records of a request; at least 1, so that what cannot be read is not nothing.
func Records(signal string, payload []byte) int {
	n := 0
	walk(payload, func(item []byte) {
		if signal == otlplog.Metrics {
			n += dataPoints(item)
			return
		}
		n++
	})
	return max(1, n)
}

// walk calls do for each item of a request.
func walk(payload []byte, do func(item []byte)) {
	each(payload, fieldResource, func(resource []byte) {
		each(resource, fieldScope, func(scope []byte) { each(scope, fieldItem, do) })
	})
}

func each(message []byte, number protowire.Number, do func(content []byte)) {
	all, _ := fields(message)
	for _, f := range all {
		if f.number == number {
			do(f.content)
		}
	}
}

func dataPoints(metric []byte) (n int) {
	all, _ := fields(metric)
	for _, f := range all {
		switch f.number {
		case 5, 7, 9, 10, 11: // gauge, sum, histogram, exponential histogram, summary
			each(f.content, fieldDataPoint, func([]byte) { n++ })
		}
	}
	return n
}

// Halve makes two requests of one, each with half of its spans, metrics or log records. ok is false if there are fewer than two, or it cannot be read.
func Halve(payload []byte) (first, second []byte, ok bool) {
	items := 0
	walk(payload, func([]byte) { items++ })
	if items < 2 {
		return nil, nil, false
	}
	return between(payload, 0, items/2), between(payload, items/2, items), true
}

// between gives the request with the items from one on, up to another.
func between(payload []byte, from, to int) (request []byte) {
	n := 0
	each(payload, fieldResource, func(resource []byte) {
		scopes, _ := fields(resource)
		kept := without(scopes, fieldScope)
		least := len(kept)
		for _, f := range scopes {
			if f.number != fieldScope {
				continue
			}
			inner, _ := fields(f.content)
			head := without(inner, fieldItem)
			some := false
			for _, i := range inner {
				if i.number != fieldItem {
					continue
				}
				if n >= from && n < to {
					head, some = append(head, i.all...), true
				}
				n++
			}
			if some {
				kept = bytesField(kept, fieldScope, head)
			}
		}
		if len(kept) > least {
			request = bytesField(request, fieldResource, kept)
		}
	})
	return request
}

// measure counts the spans of a ResourceSpans and tells the size of the largest.
func measure(resource []byte) (spans, largest int) {
	each(resource, fieldScope, func(scope []byte) {
		each(scope, fieldItem, func(span []byte) {
			spans++
			largest = max(largest, len(span))
		})
	})
	return spans, largest
}

// Fit gives a request for traces as pieces that are within the limits. The same request always gives the same ones. What cannot be read stays
// whole; the receiver will say so.
func (l Limits) Fit(payload []byte) (pieces []Piece) {
	all, ok := fields(payload)
	if !ok || len(all) == 0 {
		return []Piece{{Bytes: payload, Records: 1}}
	}
	for _, f := range all {
		if f.number != fieldResource {
			pieces = append(pieces, Piece{Bytes: f.all})
			continue
		}
		spans, largest := measure(f.content)
		if within(len(f.all), l.Bytes) && within(spans, l.Records) && within(largest, l.SpanBytes) {
			pieces = append(pieces, Piece{f.all, spans})
			continue
		}
		s := splitter{limits: l}
		s.resource(f.content)
		pieces = append(pieces, s.pieces...)
	}
	return pieces
}

func within(n, limit int) bool { return limit == 0 || n <= limit }

// A splitter makes pieces of one ResourceSpans.
type splitter struct {
	limits Limits
	pieces []Piece
}

func (s *splitter) resource(content []byte) {
	scopes, _ := fields(content)
	head := without(scopes, fieldScope)
	for _, f := range scopes {
		if f.number == fieldScope {
			s.scope(head, f.content)
		}
	}
}

// nesting is more than the tags and lengths around the spans of a request take.
const nesting = 32

func (s *splitter) scope(resource, content []byte) {
	inner, _ := fields(content)
	head := without(inner, fieldItem)
	var spans []byte
	count := 0
	emit := func() {
		if count == 0 {
			return
		}
		scope := bytesField(slices.Clone(resource), fieldScope, slices.Concat(head, spans))
		s.pieces = append(s.pieces, Piece{bytesField(nil, fieldResource, scope), count})
		spans, count = nil, 0
	}
	for _, f := range inner {
		if f.number != fieldItem {
			continue
		}
		span, ok := shrink(f.content, s.limits.SpanBytes)
		if !ok || !within(len(resource)+len(head)+len(span)+nesting, s.limits.Bytes) {
			s.pieces = append(s.pieces, Piece{Records: 1})
			continue
		}
		if !within(len(resource)+len(head)+len(spans)+len(span)+nesting, s.limits.Bytes) || !within(count+1, s.limits.Records) {
			emit()
		}
		spans = bytesField(spans, fieldItem, span)
		count++
	}
	emit()
}

func without(all []fieldOf, number protowire.Number) []byte {
	var b []byte
	for _, f := range all {
		if f.number != number {
			b = append(b, f.all...)
		}
	}
	return b
}

func bytesField(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

package export

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits are what a receiver takes. 0 means no limit.
type Limits struct {
	Bytes     int // of a request, not compressed
	Spans     int // of a request
	SpanBytes int // of one span
}

// XRayLimits are those of X-Ray's OTLP endpoint: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html. It says
// MB and KB; taken as powers of ten they hold either way.
func XRayLimits() Limits { return Limits{Bytes: 5_000_000, Spans: 10_000, SpanBytes: 200_000} }

// Numbers of fields: opentelemetry/proto/trace/v1/trace.proto and its collector's trace_service.proto.
const (
	fieldResourceSpans = 1 // of the request
	fieldScopeSpans    = 2 // of ResourceSpans
	fieldSpan          = 2 // of ScopeSpans
	fieldAttribute     = 9 // of Span, and the next two numbers: event, link; each is followed by the count of what was dropped
	fieldEvent         = 11
	fieldLink          = 13
)

// A piece is a part of a request that is a request itself, and the least that is sent or kept.
type piece struct {
	bytes []byte // nil: of spans that are too large to be sent
	spans int
	key   uint64 // of what is in it
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

// cut makes pieces of a request: one of each ResourceSpans. What cannot be read stays whole; the receiver will say so.
func cut(payload []byte, seed maphash.Seed) []piece {
	all, ok := fields(payload)
	if !ok || len(all) == 0 {
		return []piece{{bytes: payload, spans: 1, key: maphash.Bytes(seed, payload)}}
	}
	pieces := make([]piece, len(all))
	for n, f := range all {
		pieces[n] = piece{bytes: f.all, key: maphash.Bytes(seed, f.all)}
		if f.number == fieldResourceSpans {
			pieces[n].spans, _ = measure(f.content)
		}
	}
	return pieces
}

// measure counts the spans of a ResourceSpans, and gives the size of the largest.
func measure(resourceSpans []byte) (spans, largest int) {
	scopes, _ := fields(resourceSpans)
	for _, scope := range scopes {
		if scope.number != fieldScopeSpans {
			continue
		}
		inner, _ := fields(scope.content)
		for _, f := range inner {
			if f.number == fieldSpan {
				spans++
				largest = max(largest, len(f.content))
			}
		}
	}
	return spans, largest
}

// fit gives a piece as pieces that are within the limits. The same piece always gives the same ones.
func (l Limits) fit(p piece, seed maphash.Seed) []piece {
	if l == (Limits{}) {
		return []piece{p}
	}
	all, ok := fields(p.bytes)
	if !ok || len(all) != 1 || all[0].number != fieldResourceSpans {
		return []piece{p}
	}
	_, largest := measure(all[0].content)
	if within(len(p.bytes), l.Bytes) && within(p.spans, l.Spans) && within(largest, l.SpanBytes) {
		return []piece{p}
	}
	s := splitter{limits: l, seed: seed}
	s.resource(all[0].content)
	return s.pieces
}

func within(n, limit int) bool { return limit == 0 || n <= limit }

// A splitter makes pieces of one ResourceSpans.
type splitter struct {
	limits Limits
	seed   maphash.Seed
	pieces []piece
}

func (s *splitter) resource(content []byte) {
	scopes, _ := fields(content)
	head := without(scopes, fieldScopeSpans)
	for _, f := range scopes {
		if f.number == fieldScopeSpans {
			s.scope(head, f.content)
		}
	}
}

// nesting is more than the tags and lengths around the spans of a request take.
const nesting = 32

func (s *splitter) scope(resource, content []byte) {
	inner, _ := fields(content)
	head := without(inner, fieldSpan)
	var spans []byte
	count := 0
	emit := func() {
		if count == 0 {
			return
		}
		scope := bytesField(slices.Clone(resource), fieldScopeSpans, slices.Concat(head, spans))
		b := bytesField(nil, fieldResourceSpans, scope)
		s.pieces = append(s.pieces, piece{bytes: b, spans: count, key: maphash.Bytes(s.seed, b)})
		spans, count = nil, 0
	}
	for _, f := range inner {
		if f.number != fieldSpan {
			continue
		}
		span, ok := shrink(f.content, s.limits.SpanBytes)
		if !ok || !within(len(resource)+len(head)+len(span)+nesting, s.limits.Bytes) {
			s.pieces = append(s.pieces, piece{spans: 1, key: maphash.Bytes(s.seed, f.content)})
			continue
		}
		if !within(len(resource)+len(head)+len(spans)+len(span)+nesting, s.limits.Bytes) || !within(count+1, s.limits.Spans) {
			emit()
		}
		spans = bytesField(spans, fieldSpan, span)
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

// shrink takes the largest attributes, events and links out of a span until it is within the limit, and counts them where the protocol counts
// what was dropped. ok is false if that was not enough.
func shrink(span []byte, limit int) (smaller []byte, ok bool) {
	if within(len(span), limit) {
		return span, true
	}
	all, ok := fields(span)
	if !ok {
		return nil, false
	}
	dropped := map[protowire.Number]uint64{}
	var candidates []int
	for n, f := range all {
		switch f.number {
		case fieldAttribute, fieldEvent, fieldLink:
			candidates = append(candidates, n)
		case fieldAttribute + 1, fieldEvent + 1, fieldLink + 1: // what was dropped before
			_, _, tag := protowire.ConsumeTag(f.all)
			before, _ := protowire.ConsumeVarint(f.all[tag:])
			dropped[f.number-1] += before
			all[n].all = nil
		}
	}
	slices.SortStableFunc(candidates, func(a, b int) int { return cmp.Compare(len(all[b].all), len(all[a].all)) })
	const counts = 3 * (1 + 5) // tags, and 32 bits in 7 a byte
	size := len(span) + counts
	for _, n := range candidates {
		if size <= limit {
			break
		}
		size -= len(all[n].all)
		dropped[all[n].number]++
		all[n].all = nil
	}
	if size > limit {
		return nil, false
	}
	var b bytes.Buffer
	for _, f := range all {
		b.Write(f.all)
	}
	smaller = b.Bytes()
	for _, number := range [...]protowire.Number{fieldAttribute, fieldEvent, fieldLink} {
		if n := dropped[number]; n > 0 {
			smaller = protowire.AppendVarint(protowire.AppendTag(smaller, number+1, protowire.VarintType), n)
		}
	}
	return smaller, true
}

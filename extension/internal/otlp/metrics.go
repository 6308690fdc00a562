package otlp

import (
	"encoding/binary"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// ResourceMetrics are the metrics of one resource and one instrumentation scope.
type ResourceMetrics struct {
	Resource  []KeyValue
	Scope     Scope
	SchemaURL string // of resource and metrics; "" for none
	Metrics   []Metric
}

// A Metric is a sum that only rises, or a histogram. The protocol has more kinds of them, which nothing here needs.
type Metric struct {
	Name, Description, Unit string
	Temporality             Temporality
	Sums                    []Sum
	Histograms              []Histogram // where there are no Sums
}

// A Temporality says what the numbers of a metric count from. The values are the protocol's.
type Temporality uint8

// Temporalities.
const (
	Delta      Temporality = iota + 1 // from the end of the interval before
	Cumulative                        // from the start of the series, which stays
)

// An Interval is the time that a point is about.
type Interval struct{ Start, End time.Time }

// A Sum is a point of a monotonic sum.
type Sum struct {
	Interval
	Attributes []KeyValue
	Whole      bool    // Value is a whole number, and goes as one
	Value      float64 // exact up to 2^53, which no count of ours reaches
}

// A Histogram is a point of a histogram with explicit bounds. Min and Max are sent with every Count but 0.
type Histogram struct {
	Interval
	Attributes    []KeyValue
	Count         uint64
	Sum, Min, Max float64
	Bounds        []float64 // upper ones, inclusive; rising
	Buckets       []uint64  // one more than Bounds
}

// AppendMetrics appends r to b as an ExportMetricsServiceRequest with one ResourceMetrics in it. As with spans, such requests can be put one
// behind the other (opentelemetry.proto.metrics.v1).
//
//	ExportMetricsServiceRequest { 1: ResourceMetrics { 1: Resource { 1: KeyValue* }, 2: ScopeMetrics { 1: Scope, 2: Metric*, 3: url }, 3: url } }
func AppendMetrics(b []byte, r ResourceMetrics) []byte {
	return message(b, 1, func(b []byte) []byte {
		b = message(b, 1, func(b []byte) []byte { return attributes(b, 1, r.Resource) })
		b = message(b, 2, func(b []byte) []byte {
			b = message(b, 1, func(b []byte) []byte {
				b = text(b, 1, r.Scope.Name)
				return text(b, 2, r.Scope.Version)
			})
			for i := range r.Metrics {
				b = message(b, 2, func(b []byte) []byte { return appendMetric(b, &r.Metrics[i]) })
			}
			return text(b, 3, r.SchemaURL)
		})
		return text(b, 3, r.SchemaURL)
	})
}

// Metric { 1: name, 2: description, 3: unit, 7: Sum { 1: NumberDataPoint*, 2: temporality, 3: monotonic }, 9: Histogram { 1: HistogramDataPoint*, 2: temporality } }
func appendMetric(b []byte, m *Metric) []byte {
	b = text(b, 1, m.Name)
	b = text(b, 2, m.Description)
	b = text(b, 3, m.Unit)
	if len(m.Sums) > 0 {
		return message(b, 7, func(b []byte) []byte {
			for i := range m.Sums {
				b = message(b, 1, func(b []byte) []byte { return appendSum(b, &m.Sums[i]) })
			}
			b = varint(b, 2, uint64(m.Temporality))
			return varint(b, 3, 1)
		})
	}
	return message(b, 9, func(b []byte) []byte {
		for i := range m.Histograms {
			b = message(b, 1, func(b []byte) []byte { return appendHistogram(b, &m.Histograms[i]) })
		}
		return varint(b, 2, uint64(m.Temporality))
	})
}

// NumberDataPoint { 2: start, 3: time, 4: double or 6: sfixed64, 7: KeyValue* }
func appendSum(b []byte, s *Sum) []byte {
	b = nanos(b, 2, s.Start)
	b = nanos(b, 3, s.End)
	if s.Whole {
		b = fixed(b, 6, uint64(int64(s.Value)))
	} else {
		b = double(b, 4, s.Value)
	}
	return attributes(b, 7, s.Attributes)
}

// HistogramDataPoint { 2: start, 3: time, 4: count, 5: sum, 6: buckets, 7: bounds, 9: KeyValue*, 11: min, 12: max }
func appendHistogram(b []byte, h *Histogram) []byte {
	b = nanos(b, 2, h.Start)
	b = nanos(b, 3, h.End)
	b = fixed(b, 4, h.Count)
	b = double(b, 5, h.Sum)
	b = message(b, 6, func(b []byte) []byte {
		for _, n := range h.Buckets {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		return b
	})
	b = message(b, 7, func(b []byte) []byte {
		for _, bound := range h.Bounds {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(bound))
		}
		return b
	})
	b = attributes(b, 9, h.Attributes)
	if h.Count == 0 {
		return b
	}
	b = double(b, 11, h.Min)
	return double(b, 12, h.Max)
}

// fixed writes a zero too: it is one member of a oneof, or an optional field that is there.
func fixed(b []byte, field protowire.Number, v uint64) []byte {
	b = protowire.AppendTag(b, field, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, v)
}

func double(b []byte, field protowire.Number, v float64) []byte {
	return fixed(b, field, math.Float64bits(v))
}

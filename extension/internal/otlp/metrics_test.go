package otlp

import (
	"math"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

func TestMetricsDecodeWithTheOfficialTypes(t *testing.T) {
	interval := Interval{start, start.Add(time.Minute)}
	began, ended := uint64(start.UnixNano()), uint64(start.Add(time.Minute).UnixNano())
	delta, cumulative := metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA, metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
	tests := []struct {
		name string
		give []Metric
		want []*metricspb.Metric
	}{
		{"none", nil, nil},
		{
			"a sum of whole numbers, of zero too",
			[]Metric{{Name: "n", Description: "d", Unit: "{u}", Temporality: Delta, Sums: []Sum{
				{Interval: interval, Attributes: []KeyValue{String("k", "v")}, Whole: true, Value: 1 << 52}, {Interval: interval, Whole: true},
			}}},
			[]*metricspb.Metric{{Name: "n", Description: "d", Unit: "{u}", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{
				IsMonotonic: true, AggregationTemporality: delta, DataPoints: []*metricspb.NumberDataPoint{
					{StartTimeUnixNano: began, TimeUnixNano: ended, Attributes: []*commonpb.KeyValue{stringAttribute("k", "v")}, Value: &metricspb.NumberDataPoint_AsInt{AsInt: 1 << 52}},
					{StartTimeUnixNano: began, TimeUnixNano: ended, Value: &metricspb.NumberDataPoint_AsInt{}},
				},
			}}}},
		},
		{
			"a sum of parts, and a total",
			[]Metric{{Name: "n", Temporality: Cumulative, Sums: []Sum{{Interval: interval, Value: 0.25}}}},
			[]*metricspb.Metric{{Name: "n", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{
				IsMonotonic: true, AggregationTemporality: cumulative,
				DataPoints: []*metricspb.NumberDataPoint{{StartTimeUnixNano: began, TimeUnixNano: ended, Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: 0.25}}},
			}}}},
		},
		{
			"histograms, an empty one too",
			[]Metric{{Name: "h", Unit: "s", Temporality: Delta, Histograms: []Histogram{
				{Interval: interval, Attributes: []KeyValue{String("k", "v")}, Count: 3, Sum: 1.5, Min: 0, Max: 1, Bounds: []float64{0.5, math.MaxFloat64}, Buckets: []uint64{2, 1, 0}},
				{Interval: interval},
			}}},
			[]*metricspb.Metric{{Name: "h", Unit: "s", Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
				AggregationTemporality: delta, DataPoints: []*metricspb.HistogramDataPoint{
					{StartTimeUnixNano: began, TimeUnixNano: ended, Attributes: []*commonpb.KeyValue{stringAttribute("k", "v")}, Count: 3, Sum: proto.Float64(1.5),
						Min: proto.Float64(0), Max: proto.Float64(1), ExplicitBounds: []float64{0.5, math.MaxFloat64}, BucketCounts: []uint64{2, 1, 0}},
					{StartTimeUnixNano: began, TimeUnixNano: ended, Sum: proto.Float64(0)},
				},
			}}}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := decodeMetrics(t, AppendMetrics(nil, ResourceMetrics{
				Resource: []KeyValue{String("service.name", "orders")}, Scope: Scope{"afterglow", "0.1.0"}, SchemaURL: "https://example.com/schema", Metrics: test.give,
			}))
			want := &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{
				Resource:     &resourcepb.Resource{Attributes: []*commonpb.KeyValue{stringAttribute("service.name", "orders")}},
				SchemaUrl:    "https://example.com/schema",
				ScopeMetrics: []*metricspb.ScopeMetrics{{Scope: &commonpb.InstrumentationScope{Name: "afterglow", Version: "0.1.0"}, SchemaUrl: "https://example.com/schema", Metrics: test.want}},
			}}}
			if !proto.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", prototext.Format(got), prototext.Format(want))
			}
		})
	}
}

func TestRequestsOfMetricsJoinByStandingBehindEachOther(t *testing.T) {
	b := AppendMetrics(nil, ResourceMetrics{SchemaURL: "one"})
	got := decodeMetrics(t, AppendMetrics(b, ResourceMetrics{SchemaURL: "two"}))
	if len(got.ResourceMetrics) != 2 || got.ResourceMetrics[1].SchemaUrl != "two" {
		t.Errorf("got %s", prototext.Format(got))
	}
}

func decodeMetrics(t *testing.T, b []byte) *metricspb.MetricsData {
	t.Helper()
	var r metricspb.MetricsData
	if err := proto.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.ProtoReflect().GetUnknown()) > 0 {
		t.Fatalf("unknown fields: %x", r.ProtoReflect().GetUnknown())
	}
	return &r
}

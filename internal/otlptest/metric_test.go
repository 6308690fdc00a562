package otlptest_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

var noon = uint64(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano())

const minute = uint64(time.Minute)

// metrics is a request with a faultless sum, histogram and gauge, built anew so that a test can spoil it.
func metrics() *metricspb.MetricsData {
	return &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "orders")}},
		ScopeMetrics: []*metricspb.ScopeMetrics{{
			Scope: &commonpb.InstrumentationScope{Name: "afterglow", Version: "0.1"},
			Metrics: []*metricspb.Metric{
				{Name: "faas.invocations", Unit: "{invocation}", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{
					IsMonotonic: true, AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
					DataPoints: []*metricspb.NumberDataPoint{{
						StartTimeUnixNano: noon, TimeUnixNano: noon + minute, Attributes: []*commonpb.KeyValue{text("faas.trigger", "http")},
						Value: &metricspb.NumberDataPoint_AsInt{AsInt: 20},
						Exemplars: []*metricspb.Exemplar{{
							TimeUnixNano: noon + 1, Value: &metricspb.Exemplar_AsInt{AsInt: 1}, TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{0xcd}, 8),
						}},
					}},
				}}},
				{Name: "faas.invoke_duration", Unit: "s", Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
					AggregationTemporality: metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
					DataPoints: []*metricspb.HistogramDataPoint{{
						StartTimeUnixNano: noon, TimeUnixNano: noon + minute, Count: 3, Sum: proto.Float64(1.5), Min: proto.Float64(0.1), Max: proto.Float64(1),
						ExplicitBounds: []float64{0.5, 1}, BucketCounts: []uint64{2, 1, 0},
					}},
				}}},
				{Name: "memory", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: []*metricspb.NumberDataPoint{{
					TimeUnixNano: noon, Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: -0.5},
				}}}}},
			},
		}},
	}}}
}

func metricAt(d *metricspb.MetricsData, i int) *metricspb.Metric {
	return d.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics()[i]
}

func sumOf(d *metricspb.MetricsData) *metricspb.Sum { return metricAt(d, 0).GetSum() }

func histogramPoint(d *metricspb.MetricsData) *metricspb.HistogramDataPoint {
	return metricAt(d, 1).GetHistogram().GetDataPoints()[0]
}

// shift moves a request's sum and histogram in time.
func shift(d *metricspb.MetricsData, by uint64) *metricspb.MetricsData {
	p := sumOf(d).GetDataPoints()[0]
	p.StartTimeUnixNano, p.TimeUnixNano = p.StartTimeUnixNano+by, p.TimeUnixNano+by
	p.Exemplars = nil
	h := histogramPoint(d)
	h.StartTimeUnixNano, h.TimeUnixNano = h.StartTimeUnixNano+by, h.TimeUnixNano+by
	return d
}

func TestPointsComeOutAsTheyWentIn(t *testing.T) {
	r := start(t, otlptest.Options{})
	if response, _, err := post(t, r.URL()+"/v1/metrics", encode(t, metrics())); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	if err := r.WaitPoints(ctx, func(points []otlptest.Point) bool { return len(points) == 3 }); err != nil {
		t.Fatal(err)
	}
	if got := r.Violations(); len(got) > 0 {
		t.Errorf("violations: %q", got)
	}
	if got := r.Metrics(); len(got) != 1 || !proto.Equal(got[0], metrics()) {
		t.Errorf("body: %v", got)
	}
	points := r.Points()
	n, h, g := points[0], points[1], points[2]
	for what, pair := range map[string][2]any{
		"service":     {n.Service(), "orders"},
		"scope":       {n.Scope + " " + n.ScopeVersion, "afterglow 0.1"},
		"name":        {n.Name + " " + n.Unit, "faas.invocations {invocation}"},
		"instrument":  {n.Instrument, otlptest.Sum},
		"temporality": {n.Temporality, otlptest.Delta},
		"monotonic":   {n.Monotonic, true},
		"start":       {uint64(n.Start.UnixNano()), noon}, //nolint:gosec // after 1970
		"length":      {n.Time.Sub(n.Start), time.Minute},
		"value":       {n.Value, 20.0},
		"whole":       {n.Int, true},
		"attribute":   {n.Text("faas.trigger"), "http"},
		"exemplar":    {n.Exemplars[0].TraceID, strings.Repeat("ab", 16)},
		"count":       {h.Count, uint64(3)},
		"sum":         {h.Sum, 1.5},
		"least":       {h.Min, 0.1},
		"most":        {h.Max, 1.0},
		"bounds":      {slices.Equal(h.Bounds, []float64{0.5, 1}), true},
		"buckets":     {slices.Equal(h.Buckets, []uint64{2, 1, 0}), true},
		"gauge":       {g.Value, -0.5},
		"of gauges":   {g.Instrument, otlptest.Gauge},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestViolationsOfMetrics(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*metricspb.MetricsData)
		want  string
	}{
		"no resource":        {func(d *metricspb.MetricsData) { d.ResourceMetrics = nil }, "no resource metrics"},
		"no service":         {func(d *metricspb.MetricsData) { d.ResourceMetrics[0].Resource = nil }, "no service.name"},
		"no scope":           {func(d *metricspb.MetricsData) { d.ResourceMetrics[0].ScopeMetrics = nil }, "no scope metrics"},
		"no metrics":         {func(d *metricspb.MetricsData) { d.ResourceMetrics[0].ScopeMetrics[0].Metrics = nil }, "has no metrics"},
		"no name":            {func(d *metricspb.MetricsData) { metricAt(d, 0).Name = "" }, "is no name of an instrument"},
		"a name with spaces": {func(d *metricspb.MetricsData) { metricAt(d, 0).Name = "a b" }, "is no name of an instrument"},
		"the same name":      {func(d *metricspb.MetricsData) { metricAt(d, 0).Name = "memory" }, "stands twice in one scope"},
		"no data":            {func(d *metricspb.MetricsData) { metricAt(d, 0).Data = nil }, "has no data points"},
		"no points":          {func(d *metricspb.MetricsData) { sumOf(d).DataPoints = nil }, "has no data points"},
		"a summary": {func(d *metricspb.MetricsData) {
			metricAt(d, 0).Data = &metricspb.Metric_Summary{Summary: &metricspb.Summary{}}
		}, "is not checked here"},
		"no temporality":   {func(d *metricspb.MetricsData) { sumOf(d).AggregationTemporality = 0 }, "temporality 0"},
		"of a histogram":   {func(d *metricspb.MetricsData) { metricAt(d, 1).GetHistogram().AggregationTemporality = 0 }, "temporality 0"},
		"no start":         {func(d *metricspb.MetricsData) { sumOf(d).DataPoints[0].StartTimeUnixNano = 0 }, "start 0 is no time"},
		"no time":          {func(d *metricspb.MetricsData) { sumOf(d).DataPoints[0].TimeUnixNano = 0 }, "time 0 is no time"},
		"no length":        {func(d *metricspb.MetricsData) { sumOf(d).DataPoints[0].TimeUnixNano = noon }, "ends 0s after its start"},
		"ends first":       {func(d *metricspb.MetricsData) { histogramPoint(d).TimeUnixNano = noon - minute }, "ends -1m0s after its start"},
		"no value":         {func(d *metricspb.MetricsData) { sumOf(d).DataPoints[0].Value = nil }, "has no value"},
		"not a number":     {func(d *metricspb.MetricsData) { setDouble(d, nan()) }, "has the value NaN"},
		"less than none":   {func(d *metricspb.MetricsData) { setDouble(d, -1) }, "is of a monotonic sum and has -1"},
		"same attributes":  {func(d *metricspb.MetricsData) { s := sumOf(d); s.DataPoints = append(s.DataPoints, s.DataPoints[0]) }, "two points have the attributes"},
		"a bucket more":    {func(d *metricspb.MetricsData) { histogramPoint(d).BucketCounts = []uint64{2, 1, 0, 0} }, "4 buckets for 2 bounds"},
		"falling bounds":   {func(d *metricspb.MetricsData) { histogramPoint(d).ExplicitBounds = []float64{1, 1} }, "bounds do not rise"},
		"another count":    {func(d *metricspb.MetricsData) { histogramPoint(d).Count = 4 }, "buckets hold 3 of a count of 4"},
		"sum of nothing":   {func(d *metricspb.MetricsData) { h := histogramPoint(d); h.Count, h.BucketCounts = 0, []uint64{0, 0, 0} }, "sum is 1.5 of a count of 0"},
		"least above most": {func(d *metricspb.MetricsData) { histogramPoint(d).Min = proto.Float64(2) }, "least 2 is above most 1"},
		"exemplar's id":    {func(d *metricspb.MetricsData) { sumOf(d).DataPoints[0].Exemplars[0].TraceId = []byte{1} }, "trace id has 1 bytes"},
		"exemplar later":   {func(d *metricspb.MetricsData) { sumOf(d).DataPoints[0].Exemplars[0].TimeUnixNano = noon + 2*minute }, "is later than its point"},
		"exemplar's value": {func(d *metricspb.MetricsData) { sumOf(d).DataPoints[0].Exemplars[0].Value = nil }, "has no value"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, otlptest.Options{})
			data := metrics()
			c.spoil(data)
			if _, _, err := post(t, r.URL()+"/v1/metrics", encode(t, data)); err != nil {
				t.Fatal(err)
			}
			if got := r.Violations(); !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("violations %q lack %q", got, c.want)
			}
		})
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func setDouble(d *metricspb.MetricsData, v float64) {
	sumOf(d).DataPoints[0].Value = &metricspb.NumberDataPoint_AsDouble{AsDouble: v}
}

// cumulative turns a request's sum into a total since noon, with so much in it.
func cumulative(value int64, end uint64) *metricspb.MetricsData {
	d := metrics()
	d.ResourceMetrics[0].ScopeMetrics[0].Metrics = d.ResourceMetrics[0].ScopeMetrics[0].Metrics[:1]
	sumOf(d).AggregationTemporality = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
	p := sumOf(d).DataPoints[0]
	p.TimeUnixNano, p.Value, p.Exemplars = end, &metricspb.NumberDataPoint_AsInt{AsInt: value}, nil
	return d
}

func TestSeriesAcrossRequests(t *testing.T) {
	accepts := otlptest.Answer{}
	for name, c := range map[string]struct {
		first  otlptest.Answer
		send   []*metricspb.MetricsData
		want   string // "" for no violation
		sum    float64
		points int
	}{
		"deltas one behind the other": {accepts, []*metricspb.MetricsData{metrics(), shift(metrics(), minute)}, "", 40, 6},
		"deltas out of order":         {accepts, []*metricspb.MetricsData{shift(metrics(), minute), metrics()}, "", 40, 6},
		"a delta twice":               {accepts, []*metricspb.MetricsData{metrics(), metrics()}, "was counted before", 40, 6},
		"deltas that overlap":         {accepts, []*metricspb.MetricsData{metrics(), shift(metrics(), minute/2)}, "was counted before", 40, 6},
		"a delta that was refused":    {otlptest.Answer{Status: 503}, []*metricspb.MetricsData{metrics(), metrics()}, "", 20, 3},
		"kept, and not said so":       {otlptest.Answer{Reset: true, Keep: true}, []*metricspb.MetricsData{metrics(), metrics()}, "", 40, 6},
		"one point refused":           {otlptest.Answer{PartialRejected: 1}, []*metricspb.MetricsData{metrics(), shift(metrics(), minute)}, "", 20, 5},
		"a total that rises":          {accepts, []*metricspb.MetricsData{cumulative(1, noon+1), cumulative(3, noon+2)}, "", 3, 2},
		"a total that falls":          {accepts, []*metricspb.MetricsData{cumulative(3, noon+1), cumulative(1, noon+2)}, "a total falls", 1, 2},
		"a total twice":               {accepts, []*metricspb.MetricsData{cumulative(3, noon+1), cumulative(3, noon+1)}, "comes twice", 3, 2},
		"another temporality":         {accepts, []*metricspb.MetricsData{metrics(), cumulative(3, noon+1)}, "is cumulative and was delta", 23, 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, otlptest.Options{})
			r.Script(c.first)
			for _, d := range c.send {
				_, _, _ = post(t, r.URL()+"/v1/metrics", encode(t, d)) // some answers are none
			}
			got := strings.Join(r.Violations(), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("violations %q, want %q", got, c.want)
			}
			if sum, ok := otlptest.Total(r.Points(), "faas.invocations"); !ok || sum != c.sum || len(r.Points()) != c.points {
				t.Errorf("total %v of %d points, want %v of %d", sum, len(r.Points()), c.sum, c.points)
			}
		})
	}
	t.Run("of nothing", func(t *testing.T) {
		if sum, ok := otlptest.Total(nil, "x"); ok || sum != 0 {
			t.Errorf("got %v %v", sum, ok)
		}
	})
	t.Run("of a histogram", func(t *testing.T) {
		r := start(t, otlptest.Options{})
		_, _, _ = post(t, r.URL()+"/v1/metrics", encode(t, metrics()))
		if count, _ := otlptest.Total(r.Points(), "faas.invoke_duration"); count != 3 {
			t.Errorf("got %v", count)
		}
	})
}

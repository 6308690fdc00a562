package otlptest

import (
	"encoding/hex"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// Instrument is the kind of data that a metric carries.
type Instrument string

// The instruments of OTLP that this collector reads.
const (
	Gauge       Instrument = "gauge"
	Sum         Instrument = "sum"
	Histogram   Instrument = "histogram"
	Exponential Instrument = "exponential histogram"
	Summary     Instrument = "summary"
)

// Temporality says what the numbers of a sum or a histogram count from.
type Temporality string

// The temporalities of OTLP. A gauge and a summary have none.
const (
	TemporalityUnset Temporality = ""
	Delta            Temporality = "delta"      // from the point before
	Cumulative       Temporality = "cumulative" // from the start of the series
)

// Point is a received data point with its metric, scope and resource beside it.
type Point struct {
	Resource     map[string]any
	Scope        string
	ScopeVersion string

	Name        string
	Description string
	Unit        string
	Instrument  Instrument
	Temporality Temporality
	Monotonic   bool

	Start      time.Time // the zero of 1970 where it is not given
	Time       time.Time
	Attributes map[string]any

	Value float64 // of a gauge or a sum
	Int   bool    // Value came as a whole number

	Count    uint64 // of a histogram
	Sum      float64
	Min, Max float64 // 0 where they are not given
	Bounds   []float64
	Buckets  []uint64

	Exemplars []Exemplar

	Request int // index in Requests of the request that brought it
}

// Exemplar is one measurement with the span that it was made in. Ids are lower-case hex.
type Exemplar struct {
	Time       time.Time
	Value      float64
	TraceID    string
	SpanID     string
	Attributes map[string]any
}

// Service is the service.name of the point's resource, "" when it has none.
func (p Point) Service() string {
	name, _ := p.Resource["service.name"].(string)
	return name
}

// Text returns an attribute that is a string, "" otherwise.
func (p Point) Text(key string) string {
	value, _ := p.Attributes[key].(string)
	return value
}

// Total adds up the points of one metric: values of sums and counts of histograms, of delta temporality, whatever their attributes, time
// and resource. Of a cumulative series, whose points already are totals, it takes the latest of each. ok is false where there is none.
func Total(points []Point, name string) (total float64, ok bool) {
	latest := map[string]Point{}
	for _, p := range points {
		if p.Name != name {
			continue
		}
		ok = true
		if p.Temporality != Cumulative {
			total += p.amount()
			continue
		}
		key := seriesOf(p) + p.Start.String()
		if last, seen := latest[key]; !seen || p.Time.After(last.Time) {
			latest[key] = p
		}
	}
	for _, p := range latest {
		total += p.amount()
	}
	return total, ok
}

// amount is what a point counted: how often for a histogram, how much for the rest.
func (p Point) amount() float64 {
	if p.Instrument == Histogram || p.Instrument == Exponential || p.Instrument == Summary {
		return float64(p.Count)
	}
	return p.Value
}

func flattenMetrics(metrics *metricspb.MetricsData) []Point {
	var points []Point
	for _, resource := range metrics.GetResourceMetrics() {
		attributes := resourceAttributes(resource.GetResource())
		for _, scope := range resource.GetScopeMetrics() {
			for _, metric := range scope.GetMetrics() {
				for _, p := range flattenMetric(metric) {
					p.Resource, p.Scope, p.ScopeVersion = attributes, scope.GetScope().GetName(), scope.GetScope().GetVersion()
					p.Name, p.Description, p.Unit = metric.GetName(), metric.GetDescription(), metric.GetUnit()
					points = append(points, p)
				}
			}
		}
	}
	return points
}

func flattenMetric(metric *metricspb.Metric) (points []Point) {
	switch data := metric.GetData().(type) {
	case *metricspb.Metric_Gauge:
		for _, from := range data.Gauge.GetDataPoints() {
			p := flattenNumber(from)
			p.Instrument = Gauge
			points = append(points, p)
		}
	case *metricspb.Metric_Sum:
		for _, from := range data.Sum.GetDataPoints() {
			p := flattenNumber(from)
			p.Instrument, p.Monotonic = Sum, data.Sum.GetIsMonotonic()
			p.Temporality = temporalityOf(data.Sum.GetAggregationTemporality())
			points = append(points, p)
		}
	case *metricspb.Metric_Histogram:
		for _, from := range data.Histogram.GetDataPoints() {
			points = append(points, Point{
				Instrument: Histogram, Temporality: temporalityOf(data.Histogram.GetAggregationTemporality()),
				Start: nanoTime(from.GetStartTimeUnixNano()), Time: nanoTime(from.GetTimeUnixNano()), Attributes: attributeMap(from.GetAttributes()),
				Count: from.GetCount(), Sum: from.GetSum(), Min: from.GetMin(), Max: from.GetMax(),
				Bounds: from.GetExplicitBounds(), Buckets: from.GetBucketCounts(), Exemplars: flattenExemplars(from.GetExemplars()),
			})
		}
	case *metricspb.Metric_ExponentialHistogram:
		for _, from := range data.ExponentialHistogram.GetDataPoints() {
			points = append(points, Point{
				Instrument: Exponential, Temporality: temporalityOf(data.ExponentialHistogram.GetAggregationTemporality()),
				Start: nanoTime(from.GetStartTimeUnixNano()), Time: nanoTime(from.GetTimeUnixNano()), Attributes: attributeMap(from.GetAttributes()),
				Count: from.GetCount(), Sum: from.GetSum(), Min: from.GetMin(), Max: from.GetMax(), Exemplars: flattenExemplars(from.GetExemplars()),
			})
		}
	case *metricspb.Metric_Summary:
		for _, from := range data.Summary.GetDataPoints() {
			points = append(points, Point{
				Instrument: Summary, Start: nanoTime(from.GetStartTimeUnixNano()), Time: nanoTime(from.GetTimeUnixNano()),
				Attributes: attributeMap(from.GetAttributes()), Count: from.GetCount(), Sum: from.GetSum(),
			})
		}
	}
	return points
}

func flattenNumber(from *metricspb.NumberDataPoint) Point {
	p := Point{
		Start: nanoTime(from.GetStartTimeUnixNano()), Time: nanoTime(from.GetTimeUnixNano()), Attributes: attributeMap(from.GetAttributes()),
		Value: from.GetAsDouble(), Exemplars: flattenExemplars(from.GetExemplars()),
	}
	if whole, ok := from.GetValue().(*metricspb.NumberDataPoint_AsInt); ok {
		p.Value, p.Int = float64(whole.AsInt), true
	}
	return p
}

func flattenExemplars(from []*metricspb.Exemplar) (exemplars []Exemplar) {
	for _, e := range from {
		value := e.GetAsDouble()
		if whole, ok := e.GetValue().(*metricspb.Exemplar_AsInt); ok {
			value = float64(whole.AsInt)
		}
		exemplars = append(exemplars, Exemplar{
			Time: nanoTime(e.GetTimeUnixNano()), Value: value, Attributes: attributeMap(e.GetFilteredAttributes()),
			TraceID: hex.EncodeToString(e.GetTraceId()), SpanID: hex.EncodeToString(e.GetSpanId()),
		})
	}
	return exemplars
}

func temporalityOf(t metricspb.AggregationTemporality) Temporality {
	switch t {
	case metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA:
		return Delta
	case metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE:
		return Cumulative
	default:
		return TemporalityUnset
	}
}

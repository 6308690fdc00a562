package otlptest

import (
	"fmt"
	"math"
	"regexp"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// instrumentName is what the specification's metrics API allows for a name: opentelemetry.io/docs/specs/otel/metrics/api/#instrument-name-syntax.
var instrumentName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]{0,254}$`)

func checkMetrics(metrics *metricspb.MetricsData) []string {
	c := &checker{}
	if len(metrics.GetResourceMetrics()) == 0 {
		c.say("metrics", "no resource metrics")
	}
	for i, resource := range metrics.GetResourceMetrics() {
		where := fmt.Sprintf("resource %d", i)
		c.checkService(where, resource.GetResource().GetAttributes())
		if len(resource.GetScopeMetrics()) == 0 {
			c.say(where, "no scope metrics")
		}
		for _, scope := range resource.GetScopeMetrics() {
			c.checkAttributes(where+" scope", scope.GetScope().GetAttributes())
			if len(scope.GetMetrics()) == 0 {
				c.say(where, "scope %q has no metrics", scope.GetScope().GetName())
			}
			names := map[string]bool{}
			for _, metric := range scope.GetMetrics() {
				at := fmt.Sprintf("%s metric %q", where, metric.GetName())
				if names[metric.GetName()] {
					c.say(at, "stands twice in one scope")
				}
				names[metric.GetName()] = true
				c.checkMetric(at, metric)
			}
		}
	}
	return c.found
}

func (c *checker) checkMetric(where string, metric *metricspb.Metric) {
	if !instrumentName.MatchString(metric.GetName()) {
		c.say(where, "is no name of an instrument")
	}
	points := 0
	switch data := metric.GetData().(type) {
	case *metricspb.Metric_Gauge:
		points = len(data.Gauge.GetDataPoints())
		for i, p := range data.Gauge.GetDataPoints() {
			c.checkNumber(fmt.Sprintf("%s point %d", where, i), p)
		}
	case *metricspb.Metric_Sum:
		points = len(data.Sum.GetDataPoints())
		c.checkTemporality(where, data.Sum.GetAggregationTemporality())
		for i, p := range data.Sum.GetDataPoints() {
			at := fmt.Sprintf("%s point %d", where, i)
			c.checkNumber(at, p)
			c.checkInterval(at, p.GetStartTimeUnixNano(), p.GetTimeUnixNano())
			if flat := flattenNumber(p); data.Sum.GetIsMonotonic() && flat.Value < 0 {
				c.say(at, "is of a monotonic sum and has %v", flat.Value)
			}
		}
	case *metricspb.Metric_Histogram:
		points = len(data.Histogram.GetDataPoints())
		c.checkTemporality(where, data.Histogram.GetAggregationTemporality())
		for i, p := range data.Histogram.GetDataPoints() {
			c.checkHistogram(fmt.Sprintf("%s point %d", where, i), p)
		}
	case *metricspb.Metric_ExponentialHistogram, *metricspb.Metric_Summary:
		c.say(where, "%T is not checked here: nothing of ours makes it", data)
		return
	}
	if points == 0 {
		c.say(where, "has no data points")
	}
	c.checkSeries(where, metric)
}

// checkSeries finds points of one metric that have the same attributes: the second is of no use to anybody.
func (c *checker) checkSeries(where string, metric *metricspb.Metric) {
	seen := map[string]bool{}
	for _, p := range flattenMetric(metric) {
		key := fmt.Sprint(p.Attributes)
		if seen[key] {
			c.say(where, "two points have the attributes %s", key)
		}
		seen[key] = true
	}
}

func (c *checker) checkTemporality(where string, t metricspb.AggregationTemporality) {
	if temporalityOf(t) == TemporalityUnset {
		c.say(where, "temporality %d", t)
	}
}

// checkInterval holds for sums and histograms. The specification lets them come without a start; who reads deltas cannot do without one.
func (c *checker) checkInterval(where string, start, end uint64) {
	c.checkTime(where, "start", start)
	if end <= start {
		c.say(where, "ends %v after its start", time.Duration(end-start)) //nolint:gosec // shown as it is, negative too
	}
}

func (c *checker) checkNumber(where string, p *metricspb.NumberDataPoint) {
	c.checkTime(where, "time", p.GetTimeUnixNano())
	c.checkAttributes(where, p.GetAttributes())
	if p.GetValue() == nil {
		c.say(where, "has no value")
	}
	if v := p.GetAsDouble(); math.IsNaN(v) || math.IsInf(v, 0) {
		c.say(where, "has the value %v", v)
	}
	c.checkExemplars(where, p.GetExemplars(), p.GetTimeUnixNano())
}

func (c *checker) checkHistogram(where string, p *metricspb.HistogramDataPoint) {
	c.checkTime(where, "time", p.GetTimeUnixNano())
	c.checkInterval(where, p.GetStartTimeUnixNano(), p.GetTimeUnixNano())
	c.checkAttributes(where, p.GetAttributes())
	bounds, buckets := p.GetExplicitBounds(), p.GetBucketCounts()
	if len(bounds)+len(buckets) > 0 && len(buckets) != len(bounds)+1 {
		c.say(where, "%d buckets for %d bounds", len(buckets), len(bounds))
	}
	for i := 1; i < len(bounds); i++ {
		if !(bounds[i-1] < bounds[i]) {
			c.say(where, "bounds do not rise: %v", bounds)
			break
		}
	}
	sum := uint64(0)
	for _, n := range buckets {
		sum += n
	}
	if len(buckets) > 0 && sum != p.GetCount() {
		c.say(where, "buckets hold %d of a count of %d", sum, p.GetCount())
	}
	if v := p.GetSum(); math.IsNaN(v) || math.IsInf(v, 0) || v != 0 && p.GetCount() == 0 {
		c.say(where, "sum is %v of a count of %d", v, p.GetCount())
	}
	if p.Min != nil && p.Max != nil && p.GetMin() > p.GetMax() {
		c.say(where, "least %v is above most %v", p.GetMin(), p.GetMax())
	}
	c.checkExemplars(where, p.GetExemplars(), p.GetTimeUnixNano())
}

func (c *checker) checkExemplars(where string, exemplars []*metricspb.Exemplar, end uint64) {
	for i, e := range exemplars {
		at := fmt.Sprintf("%s exemplar %d", where, i)
		c.checkTime(at, "time", e.GetTimeUnixNano())
		if e.GetTimeUnixNano() > end {
			c.say(at, "is later than its point")
		}
		if e.GetValue() == nil {
			c.say(at, "has no value")
		}
		c.checkOptionalIDs(at, e.GetTraceId(), e.GetSpanId())
		c.checkAttributes(at, e.GetFilteredAttributes())
	}
}

// checkOptionalIDs is for what may stand outside of any span: then it has neither id.
func (c *checker) checkOptionalIDs(where string, trace, span []byte) {
	if len(trace) > 0 {
		c.checkID(where, "trace id", trace, traceIDSize)
	}
	if len(span) > 0 {
		c.checkID(where, "span id", span, spanIDSize)
		if len(trace) == 0 {
			c.say(where, "has a span id and no trace id")
		}
	}
}

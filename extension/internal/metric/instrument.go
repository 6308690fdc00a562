package metric

import (
	"slices"
	"sort"
)

// The instruments: counters first, then histograms.
const (
	invocations = iota
	failures
	timeouts
	coldstarts
	billedDuration
	cost
	lostRecords
	lostBytes
	droppedItems
	droppedBytes

	numCounters // so many
)

const (
	invokeDuration = iota + numCounters
	initDuration
	restoreDuration
	extensionOverhead
	memUsage

	numInstruments // so many
)

// An instrument is what a metric is made with. Names, units and descriptions of those that begin with faas. are the conventions', as are the
// bounds of their durations: opentelemetry.io/docs/specs/semconv/faas/faas-metrics/, 1.44.
type instrument struct {
	name, unit, description string
	whole                   bool      // its numbers are
	key                     string    // the attribute that tells its points apart; "" where there is one
	charged                 bool      // its points say for which architecture and memory
	bounds                  []float64 // of a histogram
}

func table() [numInstruments]instrument {
	const mb = bytesPerMB
	durations := []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	return [numInstruments]instrument{
		invocations:    {name: "faas.invocations", unit: "{invocation}", description: "Number of successful invocations.", whole: true},
		failures:       {name: "faas.errors", unit: "{error}", description: "Number of invocation errors.", whole: true, key: "error.type"},
		timeouts:       {name: "faas.timeouts", unit: "{timeout}", description: "Number of invocation timeouts.", whole: true},
		coldstarts:     {name: "faas.coldstarts", unit: "{coldstart}", description: "Number of invocation cold starts.", whole: true},
		billedDuration: {name: "afterglow.billed_duration", unit: "s", description: "Time that is billed.", charged: true},
		cost:           {name: "afterglow.cost", unit: "{USD}", description: "List price of requests and billed time, without free tier.", charged: true},
		lostRecords:    {name: "afterglow.lost.records", unit: "{record}", description: "Records that were not exported, by reason.", whole: true, key: keyReason},
		lostBytes:      {name: "afterglow.lost.bytes", unit: "By", description: "Bytes that were not exported, by reason.", whole: true, key: keyReason},
		droppedItems:   {name: "afterglow.dropped.items", unit: "{item}", description: "Parts that limits left out, by kind.", whole: true, key: keyKind},
		droppedBytes:   {name: "afterglow.dropped.bytes", unit: "By", description: "Bytes that limits left out.", whole: true},

		invokeDuration:  {name: "faas.invoke_duration", unit: "s", description: "Measures the duration of the function's logic execution.", bounds: durations},
		initDuration:    {name: "faas.init_duration", unit: "s", description: "Measures the duration of the function's initialization, such as a cold start.", bounds: durations},
		restoreDuration: {name: "afterglow.restore_duration", unit: "s", description: "Time that restoring a snapshot took.", bounds: durations},
		extensionOverhead: {name: "afterglow.extension_overhead", unit: "s", description: "Time that extensions took after the function.",
			bounds: []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5}},
		// Sizes that functions are given, and what lies between them.
		memUsage: {name: "faas.mem_usage", unit: "By", description: "Distribution of max memory usage per invocation.", whole: true, bounds: []float64{
			64 * mb, 96 * mb, 128 * mb, 192 * mb, 256 * mb, 384 * mb, 512 * mb, 768 * mb, 1024 * mb, 1536 * mb, 2048 * mb, 3072 * mb, 4096 * mb, 6144 * mb, 8192 * mb, 10240 * mb,
		}},
	}
}

// keyReason tells what was lost why.
const keyReason = "afterglow.reason"

// keyKind tells what was left out.
const keyKind = "afterglow.kind"

// mostKeys of a counter are told apart; what comes after them is told as others. There are fewer reasons and kinds of errors than that.
const mostKeys = 32

// Totals are what was counted with each instrument.
type totals struct {
	counters   [numCounters]counter
	histograms [numInstruments - numCounters]histogram
}

// invocation counts one.
func (t *totals) invocation(w waiting, bounds []float64) {
	t.counters[w.ending.counter].add(w.ending.kind, 1)
	if w.cold {
		t.counters[coldstarts].add("", 1)
	}
	if w.duration > 0 {
		t.histograms[invokeDuration-numCounters].observe(bounds, w.duration.Seconds())
	}
}

// clone gives the same in memory of its own.
func (t *totals) clone() totals {
	c := *t
	for i := range c.counters {
		c.counters[i].points = slices.Clone(c.counters[i].points)
	}
	for i := range c.histograms {
		c.histograms[i].buckets = slices.Clone(c.histograms[i].buckets)
	}
	return c
}

// A counter has a point for each key.
type counter struct{ points []point }

type point struct {
	key   string
	value float64
}

func (c *counter) add(key string, v float64) {
	for i := range c.points {
		if p := &c.points[i]; p.key == key {
			p.value += v
			return
		}
	}
	if len(c.points) >= mostKeys {
		if key != kindOther {
			c.add(kindOther, v)
			return
		}
	}
	c.points = append(c.points, point{key, v})
}

// A histogram counts how many values lie up to each bound.
type histogram struct {
	count         uint64
	sum, min, max float64
	buckets       []uint64
}

func (h *histogram) observe(bounds []float64, v float64) {
	if h.buckets == nil {
		h.buckets = make([]uint64, len(bounds)+1)
	}
	h.buckets[sort.SearchFloat64s(bounds, v)]++ // the first bound that is not below v: bounds are inclusive
	if h.count == 0 {
		h.min, h.max = v, v
	}
	h.count++
	h.sum += v
	h.min, h.max = min(h.min, v), max(h.max, v)
}

// forget begins anew, in the same memory.
func (h *histogram) forget() {
	clear(h.buckets)
	*h = histogram{buckets: h.buckets}
}

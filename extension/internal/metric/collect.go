package metric

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

// Variables of the function's process that tell where its log goes.
const envLogStream = "AWS_LAMBDA_LOG_STREAM_NAME"

// Collect gives a request with what was counted since the last time, and its number of data points; nil if it is not due, unless it is the last, and if there
// is nothing. The first one is due as soon as there is anything to tell of an invocation: the environment may never have another.
func (m *Meter) Collect(now time.Time, last bool) (payload []byte, points int) {
	now = now.Round(0) // a clock that stands still while the environment is frozen is of no use
	m.rounds++
	m.settleOld(last)
	if !last && (!m.worth || !m.isDue(now)) || last && m.options.Cumulative && !m.worth && !m.collected.IsZero() {
		return nil, 0
	}
	if payload, points, now = m.request(&m.counted, now); points == 0 {
		return nil, 0
	}
	m.worth, m.changed, m.since, m.collected = false, len(m.waiting) > 0, now, now
	if !m.options.Cumulative {
		m.forget()
	}
	return payload, points
}

// Peek gives the request that a last Collect would give, and forgets nothing; nil if nothing is new since the one before, or since the last Collect. It is
// for the next life of the environment, should this one end without having collected.
func (m *Meter) Peek(now time.Time) (payload []byte, points int) {
	if !m.changed || m.options.Cumulative && !m.worth && len(m.waiting) == 0 && !m.collected.IsZero() {
		return nil, 0
	}
	m.changed = false
	all := m.counted.clone()
	for _, w := range m.waiting {
		all.invocation(w, m.instruments[invokeDuration].bounds)
	}
	payload, points, _ = m.request(&all, now.Round(0))
	return payload, points
}

// request encodes totals, up to now or to what stands for it.
func (m *Meter) request(t *totals, now time.Time) (payload []byte, points int, end time.Time) {
	if !now.After(m.since) {
		now = m.since.Add(1) // the clock was set back; intervals must not overlap
	}
	if m.start.IsZero() {
		m.start = m.since
	}
	metrics, points := m.metrics(t, now)
	if points == 0 {
		return nil, 0, now
	}
	return otlp.AppendMetrics(nil, otlp.ResourceMetrics{
		Resource: m.resource(), Scope: m.options.Resource.Scope(), SchemaURL: span.SchemaURL, Metrics: metrics,
	}), points, now
}

// settleOld counts the invocations that have waited for a whole collection, and all at the end: nothing more is heard of them.
func (m *Meter) settleOld(all bool) {
	n := 0
	for _, w := range m.waiting {
		if all || w.round < m.rounds-1 {
			m.settle(w)
			continue
		}
		m.waiting[n] = w
		n++
	}
	clear(m.waiting[n:])
	m.waiting = m.waiting[:n]
}

func (m *Meter) isDue(now time.Time) bool {
	passed := now.Sub(m.collected)
	return m.collected.IsZero() || passed >= m.options.Interval || passed < 0
}

// metrics gives what was counted.
func (m *Meter) metrics(t *totals, now time.Time) (all []otlp.Metric, points int) {
	at := otlp.Interval{Start: m.since, End: now}
	temporality := otlp.Delta
	if m.options.Cumulative {
		at.Start, temporality = m.start, otlp.Cumulative
	}
	for i, in := range m.instruments {
		metric := otlp.Metric{Name: in.name, Unit: in.unit, Description: in.description, Temporality: temporality}
		if i < numCounters {
			metric.Sums = m.sums(i, &t.counters[i], at)
		} else if h := &t.histograms[i-numCounters]; h.count > 0 {
			metric.Histograms = []otlp.Histogram{{Interval: at, Count: h.count, Sum: h.sum, Min: h.min, Max: h.max, Bounds: in.bounds, Buckets: h.buckets}}
		}
		if n := len(metric.Sums) + len(metric.Histograms); n > 0 {
			all, points = append(all, metric), points+n
		}
	}
	return all, points
}

func (m *Meter) sums(i int, c *counter, at otlp.Interval) (sums []otlp.Sum) {
	in := &m.instruments[i]
	for _, p := range c.points {
		if p.value == 0 {
			continue
		}
		s := otlp.Sum{Interval: at, Whole: in.whole, Value: p.value}
		if in.key != "" {
			s.Attributes = append(s.Attributes, otlp.String(in.key, p.key))
		}
		if in.charged {
			s.Attributes = append(s.Attributes, otlp.String("host.arch", m.options.Arch), otlp.Int("faas.max_memory", m.memory))
		}
		sums = append(sums, s)
	}
	return sums
}

// forget makes the next collection begin at nothing.
func (m *Meter) forget() {
	for i := range m.counted.counters {
		for p := range m.counted.counters[i].points {
			m.counted.counters[i].points[p].value = 0
		}
	}
	for i := range m.counted.histograms {
		m.counted.histograms[i].forget()
	}
}

// learn takes from an invocation what is the same for all of the environment's.
func (m *Meter) learn(p event.Process, arn string) {
	if m.origin.Account == "" {
		m.origin.Account = digits(span.Account(arn))
	}
	if m.masked || p.Runtime == "" || m.options.Process == nil {
		return
	}
	m.masked = true
	of := m.options.Process(p)
	m.origin.LogGroup, m.origin.Runtime, m.origin.RuntimeVersion = of.LogGroup.String(), of.Runtime.String(), of.Version.String()
	if stream := of.LogStream.String(); stream != "" {
		m.origin.LogStream = stream
	}
}

// keyInstance tells environments apart where a backend makes series of what it gets: opentelemetry.io/docs/specs/semconv/resource/service/. Prometheus
// calls it instance, and looks at no other attribute of a resource but service.name.
const keyInstance = "service.instance.id"

// resource is that of the spans, and the instance. Where nobody has told the environment's name, a random one keeps its numbers apart from those of others. It
// is not drawn before it is needed: what was drawn before a snapshot is the same in every environment made of it.
func (m *Meter) resource() []otlp.KeyValue {
	attributes := m.options.Resource.Of(m.origin)
	if m.options.Resource.Attributes[keyInstance] != "" { // the user's is among them
		return attributes
	}
	if m.origin.LogStream != "" {
		return append(attributes, otlp.String(keyInstance, m.origin.LogStream))
	}
	if m.random == "" {
		m.random = rand.Text()
	}
	return append(attributes, otlp.String(keyInstance, m.random))
}

// digits gives an account's number if it is one: it is shown as it stands.
func digits(account string) string {
	if strings.Trim(account, "0123456789") != "" {
		return ""
	}
	return account
}

package metric

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

func meter(change ...func(*Options)) *Meter {
	o := Options{Resource: span.Resource{Function: "orders", Memory: 1024, Release: "0.1.0"}, Arch: "arm64", Interval: time.Minute, Born: born, Process: mask.New(mask.Options{}).Process}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

func metricNamed(t *testing.T, data *metricspb.MetricsData, name string) *metricspb.Metric {
	t.Helper()
	for _, r := range data.ResourceMetrics {
		for _, m := range r.ScopeMetrics[0].Metrics {
			if m.Name == name {
				return m
			}
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// interval gives what the point of a sum is about, in seconds of this life.
func interval(m *metricspb.Metric) [2]float64 {
	p := m.GetSum().DataPoints[0]
	of := func(ns uint64) float64 { return time.Unix(0, int64(ns)).Sub(born).Seconds() }
	return [2]float64{of(p.StartTimeUnixNano), of(p.TimeUnixNano)}
}

func TestIntervalsFollowEachOther(t *testing.T) {
	type collection struct {
		now  float64
		last bool
		want [2]float64 // zero: nothing
		sum  int64
	}
	tests := []struct {
		name   string
		change func(*Options)
		starts []float64 // of one invocation before each collection; 0 is none
		give   []collection
	}{
		{"deltas, at most once an interval", nil, []float64{1, 2, 61, 62}, []collection{{1.5, false, [2]float64{1, 1.5}, 1}, {2.5, false, [2]float64{}, 0}, {61.5, false, [2]float64{1.5, 61.5}, 2}, {62.5, true, [2]float64{61.5, 62.5}, 1}}},
		{"nothing new is nothing", nil, []float64{1, 0, 0}, []collection{{1.5, false, [2]float64{1, 1.5}, 1}, {100, false, [2]float64{}, 0}, {200, true, [2]float64{}, 0}}},
		{"what began before this life is said to have begun with it", nil, []float64{-5}, []collection{{1.5, false, [2]float64{0, 1.5}, 1}}},
		{"totals", func(o *Options) { o.Cumulative = true }, []float64{1, 61, 0}, []collection{{1.5, false, [2]float64{1, 1.5}, 1}, {61.5, false, [2]float64{1, 61.5}, 2}, {62, true, [2]float64{}, 0}}},
		{"no interval", func(o *Options) { o.Interval = 0 }, []float64{1, 2}, []collection{{1.5, false, [2]float64{1, 1.5}, 1}, {2.5, false, [2]float64{1.5, 2.5}, 1}}},
		{"a clock that is set back", nil, []float64{100, 10, 11}, []collection{{100.5, false, [2]float64{100, 100.5}, 1}, {10.5, false, [2]float64{100.5, 100.5 + 1e-9}, 1}, {200, true, [2]float64{100.5 + 1e-9, 200}, 1}}},
		{"a clock that was ahead at the start", nil, []float64{100}, []collection{{10, false, [2]float64{100, 100 + 1e-9}, 1}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := meter()
			if test.change != nil {
				m = meter(test.change)
			}
			for i, c := range test.give {
				if s := test.starts[i]; s != 0 {
					m.Invocation(invocation("a"+strconv.Itoa(i), s))
				}
				payload, points := m.Collect(at(c.now), c.last)
				if c.want == [2]float64{} {
					if payload != nil || points != 0 {
						t.Errorf("collection %d: %d points", i, points)
					}
					continue
				}
				got := metricNamed(t, decode(t, payload), "faas.invocations")
				if between := interval(got); between != c.want || got.GetSum().DataPoints[0].GetAsInt() != c.sum {
					t.Errorf("collection %d: %v in %v, want %v in %v", i, got.GetSum().DataPoints[0].GetAsInt(), between, c.sum, c.want)
				}
			}
		})
	}
}

func TestTemporality(t *testing.T) {
	for want, m := range map[metricspb.AggregationTemporality]*Meter{
		metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA:      meter(),
		metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE: meter(func(o *Options) { o.Cumulative = true }),
	} {
		m.Invocation(invocation("a", 1))
		payload, _ := m.Collect(at(2), false)
		data := decode(t, payload)
		if got := metricNamed(t, data, "faas.invocations").GetSum(); got.AggregationTemporality != want || !got.IsMonotonic {
			t.Errorf("sum: %v", got)
		}
		if got := metricNamed(t, data, "faas.invoke_duration").GetHistogram(); got.AggregationTemporality != want {
			t.Errorf("histogram: %v", got)
		}
	}
}

// TestAnInitAloneIsNotWorthARequest: it goes with the first invocation, or at the end.
func TestAnInitAloneIsNotWorthARequest(t *testing.T) {
	m := meter()
	m.Fact(initReport("on-demand", "init", 0.5))
	if _, points := m.Collect(at(100), false); points != 0 {
		t.Errorf("%d points", points)
	}
	if _, points := m.Collect(at(200), true); points != 1 {
		t.Errorf("%d points at the end", points)
	}
}

// TestSuccessWaitsForLambdasWord: for one collection. A failure waits for nobody.
func TestSuccessWaitsForLambdasWord(t *testing.T) {
	m := meter(func(o *Options) { o.Interval = 0 })
	m.Fact(start("a", 1))
	m.Invocation(invocation("a", 1))
	m.Invocation(with(invocation("b", 1), raised))
	m.Invocation(with(invocation("c", 1), func(i *event.Invocation) { i.Platform.Report = &event.Report{Status: statusSuccess} }))
	got := sums{}
	collect := func() {
		payload, points := m.Collect(at(10), false)
		add(t, got, decode(t, payload), points)
	}
	collect()
	if got["faas.invocations"] != 1 || got["faas.errors[exception]"] != 1 {
		t.Errorf("at once: %v", got)
	}
	collect()
	if got["faas.invocations"] != 2 {
		t.Errorf("one collection later: %v", got)
	}
}

// TestBounds: whatever comes, what is kept has a limit, and nothing is forgotten.
func TestBounds(t *testing.T) {
	m := meter()
	m.Fact(start("x", 1))
	const n = 3 * mostWaiting
	for i := range n {
		m.Invocation(invocation(strconv.Itoa(i), 1))
		m.Lost(event.Loss{Reason: "r" + strconv.Itoa(i), Records: 1})
	}
	if len(m.waiting) > mostWaiting || len(m.counted.counters[lostRecords].points) > mostKeys+1 {
		t.Errorf("%d wait, %d reasons", len(m.waiting), len(m.counted.counters[lostRecords].points))
	}
	got := sums{}
	payload, points := m.Collect(at(2), true)
	add(t, got, decode(t, payload), points)
	lost := 0.0
	for name, v := range got {
		if strings.HasPrefix(name, "afterglow.lost.records") {
			lost += v
		}
	}
	if got["faas.invocations"] != n || lost != n {
		t.Errorf("%v invocations, %v lost of %d", got["faas.invocations"], lost, n)
	}
}

// TestWhateverTheOrder: facts late, doubled or missing, in any order and between any collections, every invocation is counted once and in one place.
func TestWhateverTheOrder(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := meter(func(o *Options) { o.Interval = 0 })
		got, now := sums{}, 10.0
		collect := func(last bool) {
			now++
			payload, points := m.Collect(at(now), last)
			add(t, got, decode(t, payload), points)
		}
		const n = 20
		reports := 0
		var steps []func()
		for i := range n {
			id := strconv.Itoa(i)
			inv := invocation(id, 1)
			if r.IntN(4) == 0 {
				inv = with(inv, raised)
			}
			steps = append(steps, func() { m.Invocation(inv) })
			for range r.IntN(3) {
				steps = append(steps, func() {
					m.Fact(done(id, 2, []string{statusSuccess, "error", statusTimeout}[r.IntN(3)], "Runtime.ExitError"))
				})
			}
			if twice := r.IntN(3); twice > 0 {
				reports++
				for range twice {
					steps = append(steps, func() { m.Fact(reported(id, 3)) })
				}
			}
			if r.IntN(5) == 0 {
				steps = append(steps, func() { collect(false) })
			}
		}
		r.Shuffle(len(steps), func(a, b int) { steps[a], steps[b] = steps[b], steps[a] })
		for _, s := range steps {
			s()
		}
		collect(true)
		counted := got["faas.invocations"] + got["faas.timeouts"] + got["faas.errors[exception]"] + got["faas.errors[Runtime.ExitError]"]
		if counted != n || got["faas.invoke_duration#"] != n || got["faas.mem_usage#"] != float64(reports) {
			t.Fatalf("seed %d: %v invocations of %d, %v durations, %v reports of %d", seed, counted, n, got["faas.invoke_duration#"], got["faas.mem_usage#"], reports)
		}
	}
}

// TestResourceIsThatOfTheSpans, and has the instance, without which Prometheus could not tell environments apart.
func TestResourceIsThatOfTheSpans(t *testing.T) {
	o := Options{Resource: span.Resource{Service: "shop", Function: "orders", Version: "7", Region: "eu-central-1", Memory: 512, Release: "0.1.0", Attributes: map[string]string{"team": "a"}},
		Interval: time.Minute, Born: born, Process: mask.New(mask.Options{}).Process}
	m := New(o)
	inv := invocation("a", 1)
	m.Invocation(inv)
	payload, _ := m.Collect(at(2), true)
	data := decode(t, payload)
	spans := new(span.Builder).Build(mask.New(mask.Options{}).Apply(inv), o.Resource)
	got := data.ResourceMetrics[0]
	want := append(spans.Resource, otlp.String("service.instance.id", inv.Process.Env["AWS_LAMBDA_LOG_STREAM_NAME"]))
	if keys(got.Resource.Attributes) != keysOf(t, want) {
		t.Errorf("got  %s\nwant %s", keys(got.Resource.Attributes), keysOf(t, want))
	}
	if got.SchemaUrl != spans.SchemaURL || got.ScopeMetrics[0].SchemaUrl != spans.SchemaURL || got.ScopeMetrics[0].Scope.Name != spans.Scope.Name || got.ScopeMetrics[0].Scope.Version != "0.1.0" {
		t.Errorf("scope: %v %v", got.ScopeMetrics[0].Scope, got.SchemaUrl)
	}
}

func keys(of []*commonpb.KeyValue) string {
	var all []string
	for _, kv := range of {
		all = append(all, kv.Key+"="+kv.Value.String())
	}
	slices.Sort(all)
	return strings.Join(strings.Fields(strings.Join(all, "\n")), " ") // prototext puts one space or two, by chance
}

func keysOf(t *testing.T, of []otlp.KeyValue) string {
	b := otlp.AppendRequest(nil, otlp.ResourceSpans{Resource: of})
	return keys(decode(t, b).ResourceMetrics[0].Resource.Attributes) // the messages around a resource are the same
}

// TestEnvironmentsAreToldApart by what Lambda calls them, and where nobody says it by a random name: numbers of two would be taken for one's.
func TestEnvironmentsAreToldApart(t *testing.T) {
	attribute := func(m *Meter, key string) string {
		payload, _ := m.Collect(at(2), true)
		for _, kv := range decode(t, payload).ResourceMetrics[0].Resource.Attributes {
			if kv.Key == key {
				return kv.Value.GetStringValue()
			}
		}
		return ""
	}
	m := meter(func(o *Options) { o.Account = "123456789012" })
	m.Fact(event.Fact{Kind: event.FactInitStart, Instance: "2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef"})
	m.Fact(reported("a", 1))
	if got := attribute(m, "faas.instance"); got != "2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef" {
		t.Errorf("faas.instance is %q", got)
	}
	m.Fact(reported("b", 1))
	if got := attribute(m, "cloud.account.id"); got != "123456789012" {
		t.Errorf("cloud.account.id is %q", got)
	}
	own := meter(func(o *Options) { o.Resource.Attributes = map[string]string{"service.instance.id": "mine"} })
	own.Fact(reported("a", 1))
	if got := attribute(own, "service.instance.id"); got != "mine" {
		t.Errorf("the user's own service.instance.id became %q", got)
	}
	one, other := meter(), meter()
	one.Fact(reported("a", 1))
	first := attribute(one, "service.instance.id")
	one.Fact(reported("b", 2))
	again := attribute(one, "service.instance.id")
	other.Fact(reported("a", 1))
	if foreign := attribute(other, "service.instance.id"); first == "" || first != again || first == foreign {
		t.Errorf("service.instance.id is %q, then %q; another's is %q", first, again, foreign)
	}
}

// TestWhatAHookSaysIsMasked: a hook's words for its process go the way that they go in spans.
func TestWhatAHookSaysIsMasked(t *testing.T) {
	m := meter()
	inv := invocation("a", 1)
	inv.ARN = "arn:aws:lambda:eu-central-1:hunter2:function:orders"
	inv.Process.Version = "Bearer AKIAIOSFODNN7EXAMPLE"
	inv.Error = &event.Error{Type: "hunter2"}
	m.Invocation(inv)
	payload, _ := m.Collect(at(2), true)
	if s := string(payload); strings.Contains(s, "hunter2") || strings.Contains(s, "AKIAIOSFODNN7EXAMPLE") {
		t.Errorf("it is shown: %q", s)
	}
}

// TestKindsOfErrors: Lambda's words are shown, and nothing that is none.
func TestKindsOfErrors(t *testing.T) {
	for word, want := range map[string]string{
		"Runtime.ExitError": "Runtime.ExitError", "Function.ResponseSizeTooLarge": "Function.ResponseSizeTooLarge", "Sandbox.Timedout": "Sandbox.Timedout", "Extension.Crash": "Extension.Crash",
		"": "_OTHER", "Runtime": "_OTHER", "Runtime.": "_OTHER", "Runtime.Exit Error": "_OTHER", "Runtime.A.B": "_OTHER", "Other.Error": "_OTHER", "Runtime." + strings.Repeat("A", 100): "_OTHER",
	} {
		if got := kindOf(word); got != want {
			t.Errorf("%q is %q, want %q", word, got, want)
		}
	}
}

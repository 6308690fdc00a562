package metric

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Source: opentelemetry.io/docs/specs/semconv/faas/faas-metrics/, 1.44.
func TestInstrumentsOfTheConventions(t *testing.T) {
	durations := []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	want := map[string]struct {
		unit   string
		bounds []float64 // nil for a counter, or where there is no advice
	}{
		"faas.invoke_duration": {"s", durations}, "faas.init_duration": {"s", durations}, "faas.mem_usage": {"By", nil},
		"faas.coldstarts": {"{coldstart}", nil}, "faas.errors": {"{error}", nil}, "faas.invocations": {"{invocation}", nil}, "faas.timeouts": {"{timeout}", nil},
	}
	seen := 0
	for i, in := range table() {
		if (in.bounds != nil) != (i >= numCounters) || !slices.IsSorted(in.bounds) || in.description == "" || in.unit == "" {
			t.Errorf("%s: %+v", in.name, in)
		}
		if !regexp.MustCompile(`^(faas|afterglow)\.[a-z_.]+$`).MatchString(in.name) {
			t.Errorf("%s is no name", in.name)
		}
		if !strings.HasPrefix(in.name, "faas.") {
			continue
		}
		seen++
		if w, ok := want[in.name]; !ok || in.unit != w.unit || w.bounds != nil && !slices.Equal(in.bounds, w.bounds) {
			t.Errorf("%s is not as the conventions have it: %+v", in.name, in)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d", seen, len(want))
	}
}

// Source: the data model: a bucket reaches to its bound, which is in it, and the last to infinity.
func TestBuckets(t *testing.T) {
	bounds := []float64{1, 2}
	var h histogram
	for _, v := range []float64{0.5, 1, 1.5, 2, 2.5, math.MaxFloat64} {
		h.observe(bounds, v)
	}
	if !slices.Equal(h.buckets, []uint64{2, 2, 2}) || h.count != 6 || h.min != 0.5 || h.max != math.MaxFloat64 {
		t.Errorf("%+v", h)
	}
	h.forget()
	h.observe(bounds, 7)
	if !slices.Equal(h.buckets, []uint64{0, 0, 1}) || h.count != 1 || h.sum != 7 || h.min != 7 || h.max != 7 {
		t.Errorf("a second time: %+v", h)
	}
}

// Source: aws.amazon.com/lambda/pricing, US East (N. Virginia): its examples and prices.
func TestPrices(t *testing.T) {
	const month = 3_000_000 // invocations
	for name, c := range map[string]struct {
		o      Options
		billed time.Duration
		memory int64
		want   float64 // dollars a month, without the free tier
	}{
		"x86, 1.5 GB, 120 ms":     {Options{Arch: "amd64"}, 120 * time.Millisecond, 1536 << 20, 3_000_000*0.12*1.5*0.0000166667 + 0.6},
		"arm, 1.5 GB, 120 ms":     {Options{Arch: "arm64"}, 120 * time.Millisecond, 1536 << 20, 3_000_000*0.12*1.5*0.0000133334 + 0.6},
		"the least":               {Options{Arch: "amd64"}, time.Millisecond, 128 << 20, 3_000_000*0.001*0.125*0.0000166667 + 0.6},
		"provisioned":             {Options{Arch: "amd64", InitType: typeProvisioned}, time.Second, 1 << 30, 3_000_000*0.0000097222 + 0.6},
		"provisioned arm":         {Options{Arch: "arm64", InitType: typeProvisioned}, time.Second, 1 << 30, 3_000_000*0.0000077778 + 0.6},
		"a snapshot":              {Options{Arch: "arm64", InitType: typeSnapStart}, time.Second, 1 << 30, 3_000_000*0.0000133334 + 0.6},
		"another price":           {Options{Arch: "arm64", GBSecond: 0.00002}, time.Second, 1 << 30, 60.6},
		"Managed Instances":       {Options{Arch: "arm64", InitType: typeManaged, GBSecond: 0.00002}, 0, 0, 0.6},
		"a report without memory": {Options{Arch: "amd64"}, time.Second, 0, 0.6},
	} {
		t.Run(name, func(t *testing.T) {
			if got := priceOf(c.o).of(c.billed, c.memory) * month; math.Abs(got-c.want) > 1e-9 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// BenchmarkInvocation is what an invocation costs: its facts, itself, and its part of a collection every hundred.
func BenchmarkInvocation(b *testing.B) {
	m := meter()
	inv := with(invocation("6d68ca91-49c9-448d-89b8-7ca3e6dc66aa", 1), ended(statusSuccess, ""))
	report := reported(inv.ID, 2)
	begun, done := start(inv.ID, 1), done(inv.ID, 2, statusSuccess, "")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Fact(begun)
		m.Fact(done)
		m.Invocation(inv)
		report.Time = report.Time.Add(time.Second)
		m.Fact(report)
		if i%100 == 99 {
			m.Collect(at(float64(i)*1000), false)
		}
	}
}

// TestNoAllocationPerInvocation: only a collection makes anything.
func TestNoAllocationPerInvocation(t *testing.T) {
	m := meter()
	inv := with(invocation("a", 1), ended(statusSuccess, ""))
	report := reported(inv.ID, 2)
	once := func() {
		m.Invocation(inv)
		report.Time = report.Time.Add(time.Second)
		m.Fact(report)
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

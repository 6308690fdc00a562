package lambdalocal

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// Metrics of the layer on functions of this local Lambda: every number against what was invoked, and against what the platform itself reported.

const failingApp = `
import time
time.sleep(0.05)
def handler(event, context):
    if event.get("raise"):
        raise ValueError("bad order")
    time.sleep(event.get("sleep", 0))
    return event
`

// A bill is what the platform reported of a function's invocations.
type bill struct {
	mu      sync.Mutex
	reports []Report
}

func (b *bill) add(r Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, r)
}

// total gives how many invocations were billed, for how many milliseconds, and what extensions took of it.
func (b *bill) total() (n int, billed int64, overhead time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.reports {
		billed += r.BilledMS
		overhead += r.ExtensionOverhead
	}
	return len(b.reports), billed, overhead
}

// total is of a metric whose points have delta or cumulative temporality; 0 where there is none.
func (w *watched) total(name string) float64 {
	v, _ := otlptest.Total(w.collector.Points(), name)
	return v
}

// sum adds up the values of a histogram's deltas.
func (w *watched) sum(name string) (sum float64) {
	for _, p := range w.collector.Points() {
		if p.Name == name {
			sum += p.Sum
		}
	}
	return sum
}

// TestAfterglowCountsExactly: twenty invocations, of which three raise and one times out, which resets the environment.
func TestAfterglowCountsExactly(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings map[string]string
		change   func(*Function, *Options)
		told     bool // the platform tells of reports and inits
	}{
		{"deltas", nil, nil, true},
		{"every collection by itself", map[string]string{"OTEL_METRIC_EXPORT_INTERVAL": "0", "AFTERGLOW_FLUSH": "end"}, nil, true},
		{"totals", map[string]string{"OTEL_METRIC_EXPORT_INTERVAL": "0", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "cumulative"}, nil, true},
		{"a platform that tells nothing", nil, func(_ *Function, o *Options) { o.NoTelemetry = true }, false},
		{"a platform that is not asked", map[string]string{"AFTERGLOW_TELEMETRY": "false"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var billed bill
			w := withAfterglow(t, managed(t, pythonName, "app.py", failingApp).also(func(f *Function, o *Options) {
				f.Timeout, f.MemoryMB, o.Report = 2*time.Second, 512, billed.add
				if c.change != nil {
					c.change(f, o)
				}
			}), c.settings)
			for n := range 20 {
				switch {
				case n%6 == 4: // 4, 10, 16
					w.invoke(`{"raise":true}`)
				case n == 12:
					w.invoke(`{"sleep":60}`)
				default:
					w.invoke(fmt.Sprintf(`{"n":%d}`, n))
				}
			}
			w.close()
			for name, want := range map[string]float64{
				"faas.invocations": 16, "faas.errors": 3, "faas.timeouts": 1, "faas.coldstarts": 2, "faas.invoke_duration": 20,
				"afterglow.lost.records": 0,
			} {
				if got := w.total(name); got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			if !c.told {
				for _, name := range []string{"faas.init_duration", "faas.mem_usage", "afterglow.billed_duration", "afterglow.cost", "afterglow.extension_overhead"} {
					if got := w.total(name); got != 0 {
						t.Errorf("nobody told %s, and it is %v", name, got)
					}
				}
				return
			}
			w.checkBill(&billed, 512, c.settings["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] == "")
		})
	}
}

// checkBill compares what was counted with what the platform billed. The last report of each of the two lives may come too late to be counted: nobody
// can wait for it for long.
func (w *watched) checkBill(b *bill, memoryMB float64, deltas bool) {
	w.t.Helper()
	invocations, ms, overhead := b.total()
	told := int(w.total("faas.mem_usage"))
	if told > invocations || told < invocations-2 || w.total("faas.init_duration") != 2 {
		w.t.Errorf("%d reports of %d and %v inits of 2 were counted", told, invocations, w.total("faas.init_duration"))
	}
	billed := w.total("afterglow.billed_duration")
	if total := float64(ms) / 1000; billed > total+1e-9 || told == invocations && billed < total-1e-9 {
		w.t.Errorf("%v s were billed, %v counted with %d reports of %d", total, billed, told, invocations)
	}
	want := billed*memoryMB/1024*pricePerGBSecond() + float64(told)*0.0000002
	if got := w.total("afterglow.cost"); math.Abs(got-want) > 1e-12 {
		w.t.Errorf("it cost %v, want %v", got, want)
	}
	if got := w.sum("afterglow.extension_overhead"); deltas && told == invocations && math.Abs(got-overhead.Seconds()) > 0.001*float64(invocations) {
		w.t.Errorf("extensions took %v s, of which %v s were counted", overhead.Seconds(), got)
	}
}

// pricePerGBSecond is Lambda's list price in US East (N. Virginia): aws.amazon.com/lambda/pricing.
func pricePerGBSecond() float64 {
	if runtime.GOARCH == "arm64" {
		return 0.0000133334
	}
	return 0.0000166667
}

// TestAfterglowCountsByTheWayAnEnvironmentCame: what is set up ahead of all invocations keeps none waiting, what a snapshot was made of is not this environment's.
func TestAfterglowCountsByTheWayAnEnvironmentCame(t *testing.T) {
	for _, c := range []struct {
		name                  string
		change                func(*Function, *Options)
		cold, inits, restores float64
		billedTime            bool
	}{
		{name: "on demand", cold: 1, inits: 1, billedTime: true},
		{name: "provisioned", change: func(f *Function, _ *Options) { f.InitType = ProvisionedConcurrency }, inits: 1, billedTime: true},
		{name: "SnapStart", change: withSnapStart, cold: 1, restores: 1, billedTime: true},
		{name: "Managed Instances", change: onInstances(1), inits: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := withAfterglow(t, managed(t, pythonName, "app.py", failingApp).also(func(f *Function, o *Options) {
				if c.change != nil {
					c.change(f, o)
				}
			}), nil)
			for n := range 5 {
				w.invoke(fmt.Sprintf(`{"n":%d}`, n))
			}
			w.invoke(`{"raise":true}`)
			w.close()
			want := map[string]float64{
				"faas.invocations": 5, "faas.errors": 1, "faas.timeouts": 0, "faas.invoke_duration": 6,
				"faas.coldstarts": c.cold, "faas.init_duration": c.inits, "afterglow.restore_duration": c.restores,
			}
			for name, want := range want {
				if got := w.total(name); got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			if got := w.total("afterglow.billed_duration"); (got > 0) != c.billedTime {
				t.Errorf("billed time is %v", got)
			}
			if got := w.total("afterglow.cost"); !c.billedTime && (got < 5*0.0000002 || got > 6*0.0000002+1e-12) { // the last report may be too late
				t.Errorf("six requests cost %v", got)
			}
		})
	}
}

// TestAfterglowCountsWithoutHooks: Lambda alone tells of a function whose runtime has none.
func TestAfterglowCountsWithoutHooks(t *testing.T) {
	w := withAfterglow(t, lambda{change: func(f *Function, _ *Options) { f.Timeout = 2 * time.Second }}, map[string]string{wrapperSetting: ""})
	w.invoke(`{"do":"say=1"}`)
	w.invoke(`{"do":"exit=3"}`)
	w.invoke(`{"do":"say=2"}`)
	w.invoke(`{"do":"sleep=60s"}`)
	w.invoke(`{"do":"say=3"}`)
	w.close()
	for name, want := range map[string]float64{
		"faas.invocations": 3, "faas.errors": 1, "faas.timeouts": 1, "faas.coldstarts": 3, "faas.invoke_duration": 5, "faas.init_duration": 3,
	} {
		if got := w.total(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

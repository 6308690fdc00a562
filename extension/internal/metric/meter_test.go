package metric

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/span"
)

var born = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

const gb = bytesPerGB

// at is a moment of this life of the environment.
func at(seconds float64) time.Time { return born.Add(time.Duration(seconds * float64(time.Second))) }

// invocation is one that went well, of a tenth of a second, as its hook alone knows it.
func invocation(id string, start float64) event.Invocation {
	return event.Invocation{
		ID: id, ARN: "arn:aws:lambda:eu-central-1:123456789012:function:orders", Start: at(start), Duration: 100 * time.Millisecond, Deadline: at(start + 3),
		Process: event.Process{PID: 17, Runtime: "python", Version: "3.13.1", Env: map[string]string{
			"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef",
		}},
	}
}

func start(id string, t float64) event.Fact {
	return event.Fact{Kind: event.FactStart, ID: id, Time: at(t)}
}

func done(id string, t float64, status, errorType string) event.Fact {
	return event.Fact{Kind: event.FactDone, ID: id, Time: at(t), Status: status, ErrorType: errorType, Duration: 120 * time.Millisecond}
}

// reported is the report of an invocation with 1 GB that is billed 200 ms, 50 of which are extensions'.
func reported(id string, t float64) event.Fact {
	return event.Fact{
		Kind: event.FactReport, ID: id, Time: at(t), Status: statusSuccess, Duration: 170 * time.Millisecond, Billed: 200 * time.Millisecond,
		Overhead: 50 * time.Millisecond, MemorySize: gb, MemoryUsed: 300 << 20,
	}
}

func initReport(initType, phase string, t float64) event.Fact {
	return event.Fact{Kind: event.FactInitReport, Time: at(t), InitType: initType, Phase: phase, Duration: 400 * time.Millisecond}
}

// A step is what happens to a Meter: an event.Invocation, an event.Fact, an event.Loss, or collect.
type step any

// collect is a Collect that is due; again is one that is not.
type collect struct{}

// with changes an invocation or a fact.
func with[T any](v T, change func(*T)) T { change(&v); return v }

func raised(i *event.Invocation) { i.Error = &event.Error{Type: "ValueError"} }

func ended(status, errorType string) func(*event.Invocation) {
	return func(i *event.Invocation) {
		i.Platform.Done, i.Platform.Status, i.Platform.ErrorType = at(1), status, errorType
	}
}

func outcome(o string) func(*event.Invocation) {
	return func(i *event.Invocation) { i.Outcome, i.Open, i.Duration = o, true, 0 }
}

// sums are what comes out, by name and, where there is one, the attribute in brackets: values of counters, sums of histograms with their count behind #.
type sums map[string]float64

// Each row is what a source tells, in the order in which it is told, and what it comes to: docs/metrics.md has the same table.
func TestEachNumberHasOneSource(t *testing.T) {
	onePaid := sums{
		"afterglow.billed_duration": 0.2, "afterglow.cost": 0.2*0.0000166667 + 0.0000002,
		"faas.mem_usage": 300 << 20, "faas.mem_usage#": 1, "afterglow.extension_overhead": 0.05, "afterglow.extension_overhead#": 1,
	}
	success := sums{"faas.invocations": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}
	tests := []struct {
		name  string
		give  []step
		want  sums
		typed string // of the environment; "" is on-demand
	}{
		{"nothing", nil, sums{}, ""},
		{"hooks alone", []step{invocation("a", 1)}, success, ""},
		{"hooks alone, an exception", []step{with(invocation("a", 1), raised)}, sums{"faas.errors[exception]": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, ""},
		{"hooks alone, cold", []step{with(invocation("a", 1), func(i *event.Invocation) { i.Cold = true })}, join(success, sums{"faas.coldstarts": 1}), ""},
		{"hooks alone, an end that nobody saw", []step{with(invocation("a", 1), outcome(""))}, sums{"faas.errors[_OTHER]": 1}, ""},
		{"late calls count for nothing", []step{with(invocation("a", 1), func(i *event.Invocation) { i.Late = true })}, sums{}, ""},
		{"what ran before an invocation is none", []step{with(invocation("init", 1), raised), invocation("none", 1)}, sums{}, ""},

		{"Lambda says success", []step{start("a", 1), with(invocation("a", 1), ended(statusSuccess, ""))}, success, ""},
		{"a handled exception is an error, though Lambda says success", []step{start("a", 1), with(with(invocation("a", 1), raised), ended(statusSuccess, ""))},
			sums{"faas.errors[exception]": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, ""},
		{"the process ended after the handler", []step{start("a", 1), with(invocation("a", 1), ended("error", "Runtime.ExitError"))},
			sums{"faas.errors[Runtime.ExitError]": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, ""},
		{"a kind that is no word of Lambda's is not shown", []step{start("a", 1), with(invocation("a", 1), ended("error", "Runtime.hunter2 hunter2"))},
			sums{"faas.errors[_OTHER]": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, ""},
		{"a timeout", []step{start("a", 1), with(with(invocation("a", 1), outcome(event.OutcomeTimeout)), ended(statusTimeout, ""))},
			sums{"faas.timeouts": 1, "faas.invoke_duration": 3, "faas.invoke_duration#": 1}, ""},
		{"a timeout of which only Lambda's status tells", []step{start("a", 1), with(invocation("a", 1), ended(statusTimeout, ""))}, sums{"faas.timeouts": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, ""},
		{"a timeout that Lambda measured", []step{start("a", 1), with(with(invocation("a", 1), outcome(event.OutcomeTimeout)), func(i *event.Invocation) { i.Platform.Duration = 3010 * time.Millisecond })},
			sums{"faas.timeouts": 1, "faas.invoke_duration": 3.01, "faas.invoke_duration#": 1}, ""},
		{"out of memory", []step{with(with(invocation("a", 1), outcome(event.OutcomeOutOfMemory)), ended("error", "Runtime.ExitError"))}, sums{"faas.errors[out-of-memory]": 1}, ""},
		{"killed", []step{with(invocation("a", 1), outcome(event.OutcomeKilled))}, sums{"faas.errors[killed]": 1}, ""},

		{"runtimeDone comes after the invocation was given", []step{start("a", 1), invocation("a", 1), done("a", 2, statusSuccess, ""), collect{}}, success, ""},
		{"and says that it failed", []step{start("a", 1), invocation("a", 1), done("a", 2, "error", "Function.ResponseSizeTooLarge"), collect{}},
			sums{"faas.errors[Function.ResponseSizeTooLarge]": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, ""},
		{"and says that it timed out", []step{start("a", 1), invocation("a", 1), done("a", 2, statusTimeout, "")}, sums{"faas.timeouts": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, ""},
		{"runtimeDone twice", []step{start("a", 1), invocation("a", 1), done("a", 2, statusSuccess, ""), done("a", 2, statusSuccess, ""), done("a", 3, "error", "Runtime.ExitError")}, success, ""},
		{"runtimeDone never comes", []step{start("a", 1), invocation("a", 1), collect{}, collect{}}, success, ""},
		{"nor for an end that nobody saw", []step{start("a", 1), with(invocation("a", 1), outcome("")), collect{}, collect{}}, sums{"faas.errors[_OTHER]": 1}, ""},
		{"an end that no hook saw, a success by Lambda", []step{start("a", 1), with(invocation("a", 1), outcome("")), done("a", 2, statusSuccess, "")}, sums{"faas.invocations": 1, "faas.invoke_duration": 0.12, "faas.invoke_duration#": 1}, ""},

		{"the report comes with the next invocation", []step{start("a", 1), with(invocation("a", 1), ended(statusSuccess, "")), collect{}, start("b", 2), reported("a", 2), with(invocation("b", 2), ended(statusSuccess, ""))},
			join(sums{"faas.invocations": 2, "faas.invoke_duration": 0.2, "faas.invoke_duration#": 2}, onePaid), ""},
		{"the report comes first", []step{start("a", 1), reported("a", 2), with(invocation("a", 1), func(i *event.Invocation) { i.Platform.Report = &event.Report{Status: statusSuccess} })}, join(success, onePaid), ""},
		{"the report is all that comes", []step{start("a", 1), invocation("a", 1), reported("a", 2)}, join(success, onePaid), ""},
		{"and says that it failed", []step{start("a", 1), invocation("a", 1), with(reported("a", 2), func(f *event.Fact) { f.Status, f.ErrorType = "failure", "Sandbox.Failure" })},
			join(sums{"faas.errors[Sandbox.Failure]": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, onePaid), ""},
		{"the report says that what was done had failed", []step{with(with(invocation("a", 1), ended(statusSuccess, "")), func(i *event.Invocation) {
			i.Platform.Report = &event.Report{Status: "error", ErrorType: "Extension.Crash"}
		})}, sums{"faas.errors[Extension.Crash]": 1, "faas.invoke_duration": 0.1, "faas.invoke_duration#": 1}, ""},
		{"a report twice", []step{reported("a", 2), reported("a", 2)}, onePaid, ""},
		{"a retry has the same id", []step{start("a", 1), with(with(invocation("a", 1), raised), ended(statusSuccess, "")), reported("a", 2), start("a", 3), with(invocation("a", 3), ended(statusSuccess, "")), reported("a", 4)},
			join(sums{"faas.errors[exception]": 1, "faas.invocations": 1, "faas.invoke_duration": 0.2, "faas.invoke_duration#": 2}, onePaid, onePaid), ""},
		{"the report of an invocation of an earlier life", []step{reported("before", 0.5)}, onePaid, ""},
		{"the first invocation, told by Lambda alone", []step{initReport("on-demand", "init", 0.5), start("a", 1), with(invocation("a", 1), func(i *event.Invocation) {
			ended(statusSuccess, "")(i)
			i.Duration, i.Platform.Duration, i.Cold = 0, 100*time.Millisecond, true
		})}, join(success, sums{"faas.coldstarts": 1, "faas.init_duration": 0.4, "faas.init_duration#": 1}), ""},

		{"an init is told by initReport and by the report", []step{initReport("on-demand", "init", 0.5), with(reported("a", 2), func(f *event.Fact) { f.Init = 400 * time.Millisecond })},
			join(onePaid, sums{"faas.init_duration": 0.4, "faas.init_duration#": 1}), ""},
		{"an init that initReport did not tell of", []step{with(reported("a", 2), func(f *event.Fact) { f.Init = 400 * time.Millisecond })}, join(onePaid, sums{"faas.init_duration": 0.4, "faas.init_duration#": 1}), ""},
		{"an init that failed, and the one within the invocation", []step{initReport("on-demand", "init", 0.5), initReport("on-demand", "invoke", 1), with(invocation("a", 1), func(i *event.Invocation) { i.Cold = true })},
			join(success, sums{"faas.coldstarts": 1, "faas.init_duration": 0.8, "faas.init_duration#": 2}), ""},
		{"an environment that was reset: the invocation before, cold itself, and the first of this life", []step{
			initReport("on-demand", "invoke", 0.5), start("b", 0.6), reported("a", 0.7),
			with(with(invocation("a", -5), outcome(event.OutcomeTimeout)), func(i *event.Invocation) { i.Cold = true }),
			with(with(invocation("b", 1), ended(statusSuccess, "")), func(i *event.Invocation) { i.Cold = true }),
		}, join(onePaid, sums{"faas.timeouts": 1, "faas.invocations": 1, "faas.coldstarts": 2, "faas.init_duration": 0.4, "faas.init_duration#": 1, "faas.invoke_duration": 3.1, "faas.invoke_duration#": 2}), ""},

		{"a snapshot's init is not this environment's", []step{initReport("snap-start", "snap-start", -86400), initReport("snap-start", "init", -86400),
			event.Fact{Kind: event.FactRestoreDone, Time: at(0.5), Duration: 300 * time.Millisecond}, with(invocation("a", 1), func(i *event.Invocation) { i.Cold = true })},
			join(success, sums{"faas.coldstarts": 1, "afterglow.restore_duration": 0.3, "afterglow.restore_duration#": 1}), typeSnapStart},
		{"nor where nobody but the environment says that it is one", []step{initReport("", "init", -86400)}, sums{}, typeSnapStart},
		{"nor where nobody but Lambda says so", []step{initReport("snap-start", "init", -86400)}, sums{}, ""},
		{"a restore is told by restoreReport and by the report", []step{event.Fact{Kind: event.FactRestoreDone, Time: at(0.5), Duration: 300 * time.Millisecond},
			with(reported("a", 2), func(f *event.Fact) { f.Restore = 300 * time.Millisecond })}, join(onePaid, sums{"afterglow.restore_duration": 0.3, "afterglow.restore_duration#": 1}), typeSnapStart},
		{"an init within an invocation of a snapshot's", []step{initReport("snap-start", "invoke", 1)}, sums{"faas.init_duration": 0.4, "faas.init_duration#": 1}, typeSnapStart},
		{"a provisioned environment's init is no cold start", []step{initReport("provisioned-concurrency", "init", 0.5), with(invocation("a", 1000), func(i *event.Invocation) { i.Cold = true })},
			join(success, sums{"faas.init_duration": 0.4, "faas.init_duration#": 1}), typeProvisioned},
		{"on Managed Instances there is no runtimeDone, and a report has its duration alone", []step{
			initReport("lambda-managed-instances", "init", 0.5), start("a", 1), start("b", 1), with(invocation("a", 1), func(i *event.Invocation) { i.Cold = true }), with(invocation("b", 1), raised),
			event.Fact{Kind: event.FactReport, ID: "a", Time: at(2), Status: statusSuccess, Duration: 100 * time.Millisecond},
			event.Fact{Kind: event.FactReport, ID: "b", Time: at(2), Status: "error", Duration: 100 * time.Millisecond},
		}, sums{"faas.invocations": 1, "faas.errors[exception]": 1, "faas.invoke_duration": 0.2, "faas.invoke_duration#": 2, "faas.init_duration": 0.4, "faas.init_duration#": 1, "afterglow.cost": 2 * 0.0000002}, typeManaged},

		{"what limits left out", []step{invocation("a", 1), mask.Dropped{Calls: 2, Bytes: 100}, mask.Dropped{}, mask.Dropped{Unknown: 1, Bodies: 2, Headers: 3, Attributes: 4, Links: 5, Messages: 6, Calls: 7, Lines: 8, Bytes: 9}},
			join(success, sums{
				"afterglow.dropped.items[unknown]": 1, "afterglow.dropped.items[bodies]": 2, "afterglow.dropped.items[headers]": 3, "afterglow.dropped.items[attributes]": 4, "afterglow.dropped.items[links]": 5,
				"afterglow.dropped.items[messages]": 6, "afterglow.dropped.items[calls]": 9, "afterglow.dropped.items[lines]": 8, "afterglow.dropped.bytes": 109,
			}), ""},
		{"losses", []step{event.Loss{Reason: "queue-full", Records: 3, Bytes: 100}, with(invocation("a", 1), func(i *event.Invocation) {
			i.Lost = []event.Loss{{Reason: "torn", Records: 1, Bytes: 70}, {Reason: "queue-full", Records: 1}}
		}), event.Fact{Kind: event.FactDropped, Time: at(2), DroppedRecords: 5}}, // intake makes a loss of it
			join(success, sums{"afterglow.lost.records[queue-full]": 4, "afterglow.lost.bytes[queue-full]": 100, "afterglow.lost.records[torn]": 1, "afterglow.lost.bytes[torn]": 70}), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := New(Options{Resource: span.Resource{Function: "orders", Memory: 512}, InitType: test.typed, Arch: "amd64", Interval: time.Minute, Born: born, Process: mask.New(mask.Options{}).Process})
			got := sums{}
			now := at(10)
			next := func(last bool) {
				payload, points := m.Collect(now, last)
				now = now.Add(time.Hour)
				add(t, got, decode(t, payload), points)
			}
			for _, s := range test.give {
				switch s := s.(type) {
				case event.Invocation:
					m.Invocation(s)
				case event.Fact:
					m.Fact(s)
				case event.Loss:
					m.Lost(s)
				case mask.Dropped:
					m.Dropped(s)
				case collect:
					next(false)
				}
				m.Peek(now) // changes nothing
			}
			m.changed = true
			peeked := maps.Clone(got)
			payload, points := m.Peek(now)
			add(t, peeked, decode(t, payload), points)
			if diff := difference(peeked, test.want); diff != "" {
				t.Errorf("what the next life would send: %s", diff)
			}
			next(true)
			next(true) // nothing is left
			if diff := difference(got, test.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// join adds up.
func join(all ...sums) sums {
	to := sums{}
	for _, s := range all {
		for name, v := range s {
			to[name] += v
		}
	}
	return to
}

func difference(got, want sums) string {
	names := maps.Clone(got)
	maps.Copy(names, want)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if d := got[name] - want[name]; d > 1e-12 || d < -1e-12 {
			fmt.Fprintf(&b, "%s is %v, want %v\n", name, got[name], want[name])
		}
	}
	return b.String()
}

func decode(t testing.TB, payload []byte) *metricspb.MetricsData {
	t.Helper()
	var data metricspb.MetricsData
	if err := proto.Unmarshal(payload, &data); err != nil {
		t.Fatal(err)
	}
	return &data
}

// add adds up what a request holds.
func add(t *testing.T, to sums, data *metricspb.MetricsData, points int) {
	t.Helper()
	for _, resource := range data.ResourceMetrics {
		for _, metric := range resource.ScopeMetrics[0].Metrics {
			for _, p := range metric.GetSum().GetDataPoints() {
				points--
				name := metric.Name
				if len(p.Attributes) == 1 {
					name += "[" + p.Attributes[0].Value.GetStringValue() + "]"
				}
				to[name] += p.GetAsDouble() + float64(p.GetAsInt())
			}
			for _, p := range metric.GetHistogram().GetDataPoints() {
				points--
				to[metric.Name] += p.GetSum()
				to[metric.Name+"#"] += float64(p.Count)
			}
		}
	}
	if points != 0 {
		t.Errorf("%d points more were told than sent", points)
	}
}

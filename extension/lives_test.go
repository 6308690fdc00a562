package main

import (
	"fmt"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// counted adds up the points of a counter that arrived.
func counted(r *otlptest.Receiver, name string) (sum float64) {
	for _, p := range r.Points() {
		if p.Name == name {
			sum += p.Value
		}
	}
	return sum
}

// TestEachInvocationIsCountedOnceInAllLives: metrics are due once a minute, and processes end when they end.
func TestEachInvocationIsCountedOnceInAllLives(t *testing.T) {
	const n = 5
	kill := func(l *lambda) { l.cmd.Process.Kill(); <-l.ended }
	nowhere := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/v1/traces"
	for name, test := range map[string]struct {
		end func(*lambda)
		env []string // of the first life
	}{
		"killed":                                        {kill, nil},
		"timeout":                                       {func(l *lambda) { l.end("timeout") }, nil},
		"killed, spans not accepted":                    {kill, []string{nowhere}},
		"killed, spans nowhere but in memory":           {kill, []string{nowhere, "AFTERGLOW_OUTBOX_BYTES=0"}},
		"timeout, spans nowhere but in memory":          {func(l *lambda) { l.end("timeout") }, []string{nowhere, "AFTERGLOW_OUTBOX_BYTES=0"}},
		"failure, spans nowhere but in memory, no wait": {func(l *lambda) { l.end("failure") }, []string{nowhere, "AFTERGLOW_OUTBOX_BYTES=0", "OTEL_METRIC_EXPORT_INTERVAL=0"}},
		"killed, totals":                                {kill, []string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative", "OTEL_METRIC_EXPORT_INTERVAL=3600000"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, first, second := collector(t), collector(t), collector(t)
			l := newLambda(t, append([]string{"AFTERGLOW_FLUSH=end", "OTEL_EXPORTER_OTLP_ENDPOINT=" + r.URL(), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + first.URL() + "/v1/traces"}, test.env...)...)
			l.start().ready()
			for i := range n {
				id := fmt.Sprintf("A%d", i)
				l.hook(id, true)
				l.invoke(id, patience)
				l.awaitNext()
			}
			test.end(l)
			before := counted(r, "faas.invocations")
			next := newLambda(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL(), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+second.URL()+"/v1/traces", "AFTERGLOW_SPOOL_DIR="+l.dir)
			next.start().ready()
			next.shutdown()
			want := float64(n)
			if name == "killed, totals" {
				want += 1 // the first total, which the second one holds
			}
			if got := counted(r, "faas.invocations"); got != want {
				t.Errorf("%v of %d invocations counted, %v of them in the first life", got, n, before)
			}
			if got := len(first.Spans()) + len(second.Spans()); got != 2*n {
				t.Errorf("%d spans", got)
			}
		})
	}
}

// TestMetricsAreNotHeldBackForGood: what waits for spans that nobody takes and no disk keeps goes out when the environment ends.
func TestMetricsAreNotHeldBackForGood(t *testing.T) {
	r := collector(t)
	l := newLambda(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL(), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/v1/traces", "AFTERGLOW_OUTBOX_BYTES=0")
	l.start().ready()
	l.hook("A", true)
	l.invoke("A", patience)
	l.awaitNext()
	l.shutdown()
	if got := counted(r, "faas.invocations"); got != 1 {
		t.Errorf("%v invocations counted", got)
	}
}

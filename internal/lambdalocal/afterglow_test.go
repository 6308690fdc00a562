package lambdalocal

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
)

// The layer as users have it, on functions of this local Lambda: when the extension exports, and how often anything arrives.

// A watched is a function with the layer, and the collector that it exports to.
type watched struct {
	*Environment
	t         *testing.T
	log       *recorder
	collector *otlptest.Receiver
	ids       map[string]bool // of its invocations
}

// withAfterglow puts the layer on a function and starts it.
func withAfterglow(t *testing.T, l lambda, settings map[string]string) *watched {
	t.Helper()
	if os.Getenv(byPathSetting) != "" || runtime.GOOS != "linux" {
		t.Skip("SKIPPED, NOT TESTED: hooks in a layer need /opt")
	}
	arch := layer.X86_64
	if runtime.GOARCH == "arm64" {
		arch = layer.ARM64
	}
	dir := filepath.Join(t.TempDir(), "layer")
	if err := layer.Build(t.Context(), layer.Options{Arch: arch, Dir: dir, CacheDir: filepath.Join("..", "..", ".afterglow", "cache", "layer"), Progress: os.Stderr}); err != nil {
		t.Fatal(err)
	}
	collector, err := otlptest.Start(otlptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		collector.Close()
		for _, v := range collector.Violations() {
			t.Errorf("violation of the protocol: %s", v)
		}
	})
	w := &watched{t: t, collector: collector, ids: map[string]bool{}}
	w.Environment, w.log = l.also(func(f *Function, o *Options) {
		f.Layers = append(f.Layers, dir)
		f.Env[wrapperSetting] = layer.ExecWrapper
		f.Env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL()
		maps.Copy(f.Env, settings)
		if o.byPath {
			t.Skip("SKIPPED, NOT TESTED: hooks in a layer need /opt")
		}
	}).start(t)
	return w
}

// invoke runs an invocation to its answer.
func (w *watched) invoke(payload string) Result {
	w.t.Helper()
	r := invokeOnly(w.t, w.Environment, payload)
	w.ids[r.RequestID] = true
	return r
}

// close ends the environment, and expects the span of each invocation once.
func (w *watched) close() (spans map[string]otlptest.Span) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		w.t.Fatal(err)
	}
	return w.arrived()
}

// arrived expects the span of each invocation once.
func (w *watched) arrived() (spans map[string]otlptest.Span) {
	w.t.Helper()
	spans = map[string]otlptest.Span{}
	times := map[string]int{}
	for _, s := range w.collector.Spans() {
		if id, ok := s.Attributes["faas.invocation_id"].(string); ok {
			times[id]++
			spans[id] = s
		}
	}
	for id := range w.ids {
		if times[id] != 1 {
			w.t.Errorf("the span of %s arrived %d times", id, times[id])
		}
	}
	if len(times) != len(w.ids) {
		w.t.Errorf("%d invocations arrived, there were %d", len(times), len(w.ids))
	}
	return spans
}

// await waits until so many of the functions' spans have arrived.
func (w *watched) await(n int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	err := w.collector.Wait(ctx, func(spans []otlptest.Span) bool {
		count := 0
		for _, s := range spans {
			if _, ok := s.Attributes["faas.invocation_id"]; ok {
				count++
			}
		}
		return count >= n
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

const countingApp = `
import urllib.request
def handler(event, context):
    if "get" in event:
        urllib.request.urlopen(event["get"])
    if "say" in event:
        print(event["say"])
    if "exit" in event:
        import os
        os._exit(event["exit"])
    return event
`

func TestAfterglowBatchesFrequentInvocations(t *testing.T) {
	w := withAfterglow(t, managed(t, pythonName, "app.py", countingApp), nil)
	const invocations = 100
	for n := range invocations {
		if r := w.invoke(fmt.Sprintf(`{"n":%d}`, n)); string(r.Payload) != fmt.Sprintf(`{"n": %d}`, n) {
			t.Fatalf("answer is %s", r.Payload)
		}
	}
	meanwhile := traceRequests(w.collector)
	w.close()
	if all := traceRequests(w.collector); meanwhile < 1 || all > invocations/4 {
		t.Errorf("%d requests before the end, %d in all, for %d invocations", meanwhile, all, invocations)
	}
}

func traceRequests(r *otlptest.Receiver) (n int) {
	for _, q := range r.Requests() {
		if q.Path == "/v1/traces" {
			n++
		}
	}
	return n
}

// TestAfterglowExportsRareInvocationsAtOnce: each is there before the environment is done with it, so that nothing is under way while it is frozen.
func TestAfterglowExportsRareInvocationsAtOnce(t *testing.T) {
	w := withAfterglow(t, managed(t, nodeName, "app.mjs", `export const handler = async (event) => event;`), map[string]string{"AFTERGLOW_FLUSH": "end"})
	for n := range 5 {
		w.invoke(fmt.Sprintf(`{"n":%d}`, n))
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.arrived()
	}
	w.close()
}

// TestAfterglowTellsOfWhatDidNotEnd: the environment is reset, and what the extension knows arrives once all the same, with the call that was under way.
func TestAfterglowTellsOfWhatDidNotEnd(t *testing.T) {
	hangs, err := net.Listen("tcp", "127.0.0.1:0") // and nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer hangs.Close()
	for _, c := range []struct {
		name, payload, outcome string
		calls                  int
	}{
		{"timeout", fmt.Sprintf(`{"get":"http://%s/slow"}`, hangs.Addr()), "timeout", 1},
		{"exit", `{"exit":3}`, "killed", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := withAfterglow(t, managed(t, pythonName, "app.py", countingApp).also(func(f *Function, _ *Options) { f.Timeout = 2 * time.Second }), nil)
			w.invoke(`{"n":1}`)
			bad := w.invoke(c.payload)
			if bad.FunctionError == "" {
				t.Errorf("answer is %s", bad.Payload)
			}
			w.invoke(`{"n":2}`)
			s := w.close()[bad.RequestID]
			if s.StatusCode != otlptest.StatusError || s.Attributes["afterglow.outcome"] != c.outcome {
				t.Errorf("its span has status %q, attributes %v", s.StatusCode, s.Attributes)
			}
			calls := 0
			for _, other := range w.collector.Spans() {
				if other.ParentID == s.SpanID {
					calls++
				}
			}
			if calls != c.calls {
				t.Errorf("%d calls, want %d", calls, c.calls)
			}
		})
	}
}

// TestAfterglowSignals: metrics count what happened, whenever it was told, and a line of the log has the span that it was written in.
func TestAfterglowSignals(t *testing.T) {
	w := withAfterglow(t, managed(t, pythonName, "app.py", countingApp), map[string]string{"AFTERGLOW_SIGNALS": "traces,metrics,logs", "OTEL_METRIC_EXPORT_INTERVAL": "0"})
	const invocations = 20
	for n := range invocations {
		w.invoke(fmt.Sprintf(`{"say":"the order is %d"}`, n))
	}
	bad := w.invoke(`{"exit":3}`)
	w.invoke(`{}`)
	ofSpan := map[string]string{}
	for _, s := range w.close() {
		ofSpan[s.SpanID] = s.TraceID
	}
	points := w.collector.Points()
	for name, want := range map[string]float64{"faas.invocations": invocations + 1, "faas.errors": 1, "faas.invoke_duration": invocations + 2, "faas.mem_usage": invocations + 2} {
		if got, _ := otlptest.Total(points, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got, _ := otlptest.Total(points, "faas.coldstarts"); got != 1 && got != 2 { // the second is that after the reset
		t.Errorf("%v cold starts", got)
	}
	lines := 0
	for _, r := range w.collector.LogRecords() {
		if text, _ := r.Body.(string); strings.HasPrefix(text, "the order is ") {
			lines++
			if trace, ok := ofSpan[r.SpanID]; !ok || trace != r.TraceID {
				t.Errorf("%q belongs to span %s of %s", text, r.SpanID, r.TraceID)
			}
		}
	}
	if lines != invocations {
		t.Errorf("%d lines, want %d", lines, invocations)
	}
	if bad.FunctionError == "" {
		t.Errorf("answer is %s", bad.Payload)
	}
}

// TestAfterglowOnSnapStart: what was before the snapshot is nobody's, and connections do not outlive a freeze.
func TestAfterglowOnSnapStart(t *testing.T) {
	w := withAfterglow(t, managed(t, pythonName, "app.py", countingApp).also(func(f *Function, o *Options) {
		withSnapStart(f, o)
		o.CutConnections = os.Getuid() == 0
	}), map[string]string{"AFTERGLOW_FLUSH": "end"})
	if n := len(w.collector.Requests()); n != 0 {
		t.Errorf("%d requests before the snapshot", n)
	}
	for n := range 3 {
		w.invoke(fmt.Sprintf(`{"n":%d}`, n))
		if err := w.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.arrived()
	}
	w.close()
}

// TestAfterglowOnManagedInstances: a clock exports while invocations run side by side, without an event that tells of any.
func TestAfterglowOnManagedInstances(t *testing.T) {
	w := withAfterglow(t, managed(t, pythonName, "app.py", countingApp).also(onInstances(1)), map[string]string{"AFTERGLOW_FLUSH_INTERVAL": "200ms"})
	for n := range 3 {
		w.invoke(fmt.Sprintf(`{"n":%d}`, n))
	}
	w.await(3)
	for n := range 3 {
		w.invoke(fmt.Sprintf(`{"n":%d}`, n))
	}
	w.close()
}

// TestAfterglowBesideInvocationsSideBySide: a function without a hook, of which Lambda alone tells.
func TestAfterglowBesideInvocationsSideBySide(t *testing.T) {
	w := withAfterglow(t, lambda{bootstrap: "crew=2", change: onInstances(2)}, map[string]string{"AFTERGLOW_FLUSH_INTERVAL": "200ms", wrapperSetting: ""})
	results := make(chan Result, 2)
	for i := range 2 {
		go func() {
			results <- invokeOnly(t, w.Environment, fmt.Sprintf(`{"do":"touch=/tmp/%d until=/tmp/%d"}`, i, 1-i))
		}()
	}
	for range 2 {
		w.ids[(<-results).RequestID] = true
	}
	w.await(2)
	w.close()
}

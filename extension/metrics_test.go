package main

import (
	"strings"
	"testing"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/settings"
)

func TestWantedSignals(t *testing.T) {
	for value, want := range map[string][3]bool{
		"":                    {true, true, false},
		"traces":              {true, false, false},
		"metrics":             {false, true, false},
		"logs,traces,metrics": {true, true, true},
		"Logs, spans":         {false, false, true},
		"spans":               {true, true, false}, // nothing of it is understood
		",":                   {true, true, false},
	} {
		v := settings.Read(func(string) string { return value })
		traces, metrics, logs := wanted(v)
		if got := [3]bool{traces, metrics, logs}; got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
		if wrong := strings.Contains(value, "spans"); wrong != (len(v.Warnings()) == 1) {
			t.Errorf("%q: %v", value, v.Warnings())
		}
	}
}

// TestSettingsReachTheMeter: the price, what is counted from, how often, and what tells of the function.
func TestSettingsReachTheMeter(t *testing.T) {
	env := map[string]string{
		"AFTERGLOW_PRICE_GB_SECOND": "0.5", "OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "Cumulative",
		"AWS_LAMBDA_FUNCTION_NAME": "orders", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
	}
	v := settings.Read(func(name string) string { return env[name] })
	born := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	getenv := func(name string) string { return env[name] }
	m := newMeter(v, getenv, masker(v, getenv), "123456789012", born)
	for i, c := range []struct {
		after time.Duration
		cost  float64 // of a second and a request each; 0: not due
	}{{time.Second, 0.5000002}, {1900 * time.Millisecond, 0}, {2100 * time.Millisecond, 1.5000006}} {
		m.Fact(event.Fact{Kind: event.FactReport, ID: "a", Time: born.Add(c.after), Billed: time.Second})
		payload, points := m.Collect(born.Add(c.after), false)
		if c.cost == 0 {
			if points != 0 {
				t.Errorf("%d: it was not due", i)
			}
			continue
		}
		var data metricspb.MetricsData
		if err := proto.Unmarshal(payload, &data); err != nil || points == 0 {
			t.Fatal(err, points)
		}
		resource := data.ResourceMetrics[0].Resource.String()
		if !strings.Contains(resource, "orders") || !strings.Contains(resource, "123456789012") {
			t.Errorf("resource: %v", resource)
		}
		for _, metric := range data.ResourceMetrics[0].ScopeMetrics[0].Metrics {
			if metric.Name != "afterglow.cost" {
				continue
			}
			if got := metric.GetSum().DataPoints[0].GetAsDouble(); got < c.cost-1e-9 || got > c.cost+1e-9 || metric.GetSum().AggregationTemporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
				t.Errorf("%d: %v, want %v", i, metric, c.cost)
			}
		}
	}
}

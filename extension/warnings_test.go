package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// TestSettingsThatLeadToNothing: each is right by itself, and what it was set for does not happen.
func TestSettingsThatLeadToNothing(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"
	for _, test := range []struct {
		name string
		env  []string
		told []string // all of them in one line; nothing at all if there are none
	}{
		{"nothing wrong", []string{endpoint, "AFTERGLOW_SIGNALS=traces,metrics,logs", "AFTERGLOW_OTLP_SECRET=s", "AFTERGLOW_OTLP_SECRET_HEADER=api-key"}, nil},
		{"X-Ray with what is on by default", []string{"AFTERGLOW_EXPORTERS=xray", "AWS_REGION=eu-central-1"}, nil},
		{"no telemetry, no logs", []string{endpoint, "AFTERGLOW_TELEMETRY=false"}, nil},
		{"logs without telemetry", []string{endpoint, "AFTERGLOW_SIGNALS=logs", "AFTERGLOW_TELEMETRY=false"}, []string{"AFTERGLOW_SIGNALS", "AFTERGLOW_TELEMETRY"}},
		{"metrics to X-Ray", []string{"AFTERGLOW_EXPORTERS=xray", "AWS_REGION=eu-central-1", "AFTERGLOW_SIGNALS=metrics"}, []string{"AFTERGLOW_SIGNALS", `"metrics"`, "xray takes traces alone"}},
		{"two signals without an endpoint", []string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://127.0.0.1:1", "AFTERGLOW_SIGNALS=logs,metrics,traces"}, []string{`"traces, metrics"`}},
		{"a header without a secret", []string{endpoint, "AFTERGLOW_OTLP_SECRET_HEADER=api-key"}, []string{"AFTERGLOW_OTLP_SECRET_HEADER", "AFTERGLOW_OTLP_SECRET,"}},
		{"an endpoint with the path that is appended", []string{endpoint + "/otlp/v1/traces/"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT ends in /v1/traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}},
		{"a misspelt name", []string{endpoint, "AFTERGLOW_MASK_KEY=customer"}, []string{"AFTERGLOW_MASK_KEY=", "AFTERGLOW_MASK_KEYS"}},
		{"a spool that cannot be", []string{endpoint, "AFTERGLOW_SPOOL_DIR=/dev/null/spool"}, []string{"AFTERGLOW_SPOOL_DIR", "/dev/null", "below /tmp"}},
		{"a spool that cannot be written", []string{endpoint, "AFTERGLOW_SPOOL_DIR=/proc/1"}, []string{"AFTERGLOW_SPOOL_DIR", "/proc/1", "below /tmp"}},
		{"a misspelt name of OpenTelemetry's", []string{endpoint, "OTEL_EXPORTER_OTLP_TRACE_ENDPOINT=http://h"}, []string{"OTEL_EXPORTER_OTLP_TRACE_ENDPOINT=", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}},
		{"another histogram", []string{endpoint, "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=base2_exponential_bucket_histogram"}, []string{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=", "explicit bounds"}},
		{"what the function's own SDK goes by", []string{endpoint, "OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_INSECURE=true"}, nil},
		{"a wrong level", []string{endpoint, "AFTERGLOW_LOG_LEVEL=verbose"}, []string{"AFTERGLOW_LOG_LEVEL", "verbose", "debug"}},
		{"a rule that never applies", []string{endpoint, "AFTERGLOW_MASK_DOMAINS=."}, []string{"AFTERGLOW_MASK_DOMAINS", "pay.example.com"}},
		{"a preset that is none", []string{endpoint, "AFTERGLOW_MASK_PRESET=stricct"}, []string{"AFTERGLOW_MASK_PRESET", "until then it counts as strict"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{}
			for _, entry := range test.env {
				name, value, _ := strings.Cut(entry, "=")
				env[name] = value
			}
			var log bytes.Buffer
			b := beginning{environ: func() []string { return test.env }, stdout: &log}
			if _, err := setUp(t.Context(), func(key string) string { return env[key] }, b, zerolog.New(&log).Level(zerolog.WarnLevel)); err != nil {
				t.Fatal(err)
			}
			said := strings.ReplaceAll(log.String(), `\"`, `"`)
			if (said == "") != (len(test.told) == 0) || strings.Count(said, "\n") > 1 {
				t.Errorf("said: %s", said)
			}
			for _, told := range test.told {
				if !strings.Contains(said, told) {
					t.Errorf("not said: %s in %s", told, said)
				}
			}
		})
	}
}

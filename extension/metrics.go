package main

import (
	"runtime"
	"slices"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/metric"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/settings"
)

// wanted gives which signals are to be exported. Where nothing of the setting is understood it is the default: whoever wants nothing says so with
// AFTERGLOW_EXPORTERS.
func wanted(v *settings.Values) (traces, metrics, logs bool) {
	names := v.Set("AFTERGLOW_SIGNALS")
	if len(names) == 0 {
		names = []string{otlplog.Traces, otlplog.Metrics}
	}
	return slices.Contains(names, otlplog.Traces), slices.Contains(names, otlplog.Metrics), slices.Contains(names, otlplog.Logs)
}

// newMeter makes metrics out of the settings.
func newMeter(v *settings.Values, getenv func(string) string, masker *mask.Masker, account string, born time.Time) *metric.Meter {
	return metric.New(metric.Options{
		Resource:   resource(v, getenv),
		Process:    masker.Process,
		Account:    account,
		InitType:   getenv("AWS_LAMBDA_INITIALIZATION_TYPE"),
		Arch:       runtime.GOARCH,
		GBSecond:   v.Number("AFTERGLOW_PRICE_GB_SECOND"),
		Interval:   v.Duration("OTEL_METRIC_EXPORT_INTERVAL"),
		Cumulative: v.String("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") == "cumulative",
		Born:       born,
	})
}

package main

import (
	"strings"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/settings"
)

// warnOfSettings tells of settings that are right, each of them, and lead to nothing: misspelt ones, and those that need another one. Whoever set them expects
// something, and would look for it elsewhere.
func warnOfSettings(v *settings.Values, getenv func(string) string, delivery *deliver.Lanes, environ func() []string, log zerolog.Logger) {
	if environ != nil {
		for _, err := range settings.Unknown(environ()) {
			log.Warn().Err(err).Msg("a setting is not known")
		}
	}
	if err := checkSpool(v.String("AFTERGLOW_SPOOL_DIR")); err != nil {
		log.Warn().Err(err).Msg("nothing can be recorded: AFTERGLOW_SPOOL_DIR has to be a directory that the function can write, which on Lambda means below /tmp")
	}
	if v.String("AFTERGLOW_OTLP_SECRET_HEADER") != "" && v.String("AFTERGLOW_OTLP_SECRET") == "" {
		log.Warn().Msg("AFTERGLOW_OTLP_SECRET_HEADER does nothing: it names the header for the value of AFTERGLOW_OTLP_SECRET, which is not set")
	}
	for _, signal := range signals() {
		if base := v.String("OTEL_EXPORTER_OTLP_ENDPOINT"); strings.HasSuffix(strings.TrimRight(base, "/"), "/v1/"+signal) {
			log.Warn().Msg("OTEL_EXPORTER_OTLP_ENDPOINT ends in /v1/" + signal + ", which is appended to it: leave that out, or set OTEL_EXPORTER_OTLP_" + strings.ToUpper(signal) + "_ENDPOINT instead")
		}
	}
	_, _, logs := wanted(v)
	if logs && !v.Bool("AFTERGLOW_TELEMETRY") {
		log.Warn().Msg("no log lines are exported: AFTERGLOW_SIGNALS has logs, which Lambda's Telemetry API tells, and AFTERGLOW_TELEMETRY is false")
	}
	if missing := untaken(v, getenv, delivery); missing != "" {
		log.Warn().Str("signals", missing).Msg("nobody takes a signal that AFTERGLOW_SIGNALS has: xray takes traces alone, and otlp what has an endpoint; set AFTERGLOW_EXPORTERS or an endpoint for it, or leave it out")
	}
}

// untaken gives the signals that somebody asked for and no exporter takes. Of those that are on by default nobody is told.
func untaken(v *settings.Values, getenv func(string) string, delivery *deliver.Lanes) string {
	if delivery == nil || getenv("AFTERGLOW_SIGNALS") == "" { // that nothing at all is exported is told elsewhere
		return ""
	}
	traces, metrics, logs := wanted(v)
	var missing []string
	on := map[string]bool{otlplog.Traces: traces, otlplog.Metrics: metrics, otlplog.Logs: logs}
	for _, signal := range signals() {
		if on[signal] && !delivery.Takes(signal) {
			missing = append(missing, signal)
		}
	}
	return strings.Join(missing, ", ")
}

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/lifecycle"
)

// TestAnExporterThatCannotBeMade: the hooks write all the same, so somebody must keep the spool empty. And what is wrong must not be quoted.
func TestAnExporterThatCannotBeMade(t *testing.T) {
	const secret = "hunter2"
	for name, env := range map[string]map[string]string{
		"a URL that is none":   {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:" + secret + "@[::1"},
		"a value that is none": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=" + secret + "%0a"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			w, err := setUp(func(key string) string { return env[key] }, time.Now(), zerolog.New(&log))
			p, ok := w.(*lifecycle.Pipeline)
			if err != nil || !ok || p.Sender != nil {
				t.Errorf("got %T %v", w, err)
			}
			if strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "nothing is exported") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

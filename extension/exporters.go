package main

import (
	"cmp"
	"fmt"
	"net/url"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/settings"
)

// newSender makes the exporter; nil if there is no endpoint.
func newSender(v *settings.Values) (*export.Client, error) {
	url := tracesURL(v)
	if url == "" {
		return nil, nil
	}
	c, err := export.New(otlpOptions(v, url))
	if err != nil {
		return nil, fmt.Errorf("set up export: %w", err)
	}
	return c, nil
}

// tracesURL gives where traces go, "" if nothing says it. Only the general endpoint is a base: opentelemetry.io/docs/specs/otel/protocol/exporter/.
func tracesURL(v *settings.Values) string {
	if own := v.String("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); own != "" {
		return own
	}
	base, err := url.Parse(v.String("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if err != nil || base.Host == "" { // settings has looked, so it is unset
		return ""
	}
	return base.JoinPath("v1/traces").String()
}

// otlpOptions reads OpenTelemetry's variables. What is set for traces goes before what is set for all signals.
func otlpOptions(v *settings.Values, url string) export.Options {
	for _, name := range [...]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		v.String(name) // for the warning: there is but one
	}
	headers := v.Pairs("OTEL_EXPORTER_OTLP_TRACES_HEADERS")
	if headers == nil {
		headers = v.Pairs("OTEL_EXPORTER_OTLP_HEADERS")
	}
	return export.Options{
		URL:                   url,
		Headers:               headers,
		Compress:              cmp.Or(v.String("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"), v.String("OTEL_EXPORTER_OTLP_COMPRESSION")) == "gzip",
		Timeout:               cmp.Or(v.Duration("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"), v.Duration("OTEL_EXPORTER_OTLP_TIMEOUT")),
		UserAgent:             "afterglow/" + release,
		CertificateFile:       cmp.Or(v.String("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"), v.String("OTEL_EXPORTER_OTLP_CERTIFICATE")),
		ClientCertificateFile: cmp.Or(v.String("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE"), v.String("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")),
		ClientKeyFile:         cmp.Or(v.String("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY"), v.String("OTEL_EXPORTER_OTLP_CLIENT_KEY")),
	}
}

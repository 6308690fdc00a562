package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/internal/lifecycle"
	"github.com/afterglow-lambda/afterglow/settings"
)

// localCollector is where OpenTelemetry's specification looks for a collector when nothing says where it is, such as one in another layer.
const localCollector = "http://localhost:4318/v1/traces"

// newSender makes what AFTERGLOW_EXPORTERS asks for; nil for nothing. unset tells that nobody asked for anything. An exporter that cannot be made
// is an error, and the others are made all the same.
func newSender(v *settings.Values, getenv func(string) string, stdout io.Writer) (sender lifecycle.Sender, unset bool, errs []error) {
	names := v.Set("AFTERGLOW_EXPORTERS")
	if len(names) == 0 {
		if tracesURL(v) == "" {
			return nil, true, nil
		}
		names = []string{"otlp"}
	}
	aws := export.NewAWS(getenv)
	var exporters []export.Exporter
	for n, name := range names {
		if name == "none" || slices.Contains(names[:n], name) {
			continue
		}
		e, err := newExporter(name, v, aws, stdout)
		if err != nil {
			errs = append(errs, fmt.Errorf("set up export to %s: %w", name, err))
			continue
		}
		exporters = append(exporters, e)
	}
	switch {
	case len(exporters) == 0:
		return nil, false, errs
	case len(exporters) == 1 && exporters[0].Limits == export.Limits{}:
		return exporters[0].Sender, false, errs
	}
	return export.NewGroup(exporters...), false, errs
}

func newExporter(name string, v *settings.Values, aws *export.AWS, stdout io.Writer) (export.Exporter, error) {
	if name == "log" {
		return export.Exporter{Name: name, Sender: export.NewLog(stdout)}, nil
	}
	url := cmp.Or(tracesURL(v), localCollector)
	region, limits := export.XRayRegion(url), export.XRayLimits()
	var o export.Options
	switch {
	case name == "xray":
		if aws.Region() == "" {
			return export.Exporter{}, errors.New("AWS_REGION is not set")
		}
		o = sendOptions(v, aws.XRayURL())
		o.Authorize = aws.Signature("xray", aws.Region())
	case region != "": // a collector at the address of X-Ray takes nothing that is not signed
		o = otlpOptions(v, url)
		o.Authorize = aws.Signature("xray", region)
	default:
		o, limits = otlpOptions(v, url), export.Limits{}
		if id := v.String("AFTERGLOW_OTLP_SECRET"); id != "" {
			o.Authorize = aws.StoredHeaders(id, v.String("AFTERGLOW_OTLP_SECRET_HEADER"))
		}
	}
	c, err := export.New(o)
	if err != nil {
		return export.Exporter{}, err
	}
	return export.Exporter{Name: name, Sender: c, Limits: limits}, nil
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
	o := sendOptions(v, url)
	o.Headers = headers
	o.CertificateFile = cmp.Or(v.String("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"), v.String("OTEL_EXPORTER_OTLP_CERTIFICATE"))
	o.ClientCertificateFile = cmp.Or(v.String("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE"), v.String("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"))
	o.ClientKeyFile = cmp.Or(v.String("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY"), v.String("OTEL_EXPORTER_OTLP_CLIENT_KEY"))
	return o
}

// sendOptions are those of OpenTelemetry's variables that do not say to whom.
func sendOptions(v *settings.Values, url string) export.Options {
	return export.Options{
		URL:       url,
		Compress:  cmp.Or(v.String("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"), v.String("OTEL_EXPORTER_OTLP_COMPRESSION")) == "gzip",
		Timeout:   cmp.Or(v.Duration("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"), v.Duration("OTEL_EXPORTER_OTLP_TIMEOUT")),
		UserAgent: "afterglow/" + release,
	}
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/settings"
)

// localCollector is where OpenTelemetry's specification looks for a collector when nothing says where it is, such as one in another layer.
const localCollector = "http://localhost:4318"

// signals are all that there are, the most important first.
func signals() []string { return []string{otlplog.Traces, otlplog.Metrics, otlplog.Logs} }

// newDelivery makes what brings requests to the exporters; nil if there are none.
func newDelivery(v *settings.Values, getenv func(string) string, stdout io.Writer, log zerolog.Logger) (delivery *deliver.Lanes, unset bool, errs []error) {
	o := deliver.Options{
		Dir:   outboxDir(v.String("AFTERGLOW_SPOOL_DIR")),
		Bytes: int64(v.Bytes("AFTERGLOW_OUTBOX_BYTES")),
		Age:   v.Duration("AFTERGLOW_OUTBOX_AGE"),
		Batch: v.Bytes("AFTERGLOW_LIMIT_BATCH_BYTES"),
		Log:   log,
	}
	if v.String("AFTERGLOW_UNDELIVERED") == "log" {
		o.Abandoned = stdout
	}
	o.Exporters, unset, errs = newExporters(v, getenv, stdout)
	if len(o.Exporters) == 0 {
		return nil, unset, errs
	}
	return deliver.New(o), unset, errs
}

// newExporters makes what AFTERGLOW_EXPORTERS asks for. unset tells that nobody asked for anything. An exporter that cannot be made is an error, and
// the others are made all the same.
func newExporters(v *settings.Values, getenv func(string) string, stdout io.Writer) (exporters []deliver.Exporter, unset bool, errs []error) {
	names, unset := targets(v)
	aws := export.NewAWS(getenv)
	for _, name := range names {
		made, err := makeExporters(name, v, aws, stdout)
		if err != nil {
			errs = append(errs, fmt.Errorf("set up export to %s: %w", name, err))
			continue
		}
		exporters = append(exporters, made...)
	}
	return exporters, unset, errs
}

// targets gives the exporters that are asked for, each once. unset tells that nobody asked for anything.
func targets(v *settings.Values) (names []string, unset bool) {
	asked := v.Set("AFTERGLOW_EXPORTERS")
	if len(asked) == 0 {
		if !hasURL(v) {
			return nil, true
		}
		asked = []string{"otlp"}
	}
	for _, name := range asked {
		if name != "none" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, false
}

func hasURL(v *settings.Values) bool {
	return slices.ContainsFunc(signals(), func(signal string) bool { return signalURL(v, signal) != "" })
}

// goesOut tells whether the settings lead a signal to any exporter. One that cannot be made is none, which shows later.
func goesOut(v *settings.Values, signal string) bool {
	names, _ := targets(v)
	return slices.ContainsFunc(names, func(name string) bool {
		switch name {
		case "log":
			return true
		case "xray":
			return signal == otlplog.Traces
		}
		return signalURL(v, signal) != "" || !hasURL(v) // without any they all go to localCollector
	})
}

// makeExporters makes those of one name: several if signals go to different collectors, of which one may be down while another is not.
func makeExporters(name string, v *settings.Values, aws *export.AWS, stdout io.Writer) ([]deliver.Exporter, error) {
	switch name {
	case "log":
		return []deliver.Exporter{{Name: name, Signals: signals(), Sender: export.NewLog(stdout)}}, nil
	case "xray":
		if aws.Region() == "" {
			return nil, errors.New("AWS_REGION is not set")
		}
		e := transfer(v, aws.XRayURL(), otlpTraces())
		e.Authorize = aws.Signature("xray", aws.Region())
		client, err := export.New(map[string]export.Endpoint{otlplog.Traces: e})
		return []deliver.Exporter{{Name: name, Signals: []string{otlplog.Traces}, Limits: export.XRayLimits(), Timeout: e.Timeout, Sender: client}}, err
	}
	var exporters []deliver.Exporter
	for _, c := range hosts(otlpEndpoints(v, aws)) {
		client, err := export.New(c.endpoints)
		if err != nil {
			return nil, err
		}
		e := deliver.Exporter{Name: name, Signals: c.signals, Sender: client, Abreast: true}
		for _, to := range c.endpoints {
			e.Timeout = max(e.Timeout, to.Timeout)
			e.Abreast = e.Abreast && strings.HasPrefix(to.URL, "http://") // the handshake of TLS takes longer than the round trip that it would save
		}
		if len(exporters) > 0 {
			e.Name += "-" + c.signals[0]
		}
		if export.XRayRegion(c.endpoints[c.signals[0]].URL) != "" {
			e.Limits = export.XRayLimits()
		}
		exporters = append(exporters, e)
	}
	return exporters, nil
}

// A host is a collector with the signals that go there.
type host struct {
	name      string
	signals   []string
	endpoints map[string]export.Endpoint
}

func hosts(endpoints map[string]export.Endpoint) (all []host) {
	for _, signal := range signals() {
		e, ok := endpoints[signal]
		if !ok {
			continue
		}
		name := e.URL // one that is none has no host, and is refused later
		if u, err := url.Parse(e.URL); err == nil {
			name = u.Host
		}
		n := slices.IndexFunc(all, func(h host) bool { return h.name == name })
		if n < 0 {
			n = len(all)
			all = append(all, host{name: name, endpoints: map[string]export.Endpoint{}})
		}
		all[n].signals = append(all[n].signals, signal)
		all[n].endpoints[signal] = e
	}
	return all
}

// otlpEndpoints says where each signal goes by OTLP: opentelemetry.io/docs/specs/otel/protocol/exporter/. Where nothing says it for any signal, all go to
// localCollector; a signal of which nothing says it, where something does for another, goes nowhere.
func otlpEndpoints(v *settings.Values, aws *export.AWS) map[string]export.Endpoint {
	urls := map[string]string{}
	for _, signal := range signals() {
		if u := signalURL(v, signal); u != "" {
			urls[signal] = u
		}
	}
	if len(urls) == 0 {
		for _, signal := range signals() {
			urls[signal] = localCollector + "/v1/" + signal
		}
	}
	var stored export.Authorizer
	if id := v.String("AFTERGLOW_OTLP_SECRET"); id != "" {
		stored = aws.StoredHeaders(id, v.String("AFTERGLOW_OTLP_SECRET_HEADER"))
	}
	endpoints := map[string]export.Endpoint{}
	for signal, u := range urls {
		e := otlpEndpoint(v, u, signal)
		e.Authorize = stored
		if region := export.XRayRegion(u); region != "" { // a collector at the address of X-Ray takes nothing that is not signed
			e.Authorize = aws.Signature("xray", region)
		}
		endpoints[signal] = e
	}
	return endpoints
}

// signalURL gives where a signal goes, "" if nothing says it. Only the general endpoint is a base.
func signalURL(v *settings.Values, signal string) string {
	if own := v.String(otlpNames(signal).endpoint); own != "" {
		return own
	}
	base, err := url.Parse(v.String("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if err != nil || base.Host == "" { // settings has looked, so it is unset
		return ""
	}
	return base.JoinPath("v1", signal).String()
}

// names are the variables of one signal.
type names struct {
	endpoint, protocol, headers, compression, timeout string

	certificate, clientCertificate, clientKey string
}

// otlpNames gives a signal's. They are written out, since a test looks for each name of the table.
func otlpNames(signal string) names {
	switch signal {
	case otlplog.Metrics:
		return names{
			"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
			"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY",
		}
	case otlplog.Logs:
		return names{
			"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
			"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY",
		}
	}
	return otlpTraces()
}

func otlpTraces() names {
	return names{
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
	}
}

// otlpEndpoint reads OpenTelemetry's variables. What is set for a signal goes before what is set for all.
func otlpEndpoint(v *settings.Values, url, signal string) export.Endpoint {
	own := otlpNames(signal)
	for _, name := range [...]string{"OTEL_EXPORTER_OTLP_PROTOCOL", own.protocol} {
		v.String(name) // for the warning: there is but one
	}
	e := transfer(v, url, own)
	e.Variables = export.Variables{URL: either(v, own.endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT"), Headers: own.headers}
	if e.Headers = v.Pairs(own.headers); e.Headers == nil {
		e.Headers, e.Variables.Headers = v.Pairs("OTEL_EXPORTER_OTLP_HEADERS"), "OTEL_EXPORTER_OTLP_HEADERS"
	}
	e.Variables.Certificate = either(v, own.certificate, "OTEL_EXPORTER_OTLP_CERTIFICATE")
	e.Variables.ClientCertificate = either(v, own.clientCertificate, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
	e.Variables.ClientKey = either(v, own.clientKey, "OTEL_EXPORTER_OTLP_CLIENT_KEY")
	e.CertificateFile, e.ClientCertificateFile, e.ClientKeyFile = v.String(e.Variables.Certificate), v.String(e.Variables.ClientCertificate), v.String(e.Variables.ClientKey)
	return e
}

// either gives the name of the variable that counts: a signal's own if it is set.
func either(v *settings.Values, own, general string) string {
	if v.String(own) != "" {
		return own
	}
	return general
}

// transfer reads those of OpenTelemetry's variables that do not say to whom.
func transfer(v *settings.Values, url string, own names) export.Endpoint {
	return export.Endpoint{
		URL:       url,
		Compress:  cmp.Or(v.String(own.compression), v.String("OTEL_EXPORTER_OTLP_COMPRESSION")) == "gzip",
		Timeout:   cmp.Or(v.Duration(own.timeout), v.Duration("OTEL_EXPORTER_OTLP_TIMEOUT")),
		UserAgent: "afterglow/" + release,
	}
}

package construct

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/cxapi"
	"github.com/aws/jsii-runtime-go"
)

// TestOwnEnvironmentIsRead: a wrong value is told, and fails the synthesis only where the variable is ours; an empty one is none.
func TestOwnEnvironmentIsRead(t *testing.T) {
	stack := newStack(t)
	type variables map[string]*string
	const endpoint, exporters = "OTEL_EXPORTER_OTLP_ENDPOINT", "AFTERGLOW_EXPORTERS"
	set := func(name, value string) variables { return variables{name: &value} }
	logsOnly := &Instrumentation{Exporters: &[]Exporter{ToOTLP(&OTLPProps{Logs: &OTLPSignalProps{Endpoint: jsii.String("https://c.example.com")}})}}
	collector := toCollector()
	cases := []struct {
		environment      variables
		i                *Instrumentation
		warn, info, fail string // what such an annotation holds; "" for none of them
		exporters        any    // that the function has in the end
	}{
		{set(endpoint, ""), nil, "", "", "", "xray"},
		{set(endpoint, "  "), nil, "not an absolute http or https URL", "", "", "xray"},
		{set(exporters, ""), nil, "", "", "", "xray"},
		{set(endpoint, ""), collector, "", "", "", nil},
		{set(endpoint, "collector:4317"), nil, `OTEL_EXPORTER_OTLP_ENDPOINT="collector:4317"`, "", "", nil},
		{set(endpoint, "https://x y"), nil, "until then it counts as unset", "", "", nil},
		{set("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"), nil, "until then it counts as gzip", "", "", "xray"},
		{set("OTEL_METRIC_EXPORT_INTERVAL", "never"), nil, "not a duration", "", "", "xray"},
		{set("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), nil, "", `"grpc"`, "", "xray"},
		{set("OTEL_TRACES_SAMPLER", "whatever"), nil, "", "", "", "xray"},
		{set(exporters, "otlp"), nil, "", "http://localhost:4318", "", "otlp"},
		{variables{exporters: jsii.String("otlp"), endpoint: jsii.String("https://c.example.com")}, nil, "", "", "", "otlp"},
		{set("AFTERGLOW_API_KEY", "geheim"), nil, "", "", "there is no such setting", nil},
		{nil, logsOnly, "", "", "no endpoint for traces, metrics", nil},
		{set("AFTERGLOW_SIGNALS", "logs"), logsOnly, "", "", "", nil},
		{set(endpoint, "https://c.example.com"), logsOnly, "", "", "", nil},
		{nil, &Instrumentation{Signals: jsii.Strings("traces", "logs"), Exporters: logsOnly.Exporters}, "", "", "", nil},
		{nil, &Instrumentation{Signals: jsii.Strings("traces"), Exporters: &[]Exporter{ToOTLP(&OTLPProps{Metrics: &OTLPSignalProps{Endpoint: jsii.String("https://c.example.com")}})}}, "", "", "no endpoint for traces", nil},
	}
	idOf := func(n int) string { return fmt.Sprintf("F%02d", n) }
	for n, c := range cases {
		props := python()
		if c.environment != nil {
			props.Environment = (*map[string]*string)(&c.environment)
		}
		Instrument(awslambda.NewFunction(stack, jsii.String(idOf(n)), &props), c.i)
	}
	annotations := assertions.Annotations_FromStack(stack)
	for n, c := range cases {
		path := jsii.String("/Shop/" + idOf(n))
		for kind, is := range map[string]struct{ want, got string }{
			"warning": {c.warn, texts(annotations.FindWarning(path, assertions.Match_AnyValue()))},
			"hint":    {c.info, texts(annotations.FindInfo(path, assertions.Match_StringLikeRegexp(jsii.String("property Environment"))))},
			"error":   {c.fail, texts(annotations.FindError(path, assertions.Match_AnyValue()))},
		} {
			if (is.want == "") != (is.got == "") || !strings.Contains(is.got, is.want) || strings.Contains(is.got, "geheim") {
				t.Errorf("%v: %s %q, want %q", n, kind, is.got, is.want)
			}
		}
	}
	for id, fn := range functionsOf(t, stack) {
		for n, c := range cases {
			if got := fn.Environment.Variables[exporters]; strings.HasPrefix(id, idOf(n)) && (got != c.exporters || (len(fn.Layers) == 0) != (c.fail != "")) {
				t.Errorf("%d: %+v, want exporters %v", n, fn, c.exporters)
			}
		}
	}
}

// texts gives what annotations say.
func texts(annotations *[]*cxapi.SynthesisMessage) string {
	var all []string
	for _, m := range *annotations {
		all = append(all, fmt.Sprint(m.Entry.Data))
	}
	return strings.Join(all, "\n")
}

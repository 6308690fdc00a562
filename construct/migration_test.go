package construct

import (
	"maps"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/afterglow-lambda/afterglow/construct/layer"
)

// TestComingFromSomethingElse: functions as the constructs and layers of others leave them are instrumented beside those, and nothing of theirs is lost
// (docs/construct.md, "Coming from something else"). The names are those of datadog-cdk-constructs-v2 5.1.0, @lumigo/cdk-constructs-v2 0.1.165, and
// opentelemetry.io/docs/platforms/faas; ADOT is the CDK's own.
func TestComingFromSomethingElse(t *testing.T) {
	type others struct {
		handler     string
		environment map[string]string
		adot        bool
		wrapper     string // theirs
	}
	for name, c := range map[string]others{
		"Datadog": {handler: "datadog_lambda.handler.handler", environment: map[string]string{"DD_LAMBDA_HANDLER": "index.handler", "DD_SITE": "datadoghq.com",
			"DD_API_KEY_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key"}},
		"Datadog's wrapper": {environment: map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/datadog_wrapper", "DD_SERVICE": "orders"}, wrapper: "/opt/datadog_wrapper"},
		"Lumigo":            {environment: map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/lumigo_wrapper", "LUMIGO_TRACER_TOKEN": "t_0"}, wrapper: "/opt/lumigo_wrapper"},
		"ADOT":              {adot: true, wrapper: "/opt/otel-instrument"},
		"OpenTelemetry's layers": {environment: map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel-instrument", "OPENTELEMETRY_COLLECTOR_CONFIG_URI": "/var/task/collector.yaml",
			"OTEL_TRACES_EXPORTER": "otlp", "OTEL_PROPAGATORS": "tracecontext,xray", "OTEL_TRACES_SAMPLER": "always_on", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis",
			"OTEL_SERVICE_NAME": "orders", "OTEL_RESOURCE_ATTRIBUTES": "team=shop"}, wrapper: "/opt/otel-instrument"},
		"OpenTelemetry's variables, without its layers": {environment: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
			"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SERVICE_NAME": "orders"}},
	} {
		t.Run(name, func(t *testing.T) {
			stack, props := newStack(t), python()
			theirs := map[string]*string{}
			for name, value := range c.environment {
				theirs[name] = &value
			}
			layers := theirLayers(stack, 2)
			props.Environment, props.Layers = &theirs, &layers
			if c.handler != "" {
				props.Handler = &c.handler
			}
			if c.adot {
				props.AdotInstrumentation = &awslambda.AdotInstrumentationConfig{ExecWrapper: awslambda.AdotLambdaExecWrapper_INSTRUMENT_HANDLER,
					LayerVersion: awslambda.AdotLayerVersion_FromPythonSdkLayerVersion(awslambda.AdotLambdaLayerPythonSdkVersion_LATEST())}
			}
			NewInstrumentedFunction(stack, jsii.String("Orders"), &InstrumentedFunctionProps{FunctionProps: props})
			got := onlyFunction(t, stack)
			want := map[string]any{}
			for name, value := range c.environment {
				want[name] = value
			}
			want["AWS_LAMBDA_EXEC_WRAPPER"] = layer.ExecWrapper
			if c.wrapper != "" {
				want["AFTERGLOW_EXEC_WRAPPER_NEXT"] = c.wrapper
			}
			if c.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "" {
				want["AFTERGLOW_EXPORTERS"] = "xray"
			}
			if !maps.Equal(got.Environment.Variables, want) {
				t.Errorf("environment %v\nwant %v", got.Environment.Variables, want)
			}
			if layers := map[bool]int{false: 3, true: 4}[c.adot]; len(got.Layers) != layers {
				t.Errorf("layers %v, want %d", got.Layers, layers)
			}
			assertions.Template_FromStack(stack, nil).HasResourceProperties(jsii.String("AWS::Lambda::Function"), map[string]any{"Handler": *props.Handler})
			if said := annotationsOf(stack); len(said) != 0 {
				t.Errorf("said %v", said)
			}
		})
	}
}

// Package span builds OpenTelemetry spans out of a masked invocation.
package span

import (
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
	"github.com/afterglow-lambda/afterglow/extension/internal/otlp"
)

// A Resource is what the extension knows of the function that it runs beside.
type Resource struct {
	Service    string            // service.name; empty: Function
	Function   string            // AWS_LAMBDA_FUNCTION_NAME
	Version    string            // AWS_LAMBDA_FUNCTION_VERSION
	Region     string            // AWS_REGION
	Memory     int64             // AWS_LAMBDA_FUNCTION_MEMORY_SIZE in MB; 0: unknown
	Attributes map[string]string // OTEL_RESOURCE_ATTRIBUTES; go before what is built in
	Release    string            // version of Afterglow
}

// Build makes the spans of an invocation.
func Build(inv mask.Invocation, r Resource) otlp.ResourceSpans { return otlp.ResourceSpans{} }

//go:build otel

package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
)

// instrumented makes spans of calls and invocations, collects them into batches, and exports them at the end of each invocation or throws them away there.
func instrumented() (*http.Client, func(handler) handler) {
	var exporter trace.SpanExporter = nowhere{}
	if os.Getenv("BENCH_OTEL") == "export" {
		var err error
		if exporter, err = otlptracehttp.New(context.Background()); err != nil { // the environment says where to
			log.Fatal(err)
		}
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	tracer := provider.Tracer("bench")
	return &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}, func(h handler) handler {
		return func(ctx context.Context, e event) (map[string]int, error) {
			inner, span := tracer.Start(ctx, "invocation")
			answer, err := h(inner, e)
			span.End()
			if flushed := provider.ForceFlush(ctx); flushed != nil {
				return nil, flushed
			}
			return answer, err
		}
	}
}

type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []trace.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                          { return nil }

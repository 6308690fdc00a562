package main

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// conformance is what tests run against that others wrote. The machine is known when these are done.
func conformance(ctx context.Context, checkout string, machine *tools.Machine) []preparation {
	folder := cloud.ToolsFolder(checkout)
	return []preparation{
		{"fetching AWS's Runtime Interface Emulator", func(s *progress.Step) (string, error) {
			if runtime.GOOS != "linux" {
				return "left out: it runs on Linux only", nil
			}
			_, err := tools.RIE(ctx, *machine, folder, s)
			return "of aws-sam-cli " + tools.RIEVersion, err
		}},
		{"building an extension and a runtime on AWS's Rust crates (the first time: some minutes)", func(s *progress.Step) (string, error) {
			source := filepath.Join(checkout, "internal", "lambdalocal", "conformance", "testdata", "rust")
			_, err := tools.RustParts(ctx, source, folder, s)
			return withoutCargo("lambda-extension, lambda_runtime", err)
		}},
		{"building AWS's Lambda Web Adapter (the first time: some minutes)", func(s *progress.Step) (string, error) {
			_, err := tools.WebAdapter(ctx, folder, s)
			return withoutCargo("lambda_web_adapter "+tools.WebAdapterVersion, err)
		}},
		{"building the extension that benchmarks compare with ours (the first time: some minutes)", func(s *progress.Step) (string, error) {
			_, err := tools.RustExtension(ctx, filepath.Join(checkout, "bench", "floors", "rust"), folder, s)
			return withoutCargo("lambda-extension, opentelemetry-otlp", err)
		}},
		{"building an OpenTelemetry Collector (the first time: some minutes)", func(s *progress.Step) (string, error) {
			_, err := tools.Collector(ctx, folder, s)
			return "otelcol " + tools.CollectorVersion, err
		}},
	}
}

// withoutCargo tells what a machine without Rust does not get; the tests that want it say so, too.
func withoutCargo(built string, err error) (string, error) {
	if errors.Is(err, tools.ErrNoCargo) {
		return "left out: " + tools.ErrNoCargo.Error(), nil
	}
	return built, err
}

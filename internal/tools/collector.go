package tools

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/afterglow-lambda/afterglow/internal/child"
)

// CollectorVersion is the version of the OpenTelemetry Collector, its parts and its builder.
const CollectorVersion = "0.162.0"

// collectorParts is what the builder is told: which parts of the Collector, in which versions.
//
//go:embed collector.yaml
var collectorParts []byte

// Collector builds OpenTelemetry's own Collector with its own builder and returns its path.
func Collector(ctx context.Context, folder string, output io.Writer) (string, error) {
	dir := placeOf(folder, "otelcol")
	binary := filepath.Join(dir, "otelcol")
	err := install(ctx, dir, [][]byte{collectorParts, []byte(runtime.GOOS + "/" + runtime.GOARCH)}, output, func() error {
		return buildCollector(ctx, dir, binary, output)
	})
	if err != nil {
		return "", fmt.Errorf("build the OpenTelemetry Collector: %w", err)
	}
	return binary, nil
}

// buildCollector runs the builder without hurry, beside whatever else compiles, and keeps nothing but the program.
func buildCollector(ctx context.Context, dir, binary string, output io.Writer) error {
	goBinary, err := exec.LookPath("go")
	if err != nil {
		return errors.New("go not found; see https://go.dev/doc/install")
	}
	work := filepath.Join(dir, "build")
	defer os.RemoveAll(work)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	config := filepath.Join(work, "collector.yaml")
	if err := os.WriteFile(config, collectorParts, 0o644); err != nil {
		return fmt.Errorf("write the list of parts: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	argv := []string{goBinary, "run", "go.opentelemetry.io/collector/cmd/builder@v" + CollectorVersion, "--config", config}
	if nice, err := exec.LookPath("nice"); err == nil {
		argv = append([]string{nice}, argv...)
	}
	// A workspace or flags that are meant for the checkout would reach the builder and what it builds.
	env := append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if err := child.Run(ctx, child.Command{Name: "the OpenTelemetry Collector Builder", Args: argv, Dir: work, Env: env, Output: output}); err != nil {
		return err
	}
	return os.Rename(filepath.Join(work, "source", "otelcol"), binary)
}

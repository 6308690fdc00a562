//go:build linux

// Package programs builds the extensions that benchmarks measure: Afterglow's, taken out of its layer, and one on AWS's own Rust crate. It gives paths of
// programs for this machine's processor and keeps what it built below .afterglow.
package programs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// ForeignName is what reports call the extension that is not ours: bench/floors/rust, on AWS's own crate.
const ForeignName = "on AWS's Rust crate"

// ErrNoCargo says that this machine cannot build it.
var ErrNoCargo = tools.ErrNoCargo

// Foreign builds it and gives its path.
func Foreign(ctx context.Context, module string, progress io.Writer) (string, error) {
	return tools.RustExtension(ctx, filepath.Join(module, "bench", "floors", "rust"), filepath.Join(module, ".afterglow", "tools"), progress)
}

// Ours builds the extension as the layer has it and gives its path.
func Ours(ctx context.Context, module string, progress io.Writer) (string, error) {
	dir := filepath.Join(module, ".afterglow", "bench")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make build directory: %w", err)
	}
	file := filepath.Join(dir, "afterglow")
	return file, Extract(ctx, HostArch(), filepath.Join(dir, "layer"), file, progress)
}

// HostArch is this machine's processor, as layers name it.
func HostArch() string {
	if runtime.GOARCH == "arm64" {
		return layer.ARM64
	}
	return layer.X86_64
}

// Extract takes the extension's binary out of the layer itself: what is measured is what is deployed.
func Extract(ctx context.Context, arch, cache, file string, progress io.Writer) error {
	made, err := layer.Make(ctx, layer.Options{Arch: arch, CacheDir: cache, Progress: progress})
	if err != nil {
		return fmt.Errorf("build layer: %w", err)
	}
	for _, f := range made.Files {
		if filepath.Dir(f.Name) == "extensions" {
			if err := write(file, f.Data); err != nil {
				return fmt.Errorf("write extension: %w", err)
			}
			return nil
		}
	}
	return fmt.Errorf("build layer: no extension in it")
}

// write puts a program in place: beside and renamed, because an older one may still be running somewhere, and under a name of its own, because benchmarks
// and their tests run side by side.
func write(file string, data []byte) error {
	beside, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(beside.Name()) //nolint:errcheck // gone by then, if all went well
	_, err = beside.Write(data)
	if err := errors.Join(err, beside.Chmod(0o755), beside.Close()); err != nil { //nolint:gosec // a program
		return err
	}
	return os.Rename(beside.Name(), file)
}

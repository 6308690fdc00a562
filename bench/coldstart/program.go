//go:build linux

package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/afterglow-lambda/afterglow/construct/layer"
	"github.com/afterglow-lambda/afterglow/infra/local/tools"
)

// baseline is the program that the others are divided by: what every extension written the ordinary way pays.
const baseline = "floor: net/http"

// A program is one extension to measure.
type program struct {
	name   string
	file   string
	size   int64 // bytes
	zipped int64
}

// foreign is an extension that is not ours: bench/floors/rust, on AWS's own crate.
const foreign = "on AWS's Rust crate"

// build makes the floors, the extension and the foreign one, and adds the files given by flag. leftOut tells what this machine cannot make.
func build(ctx context.Context, module string, others []string, progress io.Writer) (programs []program, leftOut []string, err error) {
	dir := filepath.Join(module, ".afterglow", "bench")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make build directory: %w", err)
	}
	floors := []struct{ name, pkg, file string }{
		{"floor: raw socket", "./bench/floors/rawsocket", "floor-rawsocket"},
		{baseline, "./bench/floors/nethttp", "floor-nethttp"},
	}
	for _, floor := range floors {
		file := filepath.Join(dir, floor.file)
		if err := buildFloor(ctx, module, floor.pkg, file); err != nil {
			return nil, nil, err
		}
		programs = append(programs, program{name: floor.name, file: file})
	}
	file := filepath.Join(dir, "afterglow")
	if err := extractExtension(ctx, hostArch(), filepath.Join(dir, "layer"), file, progress); err != nil {
		return nil, nil, err
	}
	programs = append(programs, program{name: "Afterglow", file: file})
	switch file, err := tools.RustExtension(ctx, filepath.Join(module, "bench", "floors", "rust"), filepath.Join(module, ".afterglow", "tools"), progress); {
	case err == nil:
		programs = append(programs, program{name: foreign, file: file})
	case errors.Is(err, tools.ErrNoCargo):
		leftOut = append(leftOut, "the extension "+foreign+": "+err.Error())
	default:
		return nil, nil, err
	}
	for _, other := range others {
		name, file, _ := strings.Cut(other, "=")
		programs = append(programs, program{name: name, file: file})
	}
	for i := range programs {
		if err := programs[i].weigh(); err != nil {
			return nil, nil, err
		}
	}
	return programs, leftOut, nil
}

// buildFloor builds as package construct/layer does, but for the packages that it compiles without inlining: floors stay what they were.
func buildFloor(ctx context.Context, module, pkg, file string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags=nethttpomithttp2", "-ldflags=-s -w -buildid=", "-o", file, pkg)
	command.Dir = module
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

func hostArch() string {
	if runtime.GOARCH == "arm64" {
		return layer.ARM64
	}
	return layer.X86_64
}

// extractExtension takes the binary out of the layer itself: what is measured is what is deployed.
func extractExtension(ctx context.Context, arch, cache, file string, progress io.Writer) error {
	made, err := layer.Make(ctx, layer.Options{Arch: arch, CacheDir: cache, Progress: progress})
	if err != nil {
		return fmt.Errorf("build layer: %w", err)
	}
	for _, f := range made.Files {
		if filepath.Dir(f.Name) == "extensions" {
			// Beside and renamed: an older one may still be running somewhere.
			if err := os.WriteFile(file+".new", f.Data, 0o755); err != nil { //nolint:gosec // a program
				return fmt.Errorf("write extension: %w", err)
			}
			if err := os.Rename(file+".new", file); err != nil {
				return fmt.Errorf("write extension: %w", err)
			}
			return nil
		}
	}
	return fmt.Errorf("build layer: no extension in it")
}

// weigh reads the size, plain and as the zip of a layer would have it.
func (p *program) weigh() error {
	data, err := os.ReadFile(p.file)
	if err != nil {
		return fmt.Errorf("weigh %s: %w", p.name, err)
	}
	var zipped bytes.Buffer
	archive := zip.NewWriter(&zipped)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	entry, err := archive.Create(filepath.Base(p.file))
	if err == nil {
		_, err = entry.Write(data)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		return fmt.Errorf("zip %s: %w", p.name, err)
	}
	p.size, p.zipped = int64(len(data)), int64(zipped.Len())
	return nil
}

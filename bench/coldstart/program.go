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
	"strings"

	"github.com/afterglow-lambda/afterglow/bench/programs"
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

// build makes the floors, the extension and the foreign one, and adds the files given by flag. leftOut tells what this machine cannot make.
func build(ctx context.Context, module string, others []string, progress io.Writer) (all []program, leftOut []string, err error) {
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
		all = append(all, program{name: floor.name, file: file})
	}
	file := filepath.Join(dir, "afterglow")
	if err := programs.Extract(ctx, programs.HostArch(), filepath.Join(dir, "layer"), file, progress); err != nil {
		return nil, nil, err
	}
	all = append(all, program{name: "Afterglow", file: file})
	switch file, err := programs.Foreign(ctx, module, progress); {
	case err == nil:
		all = append(all, program{name: programs.ForeignName, file: file})
	case errors.Is(err, programs.ErrNoCargo):
		leftOut = append(leftOut, "the extension "+programs.ForeignName+": "+err.Error())
	default:
		return nil, nil, err
	}
	for _, other := range others {
		name, file, _ := strings.Cut(other, "=")
		all = append(all, program{name: name, file: file})
	}
	for i := range all {
		if err := all[i].weigh(); err != nil {
			return nil, nil, err
		}
	}
	return all, leftOut, nil
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

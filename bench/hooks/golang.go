//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

func golang() language {
	return language{
		name: "go", libraries: []string{"net/http"}, warmup: 20,
		mark:   marks{call: 5 * time.Microsecond},
		beside: []string{"append", "map", "populated map"},
		build:  buildGo,
	}
}

// buildGo builds the program three times: as it is, with the overlay, and with OpenTelemetry.
func buildGo(ctx context.Context, shop *workshop) (program, error) {
	rt, err := runtimes.Find(ctx, "provided.al2023", runtimes.Options{Progress: shop.progress})
	if err != nil {
		return program{}, err
	}
	source := filepath.Join(shop.programs, "golang")
	root := filepath.Join(shop.programs, "..", "..", "..")
	overlay := filepath.Join(shop.dir, "overlay")
	if err := command(ctx, root, "go", "run", "./wrapper/golang/overlay", "-source", root, "-o", overlay, source); err != nil {
		return program{}, err
	}
	programs := map[variant]string{}
	for v, flags := range map[variant][]string{plain: nil, hook: {"-overlay", filepath.Join(overlay, "overlay.json")}, exporting: {"-tags", "otel"}} {
		programs[v] = filepath.Join(shop.dir, strings.ReplaceAll("go "+string(v), " ", "-"))
		if err := command(ctx, source, append(append([]string{"go", "build", "-o", programs[v]}, flags...), ".")...); err != nil {
			return program{}, err
		}
	}
	programs[discarding] = programs[exporting]
	version, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return program{}, fmt.Errorf("ask for the version of Go: %w", err)
	}
	return program{
		title: "Go " + strings.TrimPrefix(strings.TrimSpace(string(version)), "go"), rt: rt, code: source, caller: "caller", idle: "idle",
		start: func(v variant, argv []string, env map[string]string) []string { return []string{programs[v]} },
	}, nil
}

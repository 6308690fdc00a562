//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

const nodeRuntime = "nodejs22.x"

func node() language {
	return language{
		name: "node", libraries: []string{"http", "fetch"}, warmup: 20,
		mark:  marks{call: 25 * time.Microsecond, init: 6 * time.Millisecond},
		build: buildNode,
	}
}

func buildNode(ctx context.Context, shop *workshop) (program, error) {
	rt, err := runtimes.Find(ctx, nodeRuntime, runtimes.Options{Progress: shop.progress})
	if err != nil {
		return program{}, err
	}
	manifest, err := shop.read("node", "package.json")
	if err != nil {
		return program{}, err
	}
	lock, err := shop.read("node", "package-lock.json")
	if err != nil {
		return program{}, err
	}
	libraries, err := shop.install(nodeRuntime, [][]byte{manifest, lock}, func(dir string) error {
		for name, data := range map[string][]byte{"package.json": manifest, "package-lock.json": lock} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil { //nolint:gosec // no secret
				return err
			}
		}
		return command(ctx, dir, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	})
	if err != nil {
		return program{}, err
	}
	version, err := exec.CommandContext(ctx, filepath.Join(rt.Lang, "bin", "node"), "--version").Output()
	if err != nil {
		return program{}, err
	}
	return program{
		title: "Node.js " + strings.TrimSpace(string(version)), rt: rt, code: filepath.Join(shop.programs, "node"), caller: "caller.handler", idle: "idle.handler",
		env: map[string]string{"BENCH_LIBRARIES": filepath.Join(libraries, "node_modules")},
	}, nil
}

//go:build linux

package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

const pythonRuntime = "python3.13"

func python() language {
	return language{
		name: "python", libraries: []string{"urllib3", "requests"}, warmup: 3,
		mark:  marks{call: 50 * time.Microsecond, init: 6 * time.Millisecond},
		build: buildPython,
	}
}

func buildPython(ctx context.Context, shop *workshop) (program, error) {
	rt, err := runtimes.Find(ctx, pythonRuntime, runtimes.Options{Progress: shop.progress})
	if err != nil {
		return program{}, err
	}
	interpreter := filepath.Join(rt.Lang, "bin", pythonRuntime)
	pins, err := shop.read("python", "requirements.txt")
	if err != nil {
		return program{}, err
	}
	libraries, err := shop.install(pythonRuntime, [][]byte{pins, []byte(interpreter)}, func(dir string) error {
		return command(ctx, dir, interpreter, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--no-input",
			"--root-user-action=ignore", "--target", dir, "--requirement", filepath.Join(shop.programs, "python", "requirements.txt"))
	})
	if err != nil {
		return program{}, err
	}
	version, err := exec.CommandContext(ctx, interpreter, "--version").Output()
	if err != nil {
		return program{}, err
	}
	return program{
		title: strings.TrimSpace(string(version)), rt: rt, code: filepath.Join(shop.programs, "python"), caller: "caller.handler", idle: "idle.handler",
		env: map[string]string{"BENCH_LIBRARIES": libraries, "PYTHONDONTWRITEBYTECODE": "1"},
	}, nil
}

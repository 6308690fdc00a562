//go:build linux

// Package host says what a benchmark runs on: what its report has to name, and where its sources are.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// LoadAverage is that of the last minute, 0 when it cannot be told.
func LoadAverage() float64 {
	var load float64
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(text), &load); err != nil {
		return 0
	}
	return load
}

// Machine says what it ran on, as far as another can judge by it.
func Machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo") // no file, no name
	for text := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(text, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kernel := ""
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		parts := strings.SplitN(unix.ByteSliceToString(name.Release[:]), ".", 3) // what follows is the builder's own business
		kernel = ", Linux " + strings.Join(parts[:min(2, len(parts))], ".")
	}
	return fmt.Sprintf("%s, %d cores%s, %s/%s, %s", model, runtime.NumCPU(), kernel, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// ModuleDir is where Afterglow's go.mod is.
func ModuleDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", errors.New("find module: run this inside Afterglow's source")
	}
	return filepath.Dir(file), nil
}

// Status reads a size out of what the kernel tells of a process, such as "VmRSS:", in bytes.
func Status(pid int, name string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for text := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(text, name); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read memory: %w", err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("read memory: no %s the program has ended", name)
}

// Publish writes a report to the standard output and into a file, which is relative to the module; "" is none.
func Publish(ctx context.Context, report, file string, stdout io.Writer) error {
	if _, err := io.WriteString(stdout, report); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if file == "" {
		return nil
	}
	if !filepath.IsAbs(file) {
		module, err := ModuleDir(ctx)
		if err != nil {
			return err
		}
		file = filepath.Join(module, file)
	}
	if err := os.WriteFile(file, []byte(report), 0o644); err != nil { //nolint:gosec // a document
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

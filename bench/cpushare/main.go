//go:build linux

// Command cpushare measures how much of a core a function gets in the local Lambda, beside how much its memory is
// worth on Lambda: MB / 1,769.
//
// It starts itself as a function, with each memory in turn, in a real environment. The function works on as many
// threads as the machine has cores for a few seconds and says what CPU time it was given. It gives a Markdown report,
// on the standard output and in bench/results. It leaves nothing behind, also when it is interrupted.
//
//	go run ./bench/cpushare              5 runs of 2 s for each memory
//	go run ./bench/cpushare -n 1 -o ""   quickly, without the file
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// sizes are those of the issue: 128 MB is the least that a function can have, 1,769 MB the first whole vCPU.
func sizes() []int { return []int{128, 256, 512, 1024, 1769} }

// mbPerCPU is the memory that comes with one vCPU (AWS: configuration-function-common).
const mbPerCPU = 1769

// startLimit is more than the start of the function takes at the smallest share.
const startLimit = 30 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		fmt.Fprintln(stderr, "cpushare:", serve(ctx, api))
		return 1
	}
	flags := flag.NewFlagSet("cpushare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	runs := flags.Int("n", 5, "`runs` for each memory")
	length := flags.Duration("d", 2*time.Second, "`time` of a run")
	output := flags.String("o", "bench/results/cpushare.md", "`file` for the report, relative to the module; empty for none")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := bench(ctx, max(*runs, 1), *length, *output, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "cpushare:", err)
		return 1
	}
	return 0
}

// shares are what the runs of one memory were given, in cores.
type shares struct {
	mb   int
	runs []float64
}

func bench(ctx context.Context, runs int, length time.Duration, output string, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "cpushare-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return fmt.Errorf("read this program: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bootstrap"), program, 0o755); err != nil { //nolint:gosec // a program
		return fmt.Errorf("write function: %w", err)
	}
	load := host.LoadAverage()
	var all []shares
	for _, mb := range sizes() {
		fmt.Fprintf(stderr, "%d MB: %d runs of %v\n", mb, runs, length)
		given, err := measure(ctx, dir, mb, runs, length, stderr)
		if err != nil {
			return fmt.Errorf("measure %d MB: %w", mb, err)
		}
		all = append(all, shares{mb, given})
	}
	report := write(all, length, load)
	if _, err := io.WriteString(stdout, report); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if output == "" {
		return nil
	}
	if !filepath.IsAbs(output) {
		module, err := host.ModuleDir(ctx)
		if err != nil {
			return err
		}
		output = filepath.Join(module, output)
	}
	if err := os.WriteFile(output, []byte(report), 0o644); err != nil { //nolint:gosec // a document
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// measure runs the function with some memory.
func measure(ctx context.Context, code string, mb, runs int, length time.Duration, stderr io.Writer) (given []float64, err error) {
	e, err := lambdalocal.Start(ctx, lambdalocal.Function{
		Name: "cpushare", Runtime: "provided.al2023", Handler: "bootstrap", Code: code, MemoryMB: mb,
		Timeout: length + startLimit,
	}, lambdalocal.Options{Log: func(line lambdalocal.Line) {
		if strings.HasPrefix(line.Text, "lambdalocal: ") {
			fmt.Fprintln(stderr, line.Text)
		}
	}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close(context.WithoutCancel(ctx))) }()
	for range runs {
		r, err := e.Invoke(ctx, lambdalocal.Invocation{Payload: []byte(fmt.Sprint(length.Milliseconds()))})
		if err != nil {
			return nil, err
		}
		if r.FunctionError != "" {
			return nil, fmt.Errorf("the function failed: %s", r.Payload)
		}
		var share float64
		if err := json.Unmarshal(r.Payload, &share); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		given = append(given, share)
	}
	return given, nil
}

//go:build linux

// Command synth measures how much longer an app of many functions takes to synthesise with Afterglow than without.
//
// It takes the module's source (run it inside) and runs apps as processes of their own, one kind after the other in turn: with plain functions, with
// construct.NewInstrumentedFunction, with construct.InstrumentAll. It gives a Markdown report, on the standard output and in bench/results.
//
//	go run ./bench/synth                    five runs of each with 100 functions, about two minutes
//	go run ./bench/synth -n 1 -o ""         quickly, without the file
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// mark is by how much 100 functions may take longer, in seconds.
const mark = 0.5

func main() {
	if kind, ok := os.LookupEnv(envKind); ok {
		synthesise(kind)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("synth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	runs := flags.Int("n", 5, "`runs` of each kind")
	functions := flags.Int("functions", 100, "`functions` in the app")
	output := flags.String("o", "bench/results/synth.md", "`file` for the report, relative to the module; empty for none")
	if err := flags.Parse(args); err != nil {
		return 2 // the flag package has said why
	}
	if err := bench(ctx, max(1, *runs), max(1, *functions), *output, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "synth:", err)
		return 1
	}
	return 0
}

func bench(ctx context.Context, runs, functions int, output string, stdout, stderr io.Writer) error {
	module, err := host.ModuleDir(ctx)
	if err != nil {
		return err
	}
	load := host.LoadAverage()
	samples := map[string][]time.Duration{}
	for n := range runs + 1 { // the first one warms the cache of layers, and the machine's
		for _, kind := range kinds {
			fmt.Fprintf(stderr, "run %d of %d: %s\n", n, runs, kind.name)
			took, err := once(ctx, module, kind.name, functions)
			if err != nil {
				return err
			}
			if n > 0 {
				samples[kind.name] = append(samples[kind.name], took)
			}
		}
	}
	if output != "" {
		output = filepath.Join(module, output)
	}
	return host.Publish(ctx, report(samples, functions, load), output, stdout)
}

// once runs an app and gives what it says to have taken, without the start of its process and of jsii.
func once(ctx context.Context, module, kind string, functions int) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find program: %w", err)
	}
	command := exec.CommandContext(ctx, self)
	command.Dir = module
	command.Env = append(os.Environ(), envKind+"="+kind, envFunctions+"="+strconv.Itoa(functions), "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=1")
	var out, stderr bytes.Buffer
	command.Stdout, command.Stderr = &out, &stderr
	if err := command.Run(); err != nil {
		return 0, fmt.Errorf("app with %s: %w\n%s", kind, err, stderr.Bytes())
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(out.String()), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("app with %s: said %q and not how long it took: %w", kind, out.String(), err)
	}
	return time.Duration(nanoseconds), nil
}

func report(samples map[string][]time.Duration, functions int, load float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What synthesis takes longer with Afterglow\n\nWritten by `go run ./bench/synth`; run it again rather than compare across machines.\n\n%s. Load average %.1f at the start.\n",
		host.Machine(), load)
	fmt.Fprintf(&b, "An app of %d functions whose code is a folder, with the same settings, warm cache: medians of %d runs of each, one after the other in turn. The mark: 100 functions take at most %.1f s longer.\n\n", functions, len(samples[kinds[0].name]), mark)
	b.WriteString("| app | s | longer by s | × |\n|---|---|---|---|\n")
	plain := median(samples[kinds[0].name])
	for _, kind := range kinds {
		m := median(samples[kind.name])
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.2f |\n", kind.name, m.Seconds(), (m - plain).Seconds(), m.Seconds()/plain.Seconds())
	}
	b.WriteString("\n- From the making of the app to the end of its synthesis; the start of the process and of jsii, some seconds, is not in it.\n")
	return b.String()
}

func median(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

//go:build linux

// Command coldstart measures what an extension costs before the first invocation: the time from its start to its registration and to
// its first request for an event, CPU time, memory at idle, and size. It runs Afterglow's extension beside the programs of
// bench/floors, two bare ones and an extension on AWS's Rust crate, interleaved, because a figure without its neighbours measured in the same minutes says little.
//
// It takes the module's source (run it inside) and builds every program the way the layer is built. It gives a Markdown report, on
// the standard output and in bench/results. It promises to leave no process and no cgroup behind, also when it is interrupted.
//
//	go run ./bench/coldstart                       30 runs each, at no limit, 512 MB and 128 MB
//	go run ./bench/coldstart -n 5 -memory 0        quickly, no limit only
//	go run ./bench/coldstart -extension peer=FILE  another extension beside them; may be given several times
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// defaultRuns give a median that repeats within a few percent on two shared cores, in about two minutes altogether.
const defaultRuns = 30

// options are the flags.
type options struct {
	runs       int
	memory     []int // MB whose share of the CPU to give; 0 is no limit
	output     string
	extensions []string // name=file
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opt, err := parse(args, stderr)
	if err != nil {
		return 2 // the flag package has said why
	}
	if err := bench(ctx, opt, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "coldstart:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	var opt options
	flags := flag.NewFlagSet("coldstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&opt.runs, "n", defaultRuns, "runs of each program at each memory `size`")
	flags.StringVar(&opt.output, "o", "bench/results/coldstart.md", "`file` for the report, relative to the module; empty for none")
	flags.Func("extension", "`name=file` of another extension to measure", func(value string) error {
		if name, file, _ := strings.Cut(value, "="); name == "" || file == "" {
			return errors.New("want name=file")
		}
		opt.extensions = append(opt.extensions, value)
		return nil
	})
	flags.Func("memory", host.MemoryUsage, func(value string) (err error) {
		opt.memory, err = host.ParseMemory(value)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if opt.memory == nil {
		opt.memory = host.Memory()
	}
	if opt.runs < 1 {
		fmt.Fprintln(stderr, "-n: at least one run")
		return options{}, errors.New("bad flags")
	}
	return opt, nil
}

func bench(ctx context.Context, opt options, stdout, stderr io.Writer) error {
	module, err := host.ModuleDir(ctx)
	if err != nil {
		return err
	}
	load := host.LoadAverage() // before the build makes one
	if warning := busy(load); warning != "" {
		fmt.Fprintln(stderr, warning)
	}
	programs, leftOut, err := build(ctx, module, opt.extensions, stderr)
	if err != nil {
		return err
	}
	var all []series
	for _, mb := range opt.memory {
		share, err := host.NewShare(mb)
		if err != nil {
			leftOut = append(leftOut, fmt.Sprintf("%d MB: %v", mb, err))
			fmt.Fprintf(stderr, "left out %d MB: %v\n", mb, err)
			continue
		}
		fmt.Fprintf(stderr, "%s: %d runs of %d programs\n", host.MemoryName(mb), opt.runs, len(programs))
		measured, err := measureAll(ctx, programs, opt.runs, share)
		if err := errors.Join(err, share.Close()); err != nil {
			return err
		}
		all = append(all, series{mb: mb, samples: measured})
	}
	return host.Publish(ctx, write(programs, all, opt.runs, load, leftOut), opt.output, stdout)
}

// pause is left between two runs: several periods of a share, so that no program pays for the one before it.
const pause = 5 * host.Period

// measureAll runs the programs in turn, so that whatever else the machine does meanwhile falls on all of them, and each round
// begins with another one, so that none always follows the same.
func measureAll(ctx context.Context, programs []program, runs int, share *host.Share) (map[string][]sample, error) {
	samples := map[string][]sample{}
	for round := range runs {
		for i := range programs {
			p := programs[(round+i)%len(programs)]
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			s, err := measure(ctx, p, share)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", p.name, err)
			}
			samples[p.name] = append(samples[p.name], s)
		}
	}
	return samples, nil
}

//go:build linux

// Command work measures what the extension costs while the function works: CPU time for each invocation, and memory over thousands of them.
//
// It takes the module's source (run it inside), builds Afterglow's extension as the layer has it and an extension on AWS's Rust crate, and plays invocations
// of a function that makes ten calls, as fast as they go. It gives a Markdown report, on the standard output and in bench/results. It promises to leave no
// process and no cgroup behind, also when it is interrupted.
//
//	go run ./bench/work                       at no limit, 512 MB and 128 MB: about ten minutes
//	go run ./bench/work -n 30 -memory 0       quickly
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

	"github.com/afterglow-lambda/afterglow/bench/host"
	"github.com/afterglow-lambda/afterglow/bench/programs"
)

type options struct {
	memory []int
	count  int // 0: as many as each case has
	only   string
	output string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var opt options
	flags := flag.NewFlagSet("work", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&opt.count, "n", 0, "`invocations` of each case, instead of thousands")
	flags.StringVar(&opt.only, "only", "", "cases whose name holds this `text`")
	flags.StringVar(&opt.output, "o", "bench/results/work.md", "`file` for the report, relative to the module; empty for none")
	flags.Func("memory", host.MemoryUsage, func(value string) (err error) {
		opt.memory, err = host.ParseMemory(value)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return 2 // the flag package has said why
	}
	if opt.memory == nil {
		opt.memory = host.Memory()
	}
	if err := bench(ctx, opt, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "work:", err)
		return 1
	}
	return 0
}

func bench(ctx context.Context, opt options, stdout, stderr io.Writer) error {
	module, err := host.ModuleDir(ctx)
	if err != nil {
		return err
	}
	load := host.LoadAverage() // before the build makes one
	ours, err := programs.Ours(ctx, module, stderr)
	if err != nil {
		return err
	}
	var leftOut []string
	foreign, err := programs.Foreign(ctx, module, stderr)
	if errors.Is(err, programs.ErrNoCargo) {
		leftOut = append(leftOut, "the extension "+programs.ForeignName+": "+err.Error())
	} else if err != nil {
		return err
	}
	var tables []table
	for _, mb := range opt.memory {
		share, err := host.NewShare(mb)
		if err != nil {
			leftOut = append(leftOut, fmt.Sprintf("%d MB: %v", mb, err))
			continue
		}
		t := table{mb: mb}
		for _, c := range cases(ours, foreign, mb) {
			if !strings.Contains(c.name, opt.only) {
				continue
			}
			if opt.count > 0 {
				c.count = opt.count
			}
			fmt.Fprintf(stderr, "%s: %s: %d invocations\n", host.MemoryName(mb), c.name, c.count)
			r, err := measure(ctx, c, share)
			if err != nil {
				return errors.Join(fmt.Errorf("%s: %w", c.name, err), share.Close())
			}
			t.rows = append(t.rows, r)
		}
		if err := share.Close(); err != nil {
			return err
		}
		tables = append(tables, t)
	}
	return host.Publish(ctx, write(tables, load, leftOut), opt.output, stdout)
}

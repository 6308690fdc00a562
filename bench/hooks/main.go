//go:build linux

// Command hooks measures what a hook costs the function that it runs in, for each runtime beside the same program without one and beside the same program
// with OpenTelemetry's instrumentation of the same library.
//
// It takes the module's source (run it inside) and Lambda's runtime clients, starts functions on them as Lambda does, and plays invocations to them: all
// variants of a program live side by side and take turns, so that whatever else the machine does meets them alike. It counts the CPU time of the function's
// own process; the Runtime API and the peer that is called are in this one. It gives a Markdown report, on the standard output and in bench/results. It
// promises to leave no process and no cgroup behind, also when it is interrupted.
//
//	go run ./bench/hooks                              everything: six to seven minutes on a quiet machine
//	go run ./bench/hooks -runtimes node -only cpu     one question to one runtime
//	go run ./bench/hooks -runtimes go -only floor     what no hook can stay below
//	go run ./bench/hooks -processes 1 -warm 1000 -rounds 3 -o ""  quickly, without the file
//
// A runtime is one file here, one row in languages, and its programs in programs/<runtime>.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// The questions that are asked, by the names of the flag -only.
const (
	askCPU      = "cpu"      // what a call adds
	askInit     = "init"     // what a cold start adds
	askHandover = "handover" // what handing over a megabyte takes
	askEvent    = "event"    // what a large event adds
	askFloor    = "floor"    // what handing over a call's two records costs at the least
)

func questions() []string { return []string{askCPU, askInit, askHandover, askEvent, askFloor} }

type options struct {
	languages []language
	ask       []string
	processes int
	young     int
	warm      int
	rounds    int
	calls     int
	starts    int
	memory    int
	output    string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opt := options{languages: languages(), ask: questions()}
	flags := flag.NewFlagSet("hooks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&opt.processes, "processes", 3, "`processes` of each variant, one after the other, that make calls")
	flags.IntVar(&opt.young, "young", youngCalls, "`calls` of a process that is young")
	flags.IntVar(&opt.warm, "warm", warmCalls, "`calls` of a process before it counts as warm")
	flags.IntVar(&opt.rounds, "rounds", 20, "`rounds` that count, in each of which every variant has one invocation")
	flags.IntVar(&opt.calls, "calls", 100, "`calls` of an invocation")
	flags.IntVar(&opt.starts, "starts", 30, "`starts` of each variant")
	flags.IntVar(&opt.memory, "memory", 128, "`MB` whose share of the CPU a megabyte is handed over at")
	flags.StringVar(&opt.output, "o", "bench/results/hooks.md", "`file` for the report, relative to the module; empty for none")
	flags.Func("runtimes", "`names` of runtimes, with commas between (default all: "+strings.Join(names(opt.languages), ",")+")", func(value string) (err error) {
		opt.languages, err = pick(opt.languages, value)
		return err
	})
	flags.Func("only", "`questions` to ask, with commas between (default all: "+strings.Join(questions(), ",")+")", func(value string) error {
		opt.ask = strings.Split(value, ",")
		for _, q := range opt.ask {
			if !slices.Contains(questions(), q) {
				return fmt.Errorf("%q is none of %s", q, strings.Join(questions(), ", "))
			}
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return 2 // the flag package has said why
	}
	if err := bench(ctx, opt, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "hooks:", err)
		return 1
	}
	return 0
}

func bench(ctx context.Context, opt options, stdout, stderr io.Writer) (err error) {
	shop, err := newWorkshop(ctx, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	load := host.LoadAverage()
	rest, err := keepAwake(ctx)
	if err != nil {
		return err
	}
	defer rest()
	var results []result
	for _, l := range opt.languages {
		r, err := measure(ctx, shop, l, opt)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		results = append(results, r)
	}
	return host.Publish(ctx, write(results, opt, load), opt.output, stdout)
}

func names(all []language) (names []string) {
	for _, l := range all {
		names = append(names, l.name)
	}
	return names
}

func pick(all []language, value string) (picked []language, err error) {
	for name := range strings.SplitSeq(value, ",") {
		i := slices.Index(names(all), name)
		if i < 0 {
			return nil, fmt.Errorf("%q is none of %s", name, strings.Join(names(all), ", "))
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}

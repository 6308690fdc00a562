//go:build linux

// Command hold measures how long an extension holds an environment after the function has ended: billed time in which nothing of the function's happens.
//
// It takes the module's source (run it inside), builds Afterglow's extension as the layer has it and an extension on AWS's Rust crate, and plays to each of
// them, in turn, invocations of a busy function, of a rare one, and of those whose collector hangs or refuses. It gives a Markdown report, on the standard
// output and in bench/results. It promises to leave no process and no cgroup behind, also when it is interrupted.
//
//	go run ./bench/hold                       at no limit, 512 MB and 128 MB: about ten minutes
//	go run ./bench/hold -short -memory 0      quickly
//	go run ./bench/hold -alone -story busy -memory 512 -o ""      a part of it
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
	short  bool
	alone  bool
	story  string
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
	flags := flag.NewFlagSet("hold", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&opt.short, "short", false, "a fiftieth of the invocations, and short pauses")
	flags.BoolVar(&opt.alone, "alone", false, "Afterglow's extension and no other")
	flags.StringVar(&opt.story, "story", "", "only the stories whose name has this `text` in it")
	flags.StringVar(&opt.output, "o", "bench/results/hold.md", "`file` for the report, relative to the module; empty for none")
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
		fmt.Fprintln(stderr, "hold:", err)
		return 1
	}
	return 0
}

// A program is an extension to measure.
type program struct {
	name, file string
	hooked     bool // it reads what hooks write
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
	all := []program{{"Afterglow", ours, true}}
	var leftOut []string
	switch foreign, err := otherwise(ctx, opt, module, stderr); {
	case opt.alone:
	case err == nil:
		all = append(all, program{programs.ForeignName, foreign, false})
	case errors.Is(err, programs.ErrNoCargo):
		leftOut = append(leftOut, "the extension "+programs.ForeignName+": "+err.Error())
	default:
		return err
	}
	var tables []table
	for _, mb := range opt.memory {
		share, err := host.NewShare(mb)
		if err != nil {
			leftOut = append(leftOut, fmt.Sprintf("%d MB: %v", mb, err))
			continue
		}
		t, err := measureAll(ctx, all, share, opt, stderr)
		if err := errors.Join(err, share.Close()); err != nil {
			return err
		}
		t.mb = mb
		tables = append(tables, t)
	}
	return host.Publish(ctx, write(tables, load, leftOut), opt.output, stdout)
}

// otherwise builds the extension to compare with, unless there is to be none.
func otherwise(ctx context.Context, opt options, module string, progress io.Writer) (file string, err error) {
	if opt.alone {
		return "", nil
	}
	return programs.Foreign(ctx, module, progress)
}

// table is what was measured at one share.
type table struct {
	mb   int
	rows []row
}

// fewOutages are enough for an extension that takes all of each invocation's time for them.
const fewOutages = 10

func measureAll(ctx context.Context, all []program, share *host.Share, opt options, progress io.Writer) (table, error) {
	var t table
	for _, st := range stories() {
		if !strings.Contains(st.name, opt.story) {
			continue
		}
		if opt.short {
			st.count, st.warm, st.pause = max(2, st.count/50), st.warm/50, st.pause/20
		}
		for _, p := range all {
			st := st
			if !p.hooked && (st.collector.Hangs || st.collector.Refuses) {
				st.count = min(st.count, fewOutages)
			}
			fmt.Fprintf(progress, "%s, %s: %d invocations\n", p.name, st.name, st.warm+st.count)
			r, err := play(ctx, p, st, share)
			if err != nil {
				return table{}, fmt.Errorf("%s, %s: %w", p.name, st.name, err)
			}
			t.rows = append(t.rows, r)
		}
	}
	return t, nil
}

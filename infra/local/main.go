// Command local runs what the CDK app of this repository deploys, on this machine.
//
//	go run ./infra/local demo          deploy the example, send two orders, show their flow, stop
//	go run ./infra/local demo --keep   the same, then leave everything up until Ctrl-C
//	go run ./infra/local prepare       install what demo and tests need
//	go run ./infra/local down          stop what runs, and whatever a killed run left
//
// It needs Go, Python 3 and Node.js, and installs the rest below .afterglow in the checkout. It takes no
// AWS account, listens on loopback only, and ends everything that it started, however it is ended itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/afterglow-lambda/afterglow/infra/local/child"
	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
)

// Exit codes. interrupted is the shell's for a program that SIGINT has ended.
const (
	succeeded   = 0
	failed      = 1
	misused     = 2
	interrupted = 130
)

func main() {
	// A reader that went away (`… | head`) must not kill us before we have ended what we started. Taken, not
	// ignored: what is ignored would be ignored in every program that we start.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err := child.Adopt(); err != nil {
		fmt.Fprintln(os.Stderr, "afterglow:", err)
	}
	ctx, hurry := untilInterrupted()
	code := run(ctx, hurry, os.Args[1:], os.Stdout, os.Stderr)
	for _, command := range child.Sweep() {
		fmt.Fprintln(os.Stderr, "afterglow: ended a process that was left:", command)
	}
	os.Exit(code)
}

// untilInterrupted gives a context that ends at the first Ctrl-C, kill or closed terminal, and one that
// ends at the second: who presses Ctrl-C again does not want to wait for an orderly end.
func untilInterrupted() (ctx, hurry context.Context) {
	ctx, stop := context.WithCancel(context.Background())
	hurry, stopNow := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		stop()
		<-signals
		stopNow()
	}()
	return ctx, hurry
}

const usage = `usage: go run ./infra/local COMMAND

  demo [--keep] [--port N]   deploy the example to a local AWS, send two orders, show their flow
  prepare                    install what demo and tests need, and do nothing else
  down                       stop what runs, and whatever a killed run left
`

// run runs a command. What ctx ends is ended in order, bounded by hurry.
func run(ctx, hurry context.Context, args []string, stdout, stderr io.Writer) int {
	checkout, err := findCheckout()
	if err != nil {
		fmt.Fprintln(stderr, "afterglow:", err)
		return failed
	}
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return misused
	}
	switch args[0] {
	case "demo":
		err = runDemo(ctx, hurry, checkout, args[1:], stdout, stderr)
	case "prepare":
		err = runPrepare(ctx, checkout, args[1:], stdout, stderr)
	case "down":
		err = runDown(ctx, checkout, args[1:], stdout, stderr)
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
	default:
		fmt.Fprintf(stderr, "afterglow: there is no command %q\n\n%s", args[0], usage)
		return misused
	}
	switch {
	case err == nil:
		return succeeded
	case errors.Is(err, flag.ErrHelp):
		return misused
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "afterglow: stopped")
		return interrupted
	default:
		fmt.Fprintln(stderr, "afterglow:", err)
		return failed
	}
}

func runDemo(ctx, hurry context.Context, checkout string, args []string, stdout, stderr io.Writer) error {
	d := demo{checkout: checkout, stdout: stdout, hurry: hurry}
	flags := newFlags("demo", checkout, &d.runs, stderr)
	flags.BoolVar(&d.keep, "keep", false, "leave everything up until Ctrl-C")
	flags.IntVar(&d.port, "port", 0, "port of the AWS endpoint on loopback; 0 takes a free one")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	return d.run(ctx)
}

// newFlags makes a command's flags, with the one that all commands have.
func newFlags(command, checkout string, runs *string, stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(runs, "runs", cloud.DefaultRuns(checkout), "folder for what runs write; down stops the runs of one folder")
	return flags
}

func runDown(ctx context.Context, checkout string, args []string, stdout, stderr io.Writer) error {
	var runs string
	if err := newFlags("down", checkout, &runs, stderr).Parse(args); err != nil {
		return flag.ErrHelp
	}
	stopped, err := cloud.StopAll(ctx, runs)
	if err != nil {
		return err
	}
	if stopped == 0 {
		fmt.Fprintln(stdout, "nothing is running")
	} else {
		fmt.Fprintf(stdout, "stopped %d\n", stopped)
	}
	return nil
}

// findCheckout looks for the folder of our go.mod, upwards from the working directory.
func findCheckout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.Contains(string(text), "module github.com/afterglow-lambda/afterglow\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the checkout: run this inside a checkout of Afterglow")
		}
		dir = parent
	}
}

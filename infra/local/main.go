// Command local runs what a CDK app deploys, on this machine.
//
//	go run ./infra/local up            deploy an app to a local AWS, or take functions from an endpoint, and run them
//	go run ./infra/local invoke NAME   invoke one of them
//	go run ./infra/local logs, flow    show what they print, and the flows that they export
//	go run ./infra/local deploy        deploy the app again
//	go run ./infra/local demo          deploy the example, send two orders, show their flow, stop
//	go run ./infra/local prepare       install what all this and the tests need
//	go run ./infra/local down          stop what runs, and whatever a killed run left
//	go run ./infra/local replay        send on what an extension wrote into a log
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
	"slices"
	"strings"
	"syscall"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/internal/child"
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
	code := run(ctx, hurry, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
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

  up [--app FOLDER] [--port N]           deploy a CDK app to a local AWS, run its functions with their layers and wrappers,
                                         bring every trigger to them, collect what they export; until Ctrl-C
  up --endpoint URL                      the same with the functions of an AWS-compatible endpoint that is there already
  deploy [--app FOLDER] [-- CDK'S OWN]   cdk deploy to what is up, which takes over what has changed
  invoke FUNCTION [-e FILE|-] [--payload JSON] [--async] [--log]
                                         invoke a function: its answer on stdout, all else on stderr
  logs [FUNCTION] [-f] [--since 5m]      what functions, extensions and platform print
  flow [-f] [--trace ID] [--last N] [--json] [--bodies]
                                         the flows that have arrived, as trees
  down                                   stop what is up, and whatever a killed run left
  replay [--endpoint URL] [--header NAME=VALUE] [FILE...]
                                         what an extension wrote into a log, to a collector, or shown; from stdin without a file

  demo [--keep] [--port N]               deploy the example, send two orders, show their flow
  prepare                                install what all this and the tests need, and do nothing else

A function is meant by its name, a part of it that no other has, its id or path in the CDK app, or its ARN.
With several runs at once, --runs says which. docs/local-lambda.md tells more.
`

// command is one of the commands: it gets what is common to all, and its own arguments.
type command func(ctx context.Context, c call, args []string) error

// call is what every command gets.
type call struct {
	checkout       string
	stdin          io.Reader
	stdout, stderr io.Writer
	hurry          context.Context // ends when an orderly end is not wanted any more
}

func commands() map[string]command {
	return map[string]command{
		"up": runUp, "deploy": runDeploy, "invoke": runInvoke, "logs": runLogs, "flow": runFlow, "down": runDown,
		"demo": runDemo, "prepare": runPrepare, "replay": runReplay,
	}
}

// errMisused says that the arguments make no sense; what is wrong with them has been said.
var errMisused = errors.New("misused")

// run runs a command. What ctx ends is ended in order, bounded by hurry.
func run(ctx, hurry context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	checkout, err := findCheckout()
	if err != nil {
		fmt.Fprintln(stderr, "afterglow:", err)
		return failed
	}
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return misused
	}
	if slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		fmt.Fprint(stdout, usage)
		return succeeded
	}
	do, known := commands()[args[0]]
	if !known {
		fmt.Fprintf(stderr, "afterglow: there is no command %q\n\n%s", args[0], usage)
		return misused
	}
	err = do(ctx, call{checkout: checkout, stdin: stdin, stdout: stdout, stderr: stderr, hurry: hurry}, args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp): // who asks for help gets it
		return succeeded
	case errors.Is(err, errMisused):
		return misused
	case errors.Is(err, errTold):
		return failed
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "afterglow: stopped")
		return interrupted
	default:
		fmt.Fprintln(stderr, "afterglow:", err)
		return failed
	}
}

// misuse says what is wrong with a command's arguments.
func (c call) misuse(format string, args ...any) error {
	fmt.Fprintf(c.stderr, "afterglow: "+format+"\n", args...)
	return errMisused
}

// parse reads flags, which may stand before, between and after the other arguments; those are returned. After -- there are
// no flags.
func parse(flags *flag.FlagSet, args []string) (others []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, unparsed(err)
		}
		used := len(args) - flags.NArg()
		if ended := used > 0 && args[used-1] == "--"; ended || flags.NArg() == 0 {
			return append(others, flags.Args()...), nil
		}
		others = append(others, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// unparsed is what becomes of flags that could not be parsed: that has been said, as has the help if that was asked for.
func unparsed(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return errMisused
}

func runDemo(ctx context.Context, c call, args []string) error {
	d := demo{checkout: c.checkout, stdout: c.stdout, hurry: c.hurry}
	flags := c.flags("demo", &d.runs)
	flags.BoolVar(&d.keep, "keep", false, "leave everything up until Ctrl-C")
	flags.IntVar(&d.port, "port", 0, "port of the AWS endpoint on loopback; 0 takes a free one")
	if err := flags.Parse(args); err != nil {
		return unparsed(err)
	}
	return d.run(ctx)
}

// flags makes a command's flags, with the one that all commands have.
func (c call) flags(command string, runs *string) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(c.stderr)
	flags.StringVar(runs, "runs", cloud.DefaultRuns(c.checkout), "`folder` for what runs write, or the folder of one run")
	return flags
}

func runDown(ctx context.Context, c call, args []string) error {
	var runs string
	if err := c.flags("down", &runs).Parse(args); err != nil {
		return unparsed(err)
	}
	stopped, err := cloud.StopAll(ctx, runs, func(what string) { fmt.Fprintln(c.stdout, what) })
	if err != nil {
		return err
	}
	if stopped == 0 {
		fmt.Fprintln(c.stdout, "nothing is running")
	} else {
		fmt.Fprintf(c.stdout, "stopped %d\n", stopped)
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

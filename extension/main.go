// How many threads run Go code is set in config.go; nothing is read of cgroups for it at the start.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command extension is Afterglow's half outside the function's process: a Lambda extension that reads what the hooks appended to the
// spool, after the response has gone out, and exports it as OpenTelemetry spans.
//
// It takes Lambda's events, the spool and the function's environment, gives spans to a collector, and promises that nothing it does can
// be noticed otherwise: whatever fails in it, it keeps asking for the next event, because an extension that exits fails the invocation.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
	"github.com/afterglow-lambda/afterglow/extension/internal/lifecycle"
	"github.com/afterglow-lambda/afterglow/extension/internal/telemetry"
)

// release is the version of Afterglow, which spans and requests carry.
const release = "0.1.0"

func main() {
	ignoreSignals()
	log.SetOutput(io.Discard) // package net/http writes there what a server sends without being asked: into the function's log, with whatever is in it
	os.Exit(run(context.Background(), os.Args, os.Getenv, os.Environ, os.Stdout, stepBack))
}

// ignoreSignals ignores what would end this process. Lambda sends an external extension none of them: it tells SHUTDOWN, and kills when the time is over (rapid/shutdown.go in
// AWS's Runtime Interface Emulator). A function may: one that ends its children by kill -TERM -1 reaches all that run as its user, and an extension that exits fails its invocation.
// And the log is a pipe to Lambda: should it ever close, Go would end the process at the next line.
func ignoreSignals() {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE)
}

// run is the whole life of the extension. It registers before anything else, since Lambda starts no runtime until it has, subscribes to
// telemetry, which only goes before the first event is asked for, and asks for that before it sets anything up. It returns when Lambda said SHUTDOWN, or when there is no Lambda any more.
// stepBack is for the whole process, and comes with the setting up.
func run(ctx context.Context, args []string, getenv func(string) string, environ func() []string, stdout io.Writer, stepBack func(zerolog.Logger)) int {
	born := time.Now()
	api := lambdaapi.New(getenv("AWS_LAMBDA_RUNTIME_API"))
	defer api.Close()
	own := newConsole(stdout)
	defer own.flush(lastLines)
	log := newLog(getenv, own)
	events := eventsFor(getenv)
	makeSpool(getenv)
	registered, err := register(ctx, api, filepath.Base(args[0]), events, log)
	if err != nil {
		log.Error().Err(err).Msg("there is no lambda to work for")
		return 1
	}
	platform := new(telemetry.Listener) // to which nothing comes
	if len(events) > 0 {
		platform = listen(ctx, api, getenv, log)
	}
	return lifecycle.Run(ctx, api, log, func(ctx context.Context) (lifecycle.Worker, error) {
		if err := platform.Serve(); err != nil {
			log.Warn().Err(err).Msg(silence)
		}
		stepBack(log)
		return setUp(ctx, getenv, beginning{born, registered.Registration().Account, platform, environ, stdout}, log)
	})
}

const (
	// firstPause is the wait after a registration that failed; it doubles up to longestPause.
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
	// mostUnanswered registrations in a row, some ten seconds of them and the longest that an init may take, and nobody is there.
	mostUnanswered = 15
)

// register makes the extension known. An answer other than success leaves two ways, and both fail the environment: to exit, and not to go on.
// So it asks for less, and then asks again: an environment that waits for this extension may yet let it in, and one that does not wait
// is not harmed by a process that only sleeps. Without any answer there is no environment to harm.
func register(ctx context.Context, api *lambdaapi.Client, name string, events []lambdaapi.EventType, log zerolog.Logger) (lambdaapi.Registered, error) {
	pause := firstPause
	for unanswered := 0; ; {
		r, err := api.Register(ctx, name, events...)
		if err == nil {
			return r, nil
		}
		var refused *lambdaapi.Error
		switch {
		case errors.As(err, &refused) && refused.Type == lambdaapi.TypeInvalidEvent && len(events) > 0:
			events = events[1:] // INVOKE is what some environments do not offer, SHUTDOWN what others do not
			continue
		case errors.As(err, &refused):
			unanswered = 0
		default:
			unanswered++
		}
		if unanswered == mostUnanswered {
			return r, err
		}
		if pause == firstPause {
			log.Error().Err(err).Msg("cannot register")
		}
		select {
		case <-ctx.Done():
			return r, err
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

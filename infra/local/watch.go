package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/control"
)

// runLogs shows what functions, extensions and platform print.
func runLogs(ctx context.Context, c call, args []string) error {
	var runs string
	var query control.LogQuery
	var since time.Duration
	flags := c.flags("logs", &runs)
	flags.BoolVar(&query.Follow, "f", false, "show what comes, too, until Ctrl-C")
	flags.DurationVar(&since, "since", 0, "how far to go back, as 90s or 5m; everything that is remembered if not given")
	others, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(others) > 1:
		return c.misuse("logs takes one FUNCTION or none")
	}
	if since > 0 {
		query.Since = time.Now().Add(-since)
	}
	run, err := cloud.Find(runs)
	if err != nil {
		return err
	}
	if len(others) == 1 {
		status, err := run.Status(ctx)
		if err != nil {
			return err
		}
		if query.Function, err = choose(others[0], status.Functions); err != nil {
			return err
		}
	}
	err = run.Logs(ctx, query, func(line control.Line) error {
		_, err := fmt.Fprintln(c.stdout, line)
		return err
	})
	return followed(ctx, query.Follow, err)
}

// runFlow shows the flows that have arrived at the collector.
func runFlow(ctx context.Context, c call, args []string) error {
	var runs string
	var query control.FlowQuery
	flags := c.flags("flow", &runs)
	flags.BoolVar(&query.Follow, "f", false, "show what arrives, too, until Ctrl-C")
	flags.StringVar(&query.Trace, "trace", "", "only flows with a trace `id` that begins like this")
	flags.IntVar(&query.Last, "last", 0, "only the newest `N`")
	flags.BoolVar(&query.JSON, "json", false, "the spans themselves, one a line")
	flags.BoolVar(&query.Bodies, "bodies", false, "show requests and responses")
	others, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(others) > 0:
		return c.misuse("flow takes no %q", others[0])
	}
	run, err := cloud.Find(runs)
	if err != nil {
		return err
	}
	query.Width, query.Color = terminal(c)
	return followed(ctx, query.Follow, run.Flows(ctx, query, c.stdout))
}

// followed is how showing ends: by Ctrl-C, which is how following is meant to, by a reader that has seen enough (`| head`), or
// by the end of what was shown.
func followed(ctx context.Context, follow bool, err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	if follow && ctx.Err() != nil {
		return nil //nolint:nilerr // told above
	}
	return err
}

// terminal tells how wide it is and whether it wants colours; 0 columns means no terminal.
func terminal(c call) (width int, color bool) {
	if file, is := c.stdout.(*os.File); is {
		if size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ); err == nil {
			return int(size.Col), os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		}
	}
	columns, _ := strconv.Atoi(os.Getenv("COLUMNS")) // 0 if it has none
	return columns, false
}

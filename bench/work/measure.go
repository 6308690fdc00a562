//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
	"github.com/afterglow-lambda/afterglow/bench/programs"
	"github.com/afterglow-lambda/afterglow/bench/stage"
)

// A kase is one way in which an extension is run.
type kase struct {
	name      string
	file      string
	env       []string
	hooked    bool
	telemetry bool
	calls     []stage.Call
	count     int
}

// few are enough for the CPU time of an invocation, many to see memory grow by a tenth of a KiB with each.
const (
	few  = 3000
	many = 10_000
	// large invocations are few: they are two hundred times as large as most.
	large = 300
	// told invocations are those of an extension that waits for Lambda to tell of each end, 25 ms and more.
	told = 1000
)

func cases(ours, foreign string, mb int) []kase {
	ten := stage.Calls()
	all := []kase{
		{name: "Afterglow: traces and metrics, with telemetry (the default)", file: ours, hooked: true, telemetry: true, calls: ten, count: few},
		{name: "Afterglow: traces, with telemetry", file: ours, env: []string{"AFTERGLOW_SIGNALS=traces"}, hooked: true, telemetry: true, calls: ten, count: few},
		{name: "Afterglow: traces, without telemetry", file: ours, env: []string{"AFTERGLOW_SIGNALS=traces"}, hooked: true, calls: ten, count: few},
		{name: "Afterglow: ten small calls, with telemetry", file: ours, hooked: true, telemetry: true, calls: stage.SmallCalls(), count: few},
		{name: "Afterglow: no call, with telemetry", file: ours, hooked: true, telemetry: true, count: few},
	}
	if foreign != "" {
		all = append(all, kase{name: programs.ForeignName + ": a span of the invocation, none of a call", file: foreign, telemetry: true, count: told})
	}
	if mb == 0 {
		all[0].count = many
		all = append(all, kase{name: "Afterglow: ten calls with 32 KiB each way", file: ours, hooked: true, telemetry: true, calls: largeCalls(), count: large})
	}
	return all
}

// largeCalls have bodies of which hooks keep as much as they keep of any.
func largeCalls() []stage.Call {
	calls := stage.Calls()
	for i := range calls {
		body := fmt.Sprintf(`{"n":%d,"list":[%s]}`, i, strings.TrimSuffix(strings.Repeat(`{"sku":"LMN-0042","quantity":2,"price":19.99,"note":"as agreed"},`, 600), ","))
		calls[i].Request, calls[i].Response = body, body
	}
	return calls
}

// A row is what one case came to.
type row struct {
	kase
	cpu               time.Duration // of the whole life but the start
	holds             time.Duration // all of them
	idle, early, last int64         // memory: before the first invocation, after the first tenth, after the last
	peak              int64
	requests, bytes   int64 // that the collector saw
}

// collectorDelay is short: what waits costs no CPU time, and this is about nothing else.
const collectorDelay = time.Millisecond

func measure(ctx context.Context, c kase, share *host.Share) (r row, err error) {
	collector, err := stage.StartCollector(ctx, stage.Manner{Delay: collectorDelay})
	if err != nil {
		return row{}, err
	}
	defer collector.Close()
	s, err := stage.Start(ctx, stage.Options{File: c.file, Share: share, Endpoint: collector.Endpoint, Env: c.env, Hooked: c.hooked, Telemetry: c.telemetry})
	if err != nil {
		return row{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r = row{kase: c}
	time.Sleep(settle)
	if r.idle, _, err = s.Memory(); err != nil {
		return row{}, err
	}
	start, err := s.CPU()
	if err != nil {
		return row{}, err
	}
	for n := range c.count {
		result, err := s.Invoke(ctx, stage.Invocation{Calls: c.calls, Timeout: time.Minute})
		if err != nil {
			return row{}, err
		}
		r.holds += result.Hold
		if n == c.count/10 {
			if r.early, _, err = s.Memory(); err != nil {
				return row{}, err
			}
		}
	}
	time.Sleep(settle)
	if r.last, r.peak, err = s.Memory(); err != nil {
		return row{}, err
	}
	if log, err := s.Shutdown(ctx); err != nil {
		return row{}, fmt.Errorf("%w\n%s", err, log)
	}
	r.cpu = s.Total() - start
	r.requests, r.bytes = collector.Requests.Load(), collector.Bytes.Load()
	return r, nil
}

// settle is how long an extension may go on with what it postponed before its memory is read.
const settle = 100 * time.Millisecond

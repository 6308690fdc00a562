//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
	"github.com/afterglow-lambda/afterglow/bench/stage"
)

// A story is a function and a collector.
type story struct {
	name      string
	mark      string // what the design asks for
	collector stage.Manner
	count     int           // invocations
	warm      int           // that come before them and are not counted
	takes     time.Duration // the function
	pause     time.Duration // between invocations, frozen
	timeout   time.Duration // of the function
	calls     int
}

// slow is the collector of the marks: one in another region.
const slow = 50 * time.Millisecond

// timeout is the default of a function.
const timeout = 3 * time.Second

func busy() story {
	return story{name: "busy, collector takes 50 ms", mark: "p50 ≤ 0.1 ms, mean ≤ 0.5 ms", collector: stage.Manner{Delay: slow},
		count: 1000, warm: 100, takes: 20 * time.Millisecond, pause: 5 * time.Millisecond, timeout: timeout, calls: 2}
}

// rare is frozen for longer than any flush interval: each invocation's data goes out at its end.
func rare() story {
	return story{name: "rare, collector takes 50 ms", collector: stage.Manner{Delay: slow},
		count: 4, warm: 1, takes: 20 * time.Millisecond, pause: 7 * time.Second, timeout: timeout, calls: 2}
}

func stories() []story {
	hangs, refuses, hung := busy(), busy(), rare()
	const outage = "mean over 100 ≤ 5 ms, never late"
	hangs.name, hangs.mark, hangs.collector = "busy, collector hangs", outage, stage.Manner{Hangs: true}
	refuses.name, refuses.mark, refuses.collector = "busy, collector refuses", outage, stage.Manner{Refuses: true}
	hung.name, hung.mark, hung.collector = "rare, collector hangs", "never late", stage.Manner{Hangs: true}
	hangs.count, refuses.count = 100, 100
	hangs.warm, refuses.warm, hung.warm = 0, 0, 0 // the first ones are the dear ones
	return []story{busy(), hangs, refuses, rare(), hung}
}

// A row is what one extension did in one story.
type row struct {
	story    story
	program  string
	holds    []time.Duration
	late     int
	cpu      time.Duration // an invocation
	requests int64         // that the collector saw
}

// play plays a story to a program.
func play(ctx context.Context, p program, st story, share *host.Share) (r row, err error) {
	collector, err := stage.StartCollector(ctx, st.collector)
	if err != nil {
		return row{}, err
	}
	defer collector.Close()
	s, err := stage.Start(ctx, stage.Options{File: p.file, Share: share, Endpoint: collector.Endpoint, Hooked: p.hooked, Telemetry: true})
	if err != nil {
		return row{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r = row{story: st, program: p.name}
	inv := stage.Invocation{Calls: stage.Calls()[:st.calls], Takes: st.takes, Timeout: st.timeout, Pause: st.pause}
	for n := range st.warm + st.count {
		result, err := s.Invoke(ctx, inv)
		if err != nil {
			return row{}, err
		}
		if n < st.warm {
			continue
		}
		r.holds = append(r.holds, result.Hold)
		if result.Late {
			r.late++
		}
	}
	cpu, err := s.CPU()
	if err != nil {
		return row{}, err
	}
	r.cpu = cpu / time.Duration(st.warm+st.count)
	r.requests = collector.Requests.Load()
	return r, nil
}

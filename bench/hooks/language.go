//go:build linux

package main

import (
	"context"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// languages are the runtimes that are measured.
func languages() []language {
	return []language{python(), node(), golang(), java(), ruby(), dotnet()}
}

// A language is one runtime: where its programs come from, and what its hook may cost.
type language struct {
	name      string
	libraries []string // that send requests; the program knows them by these names
	mark      marks
	warmup    int      // invocations with hand-overs or events before anything is counted
	beside    []string // ways in which its program can hand over records beside calls without a hook
	noOther   string   // why there is no OpenTelemetry to compare it with, if there is none
	noAnswers string   // why the hook keeps no bodies of answers, if it keeps none

	// build brings the programs of programs/<name> into a state to be run: what they need is installed below shop.cache, once.
	build func(ctx context.Context, shop *workshop) (program, error)
}

// warmRounds are warmup's, fewer where few rounds count: who asks quickly gets no figures to keep.
func (l language) warmRounds(opt options) int { return min(l.warmup, 3*opt.rounds) }

// marks are what the hook of a runtime may cost at most; zero is no mark.
type marks struct {
	call time.Duration // CPU that a call with bodies of 2 KB adds
	init time.Duration // that it adds to a cold start
}

// Marks of every runtime.
const (
	markOfOther    = 5   // a call adds at most this part of what OpenTelemetry adds
	markOfAppend   = 1.3 // a megabyte handed over takes at most this many bare appends
	markOfEvent    = 1   // an event of 1 MB adds at most this many times what one of 10 KB adds
	handovers      = 4   // of an invocation: to get a megabyte takes once this, once that, by more than a hook adds
	timesEvents    = 6   // and of events: to parse a megabyte takes once this, once that, too
	sizeOfBody     = 2 << 10
	sizeOfHandover = 1 << 20
)

// A variant is the same program under other circumstances.
type variant string

const (
	plain variant = "without hook"
	hook  variant = "with hook"

	// With OpenTelemetry, which BENCH_OTEL tells the program to set up. It makes a span of each invocation and of each call, collects them into batches, and at
	// the end of the invocation has them flushed: that is what the layers of opentelemetry-lambda do.
	discarding variant = "discard" // to an exporter that throws them away
	exporting  variant = "export"  // to a collector on loopback, by OTLP over HTTP in protobuf
)

// A program is what a language's build gives: a function's code for each question.
type program struct {
	title string // what it runs on, with its version
	rt    runtimes.Runtime
	code  string // its folder: LAMBDA_TASK_ROOT

	// handlers: caller reads an event as below and makes calls; idle answers at once and imports nothing.
	caller, idle string

	// env are further variables, of every variant.
	env map[string]string

	// start, if it is there, changes how a variant's process is started; argv and env are those of a managed runtime, with the exec wrapper before argv
	// where the hook is to be. For a runtime without exec wrapper.
	start func(v variant, argv []string, env map[string]string) []string
}

// An event tells a caller what to do.
type event struct {
	URL     string `json:"url"`
	Library string `json:"library"`
	Calls   int    `json:"calls"`
	Body    int    `json:"body,omitempty"`   // bytes to POST; 0 is a GET
	Append  string `json:"append,omitempty"` // a file to append the answer to, with one write
	Beside  string `json:"beside,omitempty"` // or one to hand over two records to, in this way, beside each call
}

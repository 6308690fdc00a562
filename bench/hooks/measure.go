//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// A result is what was found out about one runtime.
type result struct {
	language language
	title    string
	calls    []callCost
	init     *initCost
	handover *handoverCost
	event    *eventCost
	floor    []floorCost
	leftOut  []string // for want of something that a machine may have
	notes    []string // what is not asked
}

// An initCost is the time from a function's start to its first request for an event.
type initCost struct {
	plain, hooked, added, addedCPU time.Duration
	spread                         [2]time.Duration
}

// A handoverCost is the CPU that it takes to get rid of a megabyte, beyond what it takes with an answer of 2 KB: the invocation's own records, the call's, and the
// making and ending of a file are there with both.
type handoverCost struct {
	library        string
	append, hooked time.Duration
	ratio          float64
	appendQ, hookQ [2]time.Duration
}

// An eventCost is the CPU that an invocation with an event takes more with a hook than without.
type eventCost struct {
	small, large   time.Duration
	smallQ, largeQ [2]time.Duration
}

func measure(ctx context.Context, shop *workshop, l language, opt options) (r result, err error) {
	p, err := l.build(ctx, shop)
	if err != nil {
		return r, err
	}
	r = result{language: l, title: p.title}
	if l.noOther != "" {
		r.notes = append(r.notes, "OpenTelemetry: "+l.noOther)
	}
	for _, question := range opt.ask {
		fmt.Fprintf(shop.progress, "%s: %s\n", l.name, question)
		switch question {
		case askCPU:
			for _, library := range l.libraries {
				cost, err := measureCalls(ctx, shop, l, p, library, opt)
				if err != nil {
					return r, fmt.Errorf("%s: %w", library, err)
				}
				r.calls = append(r.calls, cost)
			}
		case askInit:
			r.init, err = measureInit(ctx, shop, p, opt)
		case askHandover:
			if l.noAnswers != "" {
				r.notes = append(r.notes, "handing over an answer: "+l.noAnswers)
				continue
			}
			share, shareErr := host.NewShare(opt.memory)
			if shareErr != nil {
				r.leftOut = append(r.leftOut, fmt.Sprintf("handing over at %d MB: %v", opt.memory, shareErr))
				continue
			}
			r.handover, err = measureHandover(ctx, shop, l, p, share, opt)
			err = errors.Join(err, share.Close())
		case askEvent:
			r.event, err = measureEvents(ctx, shop, l, p, opt)
		case askFloor:
			r.floor, err = measureFloor(ctx, shop, l, p, opt)
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", question, err)
		}
	}
	return r, nil
}

// A turn is what one function does in each round, and what came of it.
type turn struct {
	launch   launch
	payload  func(f *function) []byte
	baseline func(f *function) []byte // of a second invocation, whose cost is taken off; nil for none
	f        *function
	took     []time.Duration
	base     []time.Duration // of them, the baselines
	bytes    int64
}

// play has the function invoked once, and once more for the baseline.
func (t *turn) play(ctx context.Context, counts bool) error {
	took, err := t.f.invoke(ctx, t.payload(t.f))
	if err != nil {
		return err
	}
	bytes, err := t.f.collect()
	if err != nil {
		return err
	}
	var base time.Duration
	if t.baseline != nil {
		if base, err = t.f.invoke(ctx, t.baseline(t.f)); err != nil {
			return err
		}
		if _, err = t.f.collect(); err != nil {
			return err
		}
	}
	if counts {
		t.took, t.base, t.bytes = append(t.took, took-base), append(t.base, base), t.bytes+bytes
	}
	return nil
}

// takeTurns starts the functions, and has each of them invoked once in each round, in an order that changes with the round.
func takeTurns(ctx context.Context, shop *workshop, turns []*turn, warmup, rounds int) (err error) {
	defer func() {
		for _, t := range turns {
			if t.f != nil {
				err = errors.Join(err, t.f.close())
			}
		}
	}()
	for _, t := range turns {
		if t.f, err = shop.start(ctx, t.launch); err != nil {
			return fmt.Errorf("%s: %w", t.launch.variant, err)
		}
	}
	for round := range warmup + rounds {
		for i := range turns {
			t := turns[(i+round)%len(turns)]
			if err := t.play(ctx, round >= warmup); err != nil {
				return fmt.Errorf("%s: %w", t.launch.variant, err)
			}
		}
	}
	return nil
}

func measureInit(ctx context.Context, shop *workshop, p program, opt options) (*initCost, error) {
	took, cpu := map[variant][]time.Duration{}, map[variant][]time.Duration{}
	for round := range opt.starts + 1 {
		for i := range 2 {
			v := []variant{plain, hook}[(i+round)%2]
			f, err := shop.start(ctx, launch{program: p, variant: v, handler: p.idle})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v, err)
			}
			if err := f.close(); err != nil {
				return nil, err
			}
			if round > 0 { // the first reads everything from the disk
				took[v], cpu[v] = append(took[v], f.ready), append(cpu[v], f.begun)
			}
		}
	}
	added, addedCPU := subtract(took[hook], took[plain], 1), subtract(cpu[hook], cpu[plain], 1)
	return &initCost{plain: median(took[plain]), hooked: median(took[hook]), added: median(added), addedCPU: median(addedCPU), spread: quartiles(added)}, nil
}

// measureHandover has a function get a megabyte and do nothing with it, append it to a file, or have it seen by the hook.
func measureHandover(ctx context.Context, shop *workshop, l language, p program, share *host.Share, opt options) (*handoverCost, error) {
	library := l.libraries[0]
	env := map[string]string{"AFTERGLOW_CAPTURE_BODY_BYTES": fmt.Sprint(sizeOfHandover)}
	get := func(what, file string) []byte {
		return encode(event{URL: shop.url + what, Library: library, Calls: handovers, Append: file})
	}
	turns := make([]*turn, 3)
	for i, v := range []variant{plain, plain, hook} {
		turns[i] = &turn{launch: launch{program: p, variant: v, handler: p.caller, library: library, share: share, env: env},
			payload: func(*function) []byte { return get("/large", "") }, baseline: func(*function) []byte { return get("/small", "") }}
	}
	turns[1].payload = func(f *function) []byte { return get("/large", f.appended()) }
	turns[1].baseline = func(f *function) []byte { return get("/small", f.appended()) }
	if err := takeTurns(ctx, shop, turns, l.warmRounds(opt), opt.rounds); err != nil {
		return nil, err
	}
	if bytes := turns[2].bytes / int64(opt.rounds*handovers); bytes < sizeOfHandover {
		return nil, fmt.Errorf("the hook wrote %d bytes a call: it has not kept the megabyte", bytes)
	}
	bare, hooked := differences(turns[1], turns[0], handovers), differences(turns[2], turns[0], handovers)
	c := &handoverCost{library: library, append: median(bare), hooked: median(hooked), appendQ: quartiles(bare), hookQ: quartiles(hooked)}
	c.ratio = float64(c.hooked) / float64(max(c.append, 1))
	return c, nil
}

func measureEvents(ctx context.Context, shop *workshop, l language, p program, opt options) (*eventCost, error) {
	var added [2][]time.Duration
	for i, size := range []int{10 << 10, 1 << 20} {
		payload := batch(size)
		turns := make([]*turn, 2)
		for i, v := range []variant{plain, hook} {
			turns[i] = &turn{launch: launch{program: p, variant: v, handler: p.idle}, payload: func(*function) []byte { return payload }}
		}
		if err := takeTurns(ctx, shop, turns, l.warmRounds(opt), opt.rounds*timesEvents); err != nil {
			return nil, err
		}
		added[i] = differences(turns[1], turns[0], 1)
	}
	return &eventCost{small: median(added[0]), large: median(added[1]), smallQ: certain(added[0]), largeQ: certain(added[1])}, nil
}

// batch is an event of SQS's shape, of messages with 1 KB each.
func batch(size int) []byte {
	var b strings.Builder
	b.WriteString(`{"Records":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"messageId":"059f36b4-87a3-44ab-83d2-%012d","body":"%s","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1545082649183"},`+
			`"messageAttributes":{},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:000000000000:orders","awsRegion":"us-east-1"}`,
			i, strings.Repeat("abcdefg ", 90))
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func encode(e event) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers
	}
	return b
}

// differences are those of two functions' turns, round by round.
func differences(a, b *turn, n time.Duration) []time.Duration { return subtract(a.took, b.took, n) }

func subtract(a, b []time.Duration, n time.Duration) []time.Duration {
	d := make([]time.Duration, len(a))
	for i := range a {
		d[i] = (a[i] - b[i]) / n
	}
	return d
}

func median[T time.Duration | float64](values []T) T {
	return quantile(values, 2)
}

// certain are the bounds between which the median lies, 19 of 20 times: the values as many places from the middle as the square root of their number, which is
// two standard deviations of a fair coin's throws.
func certain(values []time.Duration) [2]time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	away := int(math.Sqrt(float64(len(sorted))))
	return [2]time.Duration{sorted[max(len(sorted)/2-away, 0)], sorted[min(len(sorted)/2+away, len(sorted)-1)]}
}

// quartiles are the first and the third.
func quartiles(values []time.Duration) [2]time.Duration {
	return [2]time.Duration{quantile(values, 1), quantile(values, 3)}
}

func quantile[T time.Duration | float64](values []T, quarter int) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)*quarter/4, len(sorted)-1)]
}

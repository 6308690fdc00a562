//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// What a call costs changes over the life of a process: runtimes load what they need with the first calls, and compile what runs hot with the thousands that
// follow. So two stretches of every process are looked at, and several processes: how a compiler and a collector of garbage fared in one of them is luck.
const (
	leastSpan  = 100  // bytes of a span that is exported; it has a name, two ids, two times and an address
	youngCalls = 1000 // from the first one on
	warmCalls  = 5000 // before the process counts as warm. After these V8 and HotSpot have compiled what a call runs: bench/results/hooks-notes.md
)

// A callCost is what calls with one library cost: CPU of the whole process.
type callCost struct {
	library     string
	young, warm stretch // a call
	invocation  stretch // an invocation without calls, of a warm process
}

// A stretch is what something cost in one stretch of processes' lives.
type stretch struct {
	plain figure             // without a hook
	added map[variant]figure // what it costs more with one, or with OpenTelemetry
	ratio map[variant]float64
}

// A figure is the median of several processes, with the least and the most of them.
type figure struct {
	median, least, most time.Duration
}

// A life is what each variant cost in one process: plain as it is, every other one beyond plain.
type life struct {
	young, warm, invocation map[variant]time.Duration
}

func measureCalls(ctx context.Context, shop *workshop, l language, p program, library string, opt options) (c callCost, err error) {
	variants := []variant{plain, hook, discarding, exporting}
	if l.noOther != "" {
		variants = variants[:2]
	}
	lives := make([]life, opt.processes)
	for i := range lives {
		if lives[i], err = live(ctx, shop, launch{program: p, handler: p.caller, library: library}, variants, l.leastKept(), opt); err != nil {
			return c, err
		}
	}
	of := func(costs func(life) map[variant]time.Duration) stretch { return summarize(lives, variants, costs) }
	return callCost{
		library:    library,
		young:      of(func(l life) map[variant]time.Duration { return l.young }),
		warm:       of(func(l life) map[variant]time.Duration { return l.warm }),
		invocation: of(func(l life) map[variant]time.Duration { return l.invocation }),
	}, nil
}

// leastKept is how many bytes the hook writes for each call at the least, if it has seen all.
func (l language) leastKept() int64 {
	if l.noAnswers != "" {
		return sizeOfBody
	}
	return 2 * sizeOfBody
}

// live has one process of each variant make calls, from its first one on until it has been warm for a while.
func live(ctx context.Context, shop *workshop, base launch, variants []variant, least int64, opt options) (costs life, err error) {
	payload := encode(event{URL: shop.url + "/small", Library: base.library, Calls: opt.calls, Body: sizeOfBody})
	none := encode(event{URL: shop.url + "/small", Library: base.library, Body: sizeOfBody}) // what an invocation costs is no call's
	turns := make([]*turn, len(variants))
	for i, v := range variants {
		l := base
		l.variant = v
		turns[i] = &turn{launch: l, payload: func(*function) []byte { return payload }, baseline: func(*function) []byte { return none }}
	}
	young, warmup := rounds(opt.young, opt.calls), rounds(opt.warm, opt.calls)
	shop.exported.Store(0)
	if err := takeTurns(ctx, shop, turns, 0, warmup+opt.rounds); err != nil {
		return costs, err
	}
	calls := int64((warmup + opt.rounds) * opt.calls)
	if wrote := turns[1].bytes / calls; wrote < least {
		return costs, fmt.Errorf("the hook wrote %d bytes a call: it has not seen all of them", wrote)
	}
	if sent := shop.exported.Load() / calls; sent < leastSpan && slices.Contains(variants, exporting) {
		return costs, fmt.Errorf("OpenTelemetry exported %d bytes a call: it has not seen all of them", sent)
	}
	costs = life{young: map[variant]time.Duration{}, warm: map[variant]time.Duration{}, invocation: map[variant]time.Duration{}}
	n := time.Duration(opt.calls)
	for i, v := range variants {
		took, base := turns[i].took, turns[i].base
		if v != plain {
			took, base = subtract(took, turns[0].took, 1), subtract(base, turns[0].base, 1)
		}
		costs.young[v] = mean(took[:young]) / n
		costs.warm[v] = mean(took[warmup:]) / n
		costs.invocation[v] = median(base[warmup:])
	}
	return costs, nil
}

// rounds are as many as make so many calls.
func rounds(calls, ofRound int) int { return (calls + ofRound - 1) / ofRound }

func summarize(lives []life, variants []variant, costs func(life) map[variant]time.Duration) stretch {
	of := func(v variant) (all []time.Duration) {
		for _, l := range lives {
			all = append(all, costs(l)[v])
		}
		return all
	}
	s := stretch{plain: figureOf(of(plain)), added: map[variant]figure{}, ratio: map[variant]float64{}}
	for _, v := range variants[1:] {
		s.added[v] = figureOf(of(v))
		ratios := make([]float64, len(lives))
		for i, hooked := range of(hook) {
			ratios[i] = float64(hooked) / float64(max(of(v)[i], 1))
		}
		s.ratio[v] = median(ratios)
	}
	return s
}

func figureOf(values []time.Duration) figure {
	return figure{median: median(values), least: slices.Min(values), most: slices.Max(values)}
}

// mean is right where a collector of garbage takes 20 ms in some rounds and nothing in others: a median would leave it out or count it in full.
func mean(values []time.Duration) (sum time.Duration) {
	for _, v := range values {
		sum += v
	}
	return sum / time.Duration(len(values))
}

//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A floorCost is the CPU that a call costs more when two records as large as a hook's are handed over beside it in some way, and nothing else.
type floorCost struct {
	way    string
	added  time.Duration
	spread [2]time.Duration
}

func measureFloor(ctx context.Context, shop *workshop, l language, p program, opt options) (costs []floorCost, err error) {
	if len(l.beside) == 0 {
		return nil, nil
	}
	library := l.libraries[0]
	turns := make([]*turn, len(l.beside)+1)
	for i, way := range append([]string{""}, l.beside...) {
		turns[i] = &turn{launch: launch{program: p, variant: plain, handler: p.caller, library: library}, payload: func(f *function) []byte {
			e := event{URL: shop.url + "/small", Library: library, Calls: opt.calls, Body: sizeOfBody, Beside: way}
			if way != "" {
				e.Append = f.appended()
			}
			return encode(e)
		}}
	}
	if err := takeTurns(ctx, shop, turns, l.warmRounds(opt), opt.rounds); err != nil {
		return nil, err
	}
	for i, way := range l.beside {
		added := differences(turns[i+1], turns[0], time.Duration(opt.calls))
		costs = append(costs, floorCost{way: way, added: median(added), spread: quartiles(added)})
	}
	return costs, nil
}

func writeFloor(b *strings.Builder, results []result, opt options) {
	fmt.Fprintf(b, "\n## Two records and nothing else\n\nCPU µs that a call costs more when two records of 2.6 KB are handed over beside it, by a program without a hook: appended to a file, or copied into a memory map of one that was allocated "+
		"for them. One %dth of what making and ending the file takes is in it.\n\n| runtime | way | it adds (quartiles) |\n|---|---|---|\n", opt.calls)
	for _, r := range results {
		for _, c := range r.floor {
			fmt.Fprintf(b, "| %s | %s | %.1f (%.1f–%.1f) |\n", r.title, c.way, us(c.added), us(c.spread[0]), us(c.spread[1]))
		}
	}
}

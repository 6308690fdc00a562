//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// write makes the report.
func write(all []shares, length time.Duration, load float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A function's share of the CPU\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench/cpushare`; run it again rather than compare across machines.\n\n")
	fmt.Fprintf(&b, "%s. %s. %d runs of %v for each memory, load average %.1f at the start.\n\n",
		host.Machine(), time.Now().UTC().Format("2 January 2006"), len(all[0].runs), length, load)
	b.WriteString("| memory MB | target: MB / 1,769 | median | of the target | most | of the target |\n|---|---|---|---|---|---|\n")
	for _, s := range all {
		runs := slices.Sorted(slices.Values(s.runs))
		target, median, most := float64(s.mb)/mbPerCPU, runs[len(runs)/2], runs[len(runs)-1]
		fmt.Fprintf(&b, "| %d | %.3f | %.3f | %.2f | %.3f | %.2f |\n", s.mb, target, median, median/target, most, most/target)
	}
	b.WriteString(`
## How to read it

- The unit is one core: CPU time of the function's process divided by the time that passed.
- The share is an upper bound: other work on the machine can make a run lower, nothing can make it higher. So "most" is
  what the local Lambda gives, and the median what it gave beside whatever else was running.
- The limit holds over 20 ms. A function that was idle before begins with a period's worth at once.
`)
	return b.String()
}

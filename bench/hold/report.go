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
func write(tables []table, load float64, leftOut []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# How long the extension holds an environment\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench/hold`; run it again rather than compare across machines.\n\n")
	fmt.Fprintf(&b, "%s. %s. Load average %.1f at the start.\n", host.Machine(), time.Now().UTC().Format("2 January 2006"), load)
	for _, t := range tables {
		fmt.Fprintf(&b, "\n## %s\n\n", host.ShareTitle(t.mb))
		b.WriteString("| function and collector | extension | p50 ms | mean ms | p90 ms | most ms | beyond the deadline | CPU ms an invocation | requests | mark |\n|---|---|---|---|---|---|---|---|---|---|\n")
		for _, r := range t.rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d of %d | %s | %d | %s |\n", r.story.name, r.program,
				ms(quantile(r.holds, 0.5)), ms(mean(r.holds)), ms(quantile(r.holds, 0.9)), ms(quantile(r.holds, 1)), r.late, len(r.holds), ms(r.cpu), r.requests, r.story.mark)
		}
	}
	for _, reason := range leftOut {
		fmt.Fprintf(&b, "\nLeft out: %s.\n", reason)
	}
	fmt.Fprintf(&b, `
## How to read it

- The hold is the time from the function's end to the extension's request for the next event, 0 if it had come before. A request on loopback is in it.
- The function's end is told by a hook's rename in the spool, and by platform.runtimeDone when the time that the subscription lets Lambda buffer is over, 25 ms
  in both extensions from the first event that waits: platform.start has come before it, so some 5 ms after a function of 20 ms. A freeze does not count.
- Busy: the function takes %v, makes %d calls and is invoked again after %v. Rare: it is frozen for %v after each. Frozen means stopped by a signal.
- In the busy story with the slow collector the first %d invocations are not counted, in which an extension may not know yet how busy the function is; in
  those with a collector that hangs or refuses all are.
- The extension on AWS's Rust crate exports a span at the end of each invocation, bounded by the deadline; it has no breaker, and masks and keeps nothing.
- Requests are those that the collector saw, the answered and the others.
`, busy().takes, busy().calls, busy().pause, rare().pause, busy().warm)
	return b.String()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

func mean(all []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(max(1, len(all)))
}

// quantile gives the nearest of all.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// write makes the report.
func write(results []result, opt options, load float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What hooks cost the function\n\nWritten by `go run ./bench/hooks`; run it again rather than compare across machines. What was found out by hand is in [hooks-notes.md](hooks-notes.md).\n\n")
	fmt.Fprintf(&b, "%s. %s, one run, load average %.1f at the start. Calls: %d processes of each variant, %d calls until they are warm, then %d rounds of %d. %d starts.\n",
		host.Machine(), time.Now().UTC().Format("2 January 2006"), load, opt.processes, opt.warm, opt.rounds, opt.calls, opt.starts)
	writeCalls(&b, results, opt)
	writeOther(&b, results)
	writeInvocations(&b, results)
	writeInit(&b, results)
	writeHandover(&b, results, opt)
	writeEvents(&b, results)
	writeFloor(&b, results, opt)
	for _, r := range results {
		for _, reason := range r.leftOut {
			fmt.Fprintf(&b, "\nLeft out of %s: %s.\n", r.language.name, reason)
		}
	}
	for _, r := range results {
		for _, note := range r.notes {
			fmt.Fprintf(&b, "\nNot asked of %s: %s.\n", r.language.name, note)
		}
	}
	b.WriteString(explanation)
	return b.String()
}

func writeCalls(b *strings.Builder, results []result, opt options) {
	fmt.Fprintf(b, "\n## A call with bodies of 2 KB\n\nCPU µs of the function's process, without what an invocation costs that makes no call. Young is a process in its first %d calls, warm one after %d. "+
		"The mark is for warm ones. Figures are medians of processes; in brackets are the least and the most.\n\n", opt.young, opt.warm)
	b.WriteString("| runtime | library | warm: without | the hook adds | mark | young: without | the hook adds |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		for _, c := range r.calls {
			mark := "–"
			if r.language.mark.call > 0 {
				mark = judge(c.warm.added[hook].median <= r.language.mark.call, fmt.Sprintf("≤ %.0f", us(r.language.mark.call)))
			}
			fmt.Fprintf(b, "| %s | %s | %.1f | %v | %s | %.1f | %v |\n", r.title, c.library, us(c.warm.plain.median), c.warm.added[hook], mark, us(c.young.plain.median), c.young.added[hook])
		}
	}
}

// writeOther holds the hook against both of OpenTelemetry's variants.
func writeOther(b *strings.Builder, results []result) {
	b.WriteString("\n## The same call beside OpenTelemetry\n\nCPU µs that OpenTelemetry's instrumentation of the same library adds, with its spans exported to a collector on the same machine, as its layer for Lambda does, or thrown away where they " +
		"would be exported; and what part of it the hook adds, in warm processes.\n\n")
	b.WriteString("| runtime | library | exported: adds | hook of it | mark | thrown away: adds | hook of it | mark | young, exported: adds | young, thrown away: adds |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		for _, c := range r.calls {
			if r.language.noOther != "" {
				continue
			}
			fmt.Fprintf(b, "| %s | %s |", r.title, c.library)
			for _, v := range []variant{exporting, discarding} {
				ratio := c.warm.ratio[v]
				fmt.Fprintf(b, " %v | 1/%.1f | %s |", c.warm.added[v], 1/ratio, judge(ratio*markOfOther <= 1, fmt.Sprintf("≤ 1/%d", markOfOther)))
			}
			fmt.Fprintf(b, " %v | %v |\n", c.young.added[exporting], c.young.added[discarding])
		}
	}
}

func writeInvocations(b *strings.Builder, results []result) {
	b.WriteString("\n## An invocation without calls\n\nCPU µs of the function's process, warm, beside the calls above.\n\n")
	b.WriteString("| runtime | library | without | the hook adds | OpenTelemetry adds, exported | thrown away |\n|---|---|---|---|---|---|\n")
	for _, r := range results {
		for _, c := range r.calls {
			exported, thrown := "–", "–"
			if r.language.noOther == "" {
				exported, thrown = c.invocation.added[exporting].String(), c.invocation.added[discarding].String()
			}
			fmt.Fprintf(b, "| %s | %s | %.0f | %v | %s | %s |\n", r.title, c.library, us(c.invocation.plain.median), c.invocation.added[hook], exported, thrown)
		}
	}
}

func (f figure) String() string {
	return fmt.Sprintf("%.1f (%.1f–%.1f)", us(f.median), us(f.least), us(f.most))
}
func writeInit(b *strings.Builder, results []result) {
	fmt.Fprintf(b, "\n## A cold start\n\nms from the start of the runtime's process to its first request for an event; the handler imports nothing.\n\n")
	b.WriteString("| runtime | without | with hook | ratio | the hook adds (quartiles) | CPU that it adds | mark |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		if c := r.init; c != nil {
			mark := "–"
			if r.language.mark.init > 0 {
				mark = judge(c.added <= r.language.mark.init, fmt.Sprintf("≤ %.0f", ms(r.language.mark.init)))
			}
			fmt.Fprintf(b, "| %s | %.1f | %.1f | %.2f | %.1f (%.1f–%.1f) | %.1f | %s |\n", r.title, ms(c.plain), ms(c.hooked), float64(c.hooked)/float64(c.plain),
				ms(c.added), ms(c.spread[0]), ms(c.spread[1]), ms(c.addedCPU), mark)
		}
	}
}

func writeHandover(b *strings.Builder, results []result, opt options) {
	fmt.Fprintf(b, "\n## Handing over 1 MB\n\nAt %s. CPU µs that an answer of 1 MB costs beyond getting it, and more than one of 2 KB, one of four in an invocation: appended to a file with one write, or kept whole by the hook.\n\n",
		strings.ToLower(host.ShareTitle(opt.memory)[:1])+host.ShareTitle(opt.memory)[1:])
	b.WriteString("| runtime | library | bare append (quartiles) | hook (quartiles) | ratio | mark |\n|---|---|---|---|---|---|\n")
	for _, r := range results {
		if c := r.handover; c != nil {
			ratio := "the append moves too much | –"
			if c.appendQ[0] > 0 {
				ratio = fmt.Sprintf("%.2f | %s", c.ratio, judge(c.ratio <= markOfAppend, fmt.Sprintf("≤ %.1f", markOfAppend)))
			}
			fmt.Fprintf(b, "| %s | %s | %.0f (%.0f–%.0f) | %.0f (%.0f–%.0f) | %s |\n", r.title, c.library, us(c.append), us(c.appendQ[0]), us(c.appendQ[1]),
				us(c.hooked), us(c.hookQ[0]), us(c.hookQ[1]), ratio)
		}
	}
}

func writeEvents(b *strings.Builder, results []result) {
	b.WriteString("\n## A large event\n\nCPU µs that the hook adds to an invocation, by the size of its event. In brackets is where the median lies, 19 of 20 times.\n\n")
	b.WriteString("| runtime | 10 KB | 1 MB | ratio | mark |\n|---|---|---|---|---|\n")
	for _, r := range results {
		if c := r.event; c != nil {
			ratio := float64(c.large) / float64(max(c.small, 1))
			fmt.Fprintf(b, "| %s | %.0f (%.0f–%.0f) | %.0f (%.0f–%.0f) | %.2f | %s |\n", r.title, us(c.small), us(c.smallQ[0]), us(c.smallQ[1]),
				us(c.large), us(c.largeQ[0]), us(c.largeQ[1]), ratio, judge(ratio <= markOfEvent, fmt.Sprintf("≤ %d", markOfEvent)))
		}
	}
}

// judge says a mark, and whether it was met.
func judge(met bool, mark string) string {
	if met {
		return mark + " ✓"
	}
	return mark + " **missed**"
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

const explanation = `
## How to read it

- CPU is user and system time of all threads of the function's process, from the moment at which it is given an event until it asks for the next one, by the
  clock that the kernel keeps for each process. The peer and the Runtime API are in another process, on loopback. Bodies are JSON.
- Cores are kept from falling asleep, by processes that run when nothing else would: what it takes to wake one is the machine's host's.
- A function has one core, as on Lambda with 1,769 MB. All variants run at the same time and take turns, in an order that changes with the round. Of calls, what is added
  is the mean over a stretch of a process' life (a collector of garbage runs in some rounds and not in others), and the figure is the median of several processes. Of all else it
  is the median of the differences within rounds.
- OpenTelemetry makes a span of each invocation and each call, collects them into batches, and has them flushed before the invocation ends: to a collector that answers at once,
  or to nobody. What the collector costs, which runs beside the function as Afterglow's extension does, is counted nowhere. OpenTelemetry keeps neither headers nor bodies. The hook keeps
  both, whole, and writes them where the extension finds them. In Java, where nothing is exported, the agent collects nothing either.
- At a small share of the CPU time is CPU: a function that has used up its share stands still until the next period of 20 ms.
- A handler with a large event parses it, with a hook or without: what is shown is the difference between two much larger figures, so look at the brackets.
`

//go:build linux

package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

// A machine counts as busy when other work keeps more than this part of its cores from the programs that are measured.
const busyPart = 0.5

// A series is all samples at one share, by program.
type series struct {
	mb      int
	samples map[string][]sample
}

// write makes the report.
func write(programs []program, all []series, runs int, load float64, leftOut []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Cold start of the extension\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench/coldstart`; run it again rather than compare across machines.\n\n")
	fmt.Fprintf(&b, "%s. %s. %d runs of each program, one after the other in turn; medians, the 90th percentile in brackets.\n", host.Machine(), time.Now().UTC().Format("2 January 2006"), runs)
	fmt.Fprintf(&b, "× is the median's ratio to %q: the same program with nothing in it but `register` and `next`.\n", baseline)
	if warning := busy(load); warning != "" {
		fmt.Fprintf(&b, "\n**%s**\n", warning)
	}
	for _, s := range all {
		fmt.Fprintf(&b, "\n## %s\n\n", host.ShareTitle(s.mb))
		b.WriteString("| program | exec → `register` ms | exec → first `next` ms | × | CPU ms | × | RSS at idle MiB | × |\n")
		b.WriteString("|---|---|---|---|---|---|---|---|\n")
		base := s.samples[baseline]
		for _, p := range programs {
			own := s.samples[p.name]
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", p.name,
				milliseconds(own, registerOf), milliseconds(own, readyOf), ratio(own, base, readyOf),
				milliseconds(own, cpuOf), ratio(own, base, cpuOf),
				fmt.Sprintf("%.1f", median(own, rssOf)/mib), ratio(own, base, rssOf))
		}
	}
	b.WriteString("\n## Size\n\n| program | binary MiB | zipped MiB |\n|---|---|---|\n")
	for _, p := range programs {
		fmt.Fprintf(&b, "| %s | %.2f | %.2f |\n", p.name, float64(p.size)/mib, float64(p.zipped)/mib)
	}
	for _, reason := range leftOut {
		fmt.Fprintf(&b, "\nLeft out: %s.\n", reason)
	}
	b.WriteString(`
## How to read it

- Time zero is just before the fork; the arrival is noted by the API's handler. Both processes share the machine's cores.
- A share is a cgroup with quota = 20 ms × MB / 1,769, as Lambda's; the API runs outside it.
- CPU is user and system time of the whole life: start, idle, SHUTDOWN, exit.
- The extension on AWS's Rust crate (bench/floors/rust) subscribes to the Telemetry API and has an OTLP exporter ready; it masks, keeps and recognises nothing.
- The floors are built with Go's usual inlining, Afterglow as its layer is: without it where little runs.
- RSS is VmRSS 0.1 s after the first ` + "`next`" + `, no invocation yet. It counts the pages of the binary that were touched.
`)
	return b.String()
}

const mib = 1 << 20

func registerOf(s sample) float64 { return float64(s.register) / float64(time.Millisecond) }
func readyOf(s sample) float64    { return float64(s.ready) / float64(time.Millisecond) }
func cpuOf(s sample) float64      { return float64(s.cpu) / float64(time.Millisecond) }
func rssOf(s sample) float64      { return float64(s.rss) }

func milliseconds(samples []sample, of func(sample) float64) string {
	return fmt.Sprintf("%.1f (%.1f)", median(samples, of), quantile(samples, of, 0.9))
}

func ratio(samples, base []sample, of func(sample) float64) string {
	return fmt.Sprintf("%.2f", median(samples, of)/median(base, of))
}

func median(samples []sample, of func(sample) float64) float64 { return quantile(samples, of, 0.5) }

// quantile interpolates between the two nearest samples.
func quantile(samples []sample, of func(sample) float64, q float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	at := q * float64(len(values)-1)
	below := int(at)
	above := min(below+1, len(values)-1)
	return values[below] + (values[above]-values[below])*(at-float64(below))
}

// busy says that the figures are not worth much, "" when they are.
func busy(load float64) string {
	if load < busyPart*float64(runtime.NumCPU()) {
		return ""
	}
	return fmt.Sprintf("The machine was busy with other work (load average %.1f at the start): medians waver, 90th percentiles mean nothing.", load)
}

//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

type table struct {
	mb   int
	rows []row
}

// write makes the report.
func write(tables []table, load float64, leftOut []string) string {
	const mib = 1 << 20
	var b strings.Builder
	fmt.Fprintf(&b, "# What the extension costs while the function works\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench/work`; run it again rather than compare across machines.\n\n")
	fmt.Fprintf(&b, "%s. %s. Load average %.1f at the start.\n", host.Machine(), time.Now().UTC().Format("2 January 2006"), load)
	fmt.Fprintf(&b, "The mark: CPU for each warm invocation with ten calls ≤ 0.5 ms, which is asked of the row with ten small calls; ten calls with 45 KiB of bodies take more at every share. Memory must not grow.\n")
	for _, t := range tables {
		fmt.Fprintf(&b, "\n## %s\n\n", host.ShareTitle(t.mb))
		b.WriteString("| extension | invocations | CPU ms an invocation | mean hold ms | RSS MiB idle | after a tenth | after all | most | requests | KiB sent an invocation |\n|---|---|---|---|---|---|---|---|---|---|\n")
		for _, r := range t.rows {
			n := time.Duration(r.count)
			fmt.Fprintf(&b, "| %s | %d | %.3f | %.2f | %.1f | %.1f | %.1f | %.1f | %d | %.1f |\n", r.name, r.count, ms(r.cpu/n), ms(r.holds/n),
				float64(r.idle)/mib, float64(r.early)/mib, float64(r.last)/mib, float64(r.peak)/mib, r.requests, float64(r.bytes)/float64(r.count)/1024)
		}
	}
	for _, reason := range leftOut {
		fmt.Fprintf(&b, "\nLeft out: %s.\n", reason)
	}
	b.WriteString(`
## How to read it

- CPU is user and system time of the extension's process from its first request for an event to its exit after SHUTDOWN, whatever is exported then included,
  divided by the invocations. It does not grow with other load on the machine but by what shared caches and cores cost.
- The ten calls: DynamoDB PutItem and Query, SQS SendMessageBatch with ten messages, SNS Publish, S3 GetObject, and five of JSON over HTTPS; 45 KiB of bodies
  and 8 KiB of headers. Small calls: five of DynamoDB GetItem and five of JSON over HTTPS, 4 KiB of bodies and 8 KiB of headers. All of that is read, recognised, masked, limited, encoded and compressed.
- Invocations follow each other at once, with no pause and no freeze. Telemetry is posted as the subscription asks for it, 25 ms after the first event that
  waits: once for several invocations.
- RSS counts the pages of the binary that were touched. "Most" is the kernel's own high-water mark.
`)
	return b.String()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

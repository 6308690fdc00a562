package limit

import "github.com/afterglow-lambda/afterglow/extension/internal/mask"

// lineOverhead is what a record of the log takes beside its text: ids, times, severity, the name of its invocation.
const lineOverhead = 160

// levelBytes is the most of a line's level. A program may write anything there.
const levelBytes = 32

// limitLines shortens lines of the log and leaves out the oldest that are too many: what was printed last tells why something failed.
func limitLines(inv *mask.Invocation, l Limits) {
	total, from := 0, len(inv.Lines)
	if room := l.InvocationBytes - lineOverhead - levelBytes; room >= leastField && (l.LineBytes == 0 || l.LineBytes > room) {
		l.LineBytes = room // the last one is shown in any case
	}
	for from > 0 && len(inv.Lines)-from < maxLines {
		line := &inv.Lines[from-1]
		if l.LineBytes > 0 && line.Body.Len() > l.LineBytes {
			line.Body = line.Body.Shorten(l.LineBytes)
			line.Truncated = true
		}
		shorten(&line.Level, levelBytes, &inv.Dropped)
		total += lineOverhead + line.Level.Len() + line.Body.Len()
		if l.InvocationBytes > 0 && total > l.InvocationBytes {
			break
		}
		from--
	}
	for _, left := range inv.Lines[:from] {
		inv.Dropped.Lines++
		inv.Dropped.Bytes += int64(left.Body.Len())
	}
	inv.Lines = inv.Lines[from:]
}

package enrich

import (
	"encoding/hex"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// readTraceparent reads version 00 of the header, and what later versions have of it: 00-<32 hex digits>-<16>-<2>, in lower case.
// https://www.w3.org/TR/trace-context/#traceparent-header
func readTraceparent(header string) (p event.Parent) {
	const (
		trace = len("00-")
		span  = trace + 2*len(p.Trace) + len("-")
		flags = span + 2*len(p.Span) + len("-")
		end   = flags + len("01")
	)
	switch {
	case len(header) < end, header[:2] == "ff", header[:2] == "00" && len(header) > end, len(header) > end && header[end] != '-',
		header[trace-1] != '-', header[span-1] != '-', header[flags-1] != '-':
		return event.Parent{}
	}
	var rest [2]byte // version and flags
	if !readHex(p.Trace[:], header[trace:span-1]) || !readHex(p.Span[:], header[span:flags-1]) || !readHex(rest[:1], header[:2]) || !readHex(rest[1:], header[flags:end]) ||
		p.Trace.IsZero() || p.Span.IsZero() {
		return event.Parent{}
	}
	return p
}

// readHex fills to with what digits in lower case mean.
func readHex(to []byte, digits string) bool {
	for _, c := range digits {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(to, []byte(digits)) // its length is the caller's business
	return err == nil
}

package correlate

import (
	"encoding/hex"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// parseRoot reads the trace out of an X-Amzn-Trace-Id header: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=0. It is read by
// key, since AWS adds new ones (Self, Lineage). Sampled is not looked at: it says what X-Ray does, and most functions have it at 0.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
func parseRoot(header string) (id event.TraceID, ok bool) {
	for field := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(field, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "Root") {
			continue
		}
		parts := strings.Split(strings.TrimSpace(value), "-")
		if len(parts) != 3 || parts[0] != "1" || len(parts[1]) != 8 || len(parts[2]) != 24 {
			return event.TraceID{}, false
		}
		n, err := hex.Decode(id[:], []byte(parts[1]+parts[2]))
		if err != nil || n != len(id) || id.IsZero() {
			return event.TraceID{}, false
		}
		return id, true
	}
	return event.TraceID{}, false
}

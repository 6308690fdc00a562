package intake

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// longest is the longest duration that is believed. An invocation takes 15 minutes at most, 90 on Managed Instances; beyond a day a clock or a
// hook is wrong.
const longest = 24 * time.Hour

// reasonOf takes a hook's word for a reason if it looks like one: it is shown as it stands.
func reasonOf(s string) string {
	if s == "" || len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return "unknown"
	}
	return s
}

func micros(us int64) time.Duration {
	if us <= 0 {
		return 0
	}
	return min(time.Duration(min(us, longest.Microseconds()))*time.Microsecond, longest)
}

func errorOf(e *spool.Error) *event.Error {
	if e == nil {
		return nil
	}
	return &event.Error{Type: e.Type, Message: event.TextOf(e.Message), Stack: event.TextOf(e.Stack)}
}

func headersOf(hs [][2]string) []event.Header {
	if len(hs) == 0 {
		return nil
	}
	out := make([]event.Header, len(hs))
	for i, h := range hs {
		out[i] = event.Header{Name: h[0], Value: event.TextOf(h[1])}
	}
	return out
}

// bodyOf gives the record's part of that name; a body without data and of unknown size where there is none.
func bodyOf(r spool.Record, of string) event.Body {
	p, data, ok := r.Part(of)
	if !ok {
		return event.Body{Size: -1}
	}
	b := event.Body{Data: event.BytesOf(data), Size: -1, Truncated: p.Truncated, Shortened: p.Shortened}
	switch {
	case p.Size != nil && *p.Size >= 0:
		b.Size = *p.Size
	case !p.Truncated:
		b.Size = int64(len(data))
	}
	return b
}

// spanOf reads a span of a hook's; zero if it is none.
func spanOf(digits string) (id event.SpanID) {
	if len(digits) != hex.EncodedLen(len(id)) {
		return event.SpanID{}
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return event.SpanID{}
	}
	return id
}

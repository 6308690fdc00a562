package correlate

import (
	"crypto/sha256"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// derivation stands before everything that is hashed. A change to how ids are derived, or to what a space holds, has to change it: both ends of a hop must
// derive alike, and functions are not all deployed on the same day.
const derivation = "afterglow/1"

// spanID gives the first eight bytes of SHA-256 over "afterglow/1", space and id with a zero byte between them.
func spanID(key event.Key) event.SpanID {
	sum := digest(key)
	var id event.SpanID
	copy(id[:], sum[:])
	if id.IsZero() { // the one value that means "none"
		id[len(id)-1] = 1
	}
	return id
}

// traceID gives the trace of an invocation that was not given one.
func traceID(invocation string) event.TraceID {
	sum := digest(event.Key{Space: spaceTrace, ID: invocation})
	var id event.TraceID
	copy(id[:], sum[:])
	if id.IsZero() {
		id[len(id)-1] = 1
	}
	return id
}

func digest(key event.Key) [sha256.Size]byte {
	return sha256.Sum256([]byte(derivation + "\x00" + key.Space + "\x00" + key.ID))
}

package telemetry

import "time"

// backlog is how many full batches may wait for a subscriber while one is on its way to it. No source gives a
// number: Lambda may drop records to keep memory bounded (TEL), and AWS's own code lets one batch wait (RIE-LMI
// telemetry/internal/subscriber.go). A few more keep this machine, which is slower and does other things,
// from losing what Lambda would have delivered.
const backlog = 4

// buffer is a bounded queue of events.
type buffer struct {
	maxItems, maxBytes int // of what is kept

	kept  []kept
	bytes int
	lost  map[string]loss // by class, since it was last told
}

type kept struct {
	item
	size int
	at   time.Time
}

// loss counts what was dropped.
type loss struct{ records, bytes int }

// newHistory is for the events that came before a subscription. Every subscriber has room for all of it.
func newHistory() buffer {
	return buffer{maxItems: backlog * minItems, maxBytes: backlog * minBytes}
}

// full tells whether the next event is to be dropped. The last one that is kept may exceed the bytes.
func (b *buffer) full() bool { return len(b.kept) >= b.maxItems || b.bytes >= b.maxBytes }

// add keeps an event or counts it as lost.
func (b *buffer) add(it item, size int) {
	if b.full() {
		if b.lost == nil {
			b.lost = map[string]loss{}
		}
		lost := b.lost[it.class]
		b.lost[it.class] = loss{lost.records + 1, lost.bytes + size}
		return
	}
	b.push(it, size, time.Now())
}

func (b *buffer) push(it item, size int, at time.Time) {
	b.kept = append(b.kept, kept{it, size, at})
	b.bytes += size
}

// later takes the time since an instant off the age of all events: no time has passed for them. Those that
// came in that time begin now.
func (b *buffer) later(since time.Time) {
	now := time.Now()
	for i, k := range b.kept {
		if k.at.Before(since) {
			b.kept[i].at = k.at.Add(now.Sub(since))
		} else {
			b.kept[i].at = now
		}
	}
}

// take removes the first events that make a batch. Its last one may exceed the bytes.
func (b *buffer) take(maxItems, maxBytes int) []kept {
	n, bytes := 0, 0
	for n < len(b.kept) && n < maxItems && bytes < maxBytes {
		bytes += b.kept[n].size
		n++
	}
	taken := b.kept[:n:n]
	b.kept = b.kept[n:]
	for _, k := range taken {
		b.bytes -= k.size
	}
	if len(b.kept) == 0 {
		b.kept = nil // and its memory with it
	}
	return taken
}

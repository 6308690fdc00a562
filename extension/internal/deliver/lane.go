package deliver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

const (
	// drainFor bounds what one flush spends on what was kept: after it no further request is begun. The rest is for the next one.
	drainFor = 500 * time.Millisecond
	// mostProbes is how often the requests made of one that was refused are halved to find the reason. One culprit among 4,096 records is found; with
	// several some of their neighbours are lost.
	mostProbes = 12
	// smallestRequest is not halved for being too large: whoever does not take that takes nothing.
	smallestRequest = 4 << 10
)

// A lane is one exporter with what it lacks and what is known of it.
type lane struct {
	Exporter
	outbox  outbox
	breaker breaker
	waited  time.Duration // of this flush, for nothing
	items   []*item       // oldest first
	most    int           // bytes of a request; less after one was too large
	budget  int           // of probes for a refusal; less as long as they find nothing that is accepted
	// resting has a breaker for each signal that was answered with a refusal, for its pauses alone: who does not want metrics now may want spans.
	resting map[string]breaker
	off     map[string]int // signals that are not sent any more, and the records that were not since

	// stash has for a signal the file that is for the next process alone.
	stash map[string]*item

	lost  losses
	again losses // told by what is lost
	said  []remark
	newer []*item // of a version that this one does not understand
}

// takes tells whether the exporter wants a signal.
func (l *lane) takes(signal string) bool {
	_, off := l.off[signal]
	return !off && slices.Contains(l.Signals, signal)
}

// isDue tells whether the exporter may be asked with so much credit. One that takes nothing any more is nothing to wait for.
func (l *lane) isDue(now time.Time, have time.Duration) bool {
	_, ok := l.breaker.may(now, have, l.Timeout)
	resting := func(signal string) bool { return !l.takes(signal) || l.resting[signal].paused(now) }
	return ok && (!slices.ContainsFunc(l.Signals, l.takes) || slices.ContainsFunc(l.Signals, func(signal string) bool { return !resting(signal) }))
}

// flush sends what the exporter lacks, oldest first, until something is in the way. It never panics. The credit is that at its beginning.
func (l *lane) flush(ctx context.Context, last bool, have time.Duration) {
	defer func() {
		if r := recover(); r != nil {
			// Its text may quote what was to be sent.
			l.say(remark{what: failing, err: fmt.Errorf("the exporter broke: %T", r)})
			l.breaker = l.breaker.failed(time.Now(), 0, 0)
		}
	}()
	began := wall(time.Now())
	r := run{lane: l, last: last, have: have, failed: map[string]bool{}}
	r.abreast(ctx)
	for r.mayGoOn(ctx) && (last || time.Since(began) <= drainFor) {
		items := r.next()
		if len(items) == 0 {
			return
		}
		r.group(ctx, items)
	}
}

// isReadable loads an item. What cannot be read is lost, unless it is for who understands it: then it is left to age or room.
func (l *lane) isReadable(it *item) bool {
	switch err := l.outbox.load(it); {
	case err == nil:
		return true
	case errors.Is(err, errNewer):
		l.newer = append(l.newer, it)
		l.forget(it)
	case errors.Is(err, fs.ErrNotExist):
		l.lose(LossOutboxGone, it)
	default:
		l.lose(LossOutboxDamaged, it)
	}
	return false
}

// length is about what an item's payload has.
func (it *item) length() int64 {
	if it.payload != nil {
		return int64(len(it.payload))
	}
	return it.size
}

// lose drops an item that nobody will ever get from here.
func (l *lane) lose(reason string, it *item) {
	l.lost.add(it.signal, reason, max(1, it.records), it.length())
	if l.outbox.load(it) == nil {
		l.again.told(it.signal, it.payload)
	}
	l.drop(it)
}

// drop removes an item and its file.
func (l *lane) drop(it *item) {
	l.outbox.remove(it)
	l.forget(it)
}

func (l *lane) forget(it *item) {
	if n := slices.Index(l.items, it); n >= 0 {
		l.items = slices.Delete(l.items, n, n+1)
	}
}

// A part of an item is sent as a whole.
type part struct {
	of      *item
	payload []byte
	records int
}

// parts cuts an item to what the receiver takes.
func (l *lane) parts(it *item) (all []part) {
	if l.Limits == (export.Limits{}) || it.signal != otlplog.Traces {
		return pieces(part{it, it.payload, it.records}, l.most)
	}
	for _, p := range l.Limits.Fit(it.payload) {
		if p.Bytes == nil {
			l.lost.add(it.signal, LossRefused, p.Records, 0)
			l.say(remark{what: refusing, signal: it.signal, records: int64(p.Records), text: fmt.Sprintf("a span has more than %d bytes, whatever is taken out of it", l.Limits.SpanBytes)})
			continue
		}
		all = append(all, pieces(part{it, p.Bytes, p.Records}, l.most)...)
	}
	return all
}

package deliver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
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
	items   []*item // oldest first
	most    int     // bytes of a request; less after one was too large
	probes  int     // that are left to a refusal; less where they found nothing
	// resting has a breaker for each signal that was answered with a refusal, for its pauses alone: who does not want metrics now may want spans.
	resting map[string]breaker
	off     map[string]int // signals that are not sent any more, and the records that were not since

	lost  losses
	said  []remark
	newer []*item // of a version that this one does not understand
}

// A remark is for the log. Lanes work side by side, and their log is written when all are done.
type remark struct {
	what, signal string
	err          error
	text         string
	records      int64
}

// takes tells whether the exporter wants a signal.
func (l *lane) takes(signal string) bool {
	_, off := l.off[signal]
	return !off && slices.Contains(l.Signals, signal)
}

// isDue tells whether the exporter may be asked.
func (l *lane) isDue(now time.Time) bool {
	_, ok := l.breaker.may(now)
	return ok && slices.ContainsFunc(l.Signals, func(signal string) bool { return l.takes(signal) && !l.resting[signal].paused(now) })
}

// flush sends what the exporter lacks, oldest first, until something is in the way. It never panics.
func (l *lane) flush(ctx context.Context, last bool) {
	defer func() {
		if r := recover(); r != nil {
			// Its text may quote what was to be sent.
			l.say(remark{what: failing, err: fmt.Errorf("the exporter broke: %T", r)})
			l.breaker = l.breaker.failed(time.Now(), 0, 0)
		}
	}()
	began := wall(time.Now())
	r := run{lane: l, ctx: ctx, last: last, failed: map[string]bool{}}
	for r.mayGoOn() && (last || time.Since(began) <= drainFor) {
		items := r.next()
		if len(items) == 0 || !r.group(items) {
			return
		}
	}
}

func (l *lane) say(r remark) { l.said = append(l.said, r) }

// next takes the oldest item that may be sent, and of the same signal as many behind it as go into one request. What cannot be read any more is lost.
// The items stay where they are.
func (r *run) next() (items []*item) {
	size := 0
	for _, it := range slices.Clone(r.items) {
		if r.isResting(it.signal) || len(items) > 0 && it.signal != items[0].signal {
			continue
		}
		if len(items) > 0 && size+int(it.length()) > r.most {
			break
		}
		if !r.isReadable(it) {
			continue
		}
		size += len(it.payload)
		items = append(items, it)
	}
	return items
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
		return []part{{it, it.payload, it.records}}
	}
	for _, p := range l.Limits.Fit(it.payload) {
		if p.Bytes == nil {
			l.lost.add(it.signal, LossRefused, p.Records, 0)
			l.say(remark{what: refusing, signal: it.signal, records: int64(p.Records), text: fmt.Sprintf("a span has more than %d bytes, whatever is taken out of it", l.Limits.SpanBytes)})
			continue
		}
		all = append(all, part{it, p.Bytes, p.Records})
	}
	return all
}

// A run is the sending of one flush.
type run struct {
	*lane
	ctx  context.Context
	last bool
	// failed has the signals that failed in this flush.
	failed map[string]bool

	signal   string
	accepted bool // something, of the group
	refused  bool // something, of the group
	silent   bool // nobody answered
}

// isResting tells whether a signal is not to be sent now.
func (r *run) isResting(signal string) bool {
	return r.failed[signal] || !r.last && r.resting[signal].paused(time.Now())
}

func (r *run) mayGoOn() bool {
	_, ok := r.breaker.may(time.Now())
	if d, has := r.ctx.Deadline(); has && time.Until(d) < least {
		return false
	}
	return r.ctx.Err() == nil && (ok || r.last)
}

// group sends items of one signal. It returns false if the exporter is not to be asked any more now.
func (r *run) group(items []*item) bool {
	r.signal, r.accepted, r.refused = items[0].signal, false, false
	var left, parts []part
	for _, it := range items {
		parts = append(parts, r.parts(it)...)
	}
	for len(parts) > 0 {
		n := r.together(parts)
		some, ok := r.bring(parts[:n])
		left, parts = append(left, some...), parts[n:]
		if !ok {
			r.failed[r.signal] = true
			left = append(left, parts...)
			break
		}
	}
	r.settle(items, left)
	if !r.takes(r.signal) {
		for _, it := range slices.Clone(r.items) {
			if it.signal == r.signal {
				r.lose(LossRefused, it)
			}
		}
	}
	switch {
	case r.accepted:
		r.probes = mostProbes
	case r.refused:
		r.probes /= 2
		r.rest(0)
		r.failed[r.signal] = !r.last // at the end each gets its chance, since there is no other
	}
	return !r.silent
}

// rest leaves the signal alone for a while.
func (r *run) rest(after time.Duration) {
	if r.resting == nil {
		r.resting = map[string]breaker{}
	}
	r.resting[r.signal] = r.resting[r.signal].failed(time.Now(), 0, after)
}

// together tells how many of the parts go into one request.
func (r *run) together(parts []part) (n int) {
	most := r.most
	if r.Limits.Bytes > 0 {
		most = min(most, r.Limits.Bytes)
	}
	size, records := 0, 0
	for _, p := range parts {
		size += len(p.payload)
		records += p.records
		if n > 0 && (size > most || r.Limits.Records > 0 && records > r.Limits.Records) {
			break
		}
		n++
	}
	return n
}

// bring sends parts in one request, and in smaller ones where that one is refused for what is in it. It gives what is left to be sent later, and false
// if the exporter is not to be asked any more now.
func (r *run) bring(parts []part) (left []part, ok bool) {
	if len(parts) == 0 {
		return nil, true
	}
	if !r.mayGoOn() {
		return parts, false
	}
	payload := join(parts)
	result, err := r.try(payload)
	if result.Rejected > 0 || result.Text != "" {
		r.lost.add(r.signal, LossRefused, int(result.Rejected), 0)
		r.say(remark{what: refusing, signal: r.signal, records: result.Rejected, text: result.Text})
	}
	var e *export.Error
	switch {
	case err == nil:
		r.accepted = true
		delete(r.resting, r.signal)
		return nil, true
	case !errors.As(err, &e) || e.Retry:
		r.say(remark{what: failing, signal: r.signal, err: err})
		return parts, false
	case e.IsTooLarge() && len(payload) > smallestRequest:
		r.most = max(smallestRequest, min(r.most, len(payload)/2))
		if first, second, ok := halves(parts); ok {
			return r.both(first, second)
		}
	case e.IsAboutContent() && r.probes > 0:
		if first, second, ok := halves(parts); ok {
			r.probes--
			return r.both(first, second)
		}
	case e.IsNoEndpoint() && r.signal != otlplog.Traces:
		r.switchOff(err)
	}
	r.refuse(parts, err)
	return nil, true
}

// both brings the first parts, then the second.
func (r *run) both(first, second []part) (left []part, ok bool) {
	left, ok = r.bring(first)
	if !ok {
		return append(left, second...), false
	}
	return r.bring(second)
}

// switchOff gives up a signal of this exporter for the life of the process.
func (r *run) switchOff(err error) {
	if r.off == nil {
		r.off = map[string]int{}
	}
	r.off[r.signal] = 0
	r.say(remark{what: ending, signal: r.signal, err: err})
}

func (r *run) refuse(parts []part, err error) {
	records, bytes := 0, 0
	for _, p := range parts {
		records += p.records
		bytes += len(p.payload)
	}
	r.refused = true
	r.lost.add(r.signal, LossRefused, records, int64(bytes))
	r.say(remark{what: refusing, signal: r.signal, err: err, records: int64(records)})
}

// try makes one request within the time that the exporter has deserved, and tells the breaker.
func (r *run) try(payload []byte) (export.Result, error) {
	ctx, start := r.ctx, wall(time.Now())
	if limit, _ := r.breaker.may(start); !r.last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	result, err := r.Sender.Send(ctx, r.signal, payload)
	now := wall(time.Now())
	took := now.Sub(start)
	var e *export.Error
	switch isError := errors.As(err, &e); {
	case err == nil:
		r.breaker = r.breaker.worked(now, took)
	case isError && e.Status != 0:
		r.breaker = r.breaker.spent(now, took)
		if e.Retry {
			r.rest(e.After)
		}
	case isError && !e.Retry, r.ctx.Err() != nil:
		r.breaker = r.breaker.spent(now, took) // nobody was asked, or nobody waited for the answer
		r.silent = r.ctx.Err() != nil
	default:
		r.breaker = r.breaker.failed(now, took, 0)
		r.silent = true
	}
	return result, err
}

// settle removes items of which nothing is left, and notes what is left of the others.
func (r *run) settle(items []*item, left []part) {
	for _, it := range items {
		var rest []part
		size := 0
		for _, p := range left {
			if p.of == it {
				rest = append(rest, p)
				size += len(p.payload)
			}
		}
		switch {
		case len(rest) == 0:
			r.drop(it)
		case size != len(it.payload):
			it.payload, it.records, it.changed = join(rest), 0, true
			for _, p := range rest {
				it.records += p.records
			}
		case it.name != "" && !it.changed:
			it.payload = nil // it is in the file
		}
	}
}

// join makes one request of parts.
func join(parts []part) []byte {
	if len(parts) == 1 {
		return parts[0].payload
	}
	var all []byte
	for _, p := range parts {
		all = append(all, p.payload...)
	}
	return all
}

// halves parts them in two: by items as far as there are several, else within the one.
func halves(parts []part) (first, second []part, ok bool) {
	if n := len(parts); n > 1 {
		return parts[:n/2], parts[n/2:], true
	}
	p := parts[0]
	a, b, ok := export.Halve(p.payload)
	if !ok {
		return nil, nil, false
	}
	return []part{{p.of, a, export.Records(p.of.signal, a)}}, []part{{p.of, b, export.Records(p.of.signal, b)}}, true
}

// losses counts by reason.
type losses []event.Loss

// add counts. What is not a span says so in its reason, since spans, data points and lines cannot be added up.
func (l *losses) add(signal, reason string, records int, bytes int64) {
	if signal != otlplog.Traces {
		reason = signal + "-" + reason
	}
	l.merge(event.Loss{Reason: reason, Records: int64(records), Bytes: bytes})
}

func (l *losses) merge(loss event.Loss) {
	if loss.Records == 0 && loss.Bytes == 0 {
		return
	}
	for n := range *l {
		if had := &(*l)[n]; had.Reason == loss.Reason {
			had.Records += loss.Records
			had.Bytes += loss.Bytes
			return
		}
	}
	*l = append(*l, loss)
}

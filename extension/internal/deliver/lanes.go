package deliver

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

const (
	// mostMemory bounds what is kept in memory of what the disk cannot: eight invocations at the default limit, a small part of the smallest
	// function's memory.
	mostMemory = 4 << 20
	// defaultBatch bounds one request where the settings do not. Collectors and what stands before them commonly take 4 MiB, some 1 MiB, before
	// decompression.
	defaultBatch = 1 << 20
	// abandonTime is what is left of the last flush's time for writing into the log what an exporter that hangs did not take; half of what there is, if
	// that is less.
	abandonTime = 400 * time.Millisecond
)

// Lanes is the Delivery to real exporters.
type Lanes struct {
	o      Options
	outbox outbox
	lanes  []*lane
	credit credit
	// stray has files of exporters that nobody asks for any more, and of newer versions. Age or room takes them.
	stray  *lane
	fresh  []Batch
	ahead  int // of them were told of to those who want to know before
	early  int // bytes of those
	opened bool
	failed bool // the disk, and it has been said
	wrote  bool // to the disk, and not failed since
	files  int  // written by this process
	owes   bool // there is a file of losses that nobody has been told of

	abandoned *export.Log // nil: what is abandoned is not written
	// Records by signal, as of the last Flush or Abandon: all that are kept, and those that are in memory alone.
	waiting, alone [len(signals)]atomic.Int64
}

// New makes a Delivery. Nothing is read, written or connected before the first Flush.
func New(o Options) *Lanes {
	o.Batch = cmp.Or(o.Batch, defaultBatch)
	box := outbox{o.Dir}
	d := &Lanes{o: o, outbox: box, stray: &lane{outbox: box}}
	if o.Abandoned != nil {
		d.abandoned = export.NewLog(o.Abandoned)
	}
	for _, e := range o.Exporters {
		e.Timeout = cmp.Or(e.Timeout, defaultTimeout)
		d.lanes = append(d.lanes, &lane{Exporter: e, outbox: box, most: o.Batch, budget: mostProbes})
	}
	return d
}

// Takes tells whether any exporter wants a signal.
func (d *Lanes) Takes(signal string) bool {
	return slices.ContainsFunc(d.lanes, func(l *lane) bool { return l.takes(signal) })
}

// Add takes a batch over.
func (d *Lanes) Add(b Batch) { d.fresh = append(d.fresh, b) }

// Prepare tells exporters that prepare requests of spans which were added, where they will be what the next one begins with: nothing else waits, and it is
// neither cut nor sent in parts. Without an exporter that works there is no hurry.
func (d *Lanes) Prepare() {
	for _, b := range d.fresh[d.ahead:] {
		d.ahead++
		if b.Signal != otlplog.Traces {
			continue
		}
		d.early += len(b.Payload)
		for _, l := range d.lanes {
			if d.early <= l.most && len(l.items) == 0 && l.breaker.full > 0 && l.breaker.need == 0 && l.Limits == (export.Limits{}) && l.takes(b.Signal) {
				l.ahead(b)
			}
		}
	}
}

// ahead tells the exporter of a batch. It never panics: what breaks here breaks again when it is sent, and is told then.
func (l *lane) ahead(b Batch) {
	defer func() { _ = recover() }()
	if p, ok := l.Sender.(Preparer); ok {
		p.Ahead(b.Signal, b.Payload)
	}
}

// Due tells whether a Flush now would ask anybody.
func (d *Lanes) Due(now time.Time) bool {
	d.credit = d.credit.since(now)
	have := d.credit.now(now, d.most())
	return slices.ContainsFunc(d.lanes, func(l *lane) bool { return l.isDue(now, have) })
}

// Flush sends, side by side to all exporters, and keeps what they did not accept.
func (d *Lanes) Flush(ctx context.Context, last bool) Report {
	d.open()
	now := wall(time.Now())
	d.share(now)
	d.expire(now)
	if deadline, ok := ctx.Deadline(); ok && last && d.o.Abandoned != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-min(abandonTime, time.Until(deadline)/2)))
		defer cancel()
	}
	d.send(ctx, last)
	d.keep()
	if d.wait(); last {
		d.sayOff()
	}
	return d.report()
}

// open takes over what an earlier life of the environment left.
func (d *Lanes) open() {
	if d.opened {
		return
	}
	d.opened = true
	if d.o.Bytes == 0 {
		return
	}
	items, err := d.outbox.open()
	if err != nil {
		d.complain(err)
	}
	for _, it := range items {
		l := d.lane(it.exporter)
		if !l.takes(it.signal) {
			l = d.stray
		}
		l.items = append(l.items, it)
	}
}

// lane gives that of an exporter; that of what is nobody's, if there is none.
func (d *Lanes) lane(exporter string) *lane {
	for _, l := range d.lanes {
		if l.Name == exporter {
			return l
		}
	}
	return d.stray
}

// share gives each lane what was added.
func (d *Lanes) share(now time.Time) {
	for _, b := range d.fresh {
		for _, l := range d.lanes {
			if had, off := l.off[b.Signal]; off {
				l.off[b.Signal] = had + b.Records
				l.unstash(b.Signal)
			} else if l.takes(b.Signal) {
				it := &item{head: head{exporter: l.Name, signal: b.Signal, records: b.Records, born: now}, payload: b.Payload, recorded: b.Recorded, carried: b.Carried}
				l.items = append(l.items, l.instead(it))
			}
		}
	}
	d.fresh, d.ahead, d.early = nil, 0, 0
}

// expire drops what is too old.
func (d *Lanes) expire(now time.Time) {
	for l := range d.all() {
		for _, it := range slices.Clone(l.items) {
			if now.Sub(it.born) > d.o.Age { // a clock that was set back makes nothing old
				l.lose(LossOutboxAge, it)
			}
		}
	}
}

func (d *Lanes) all() func(yield func(*lane) bool) {
	return func(yield func(*lane) bool) {
		for _, l := range d.lanes {
			if !yield(l) {
				return
			}
		}
		yield(d.stray)
	}
}

// most is what the credit grows up to: the most that anybody may take.
func (d *Lanes) most() (most time.Duration) {
	for _, l := range d.lanes {
		most = max(most, l.Timeout)
	}
	return most
}

// send lets the lanes work, and takes off the credit what the function waited for nothing.
func (d *Lanes) send(ctx context.Context, last bool) {
	began := wall(time.Now())
	d.credit = d.credit.since(began)
	d.sideBySide(ctx, last, d.credit.now(began, d.most()))
	now := wall(time.Now())
	var waited, trust time.Duration
	isWell := true
	for _, l := range d.lanes {
		waited, trust = max(waited, l.waited), max(trust, min(l.breaker.trust(), l.Timeout))
		isWell = isWell && l.breaker.need == 0
	}
	if b := besideOf(ctx); b != nil {
		waited = b.waitedFor(began, waited)
	}
	switch {
	case isWell:
		d.credit = credit{have: trust, used: true}
	case waited > 0 || d.credit.at.IsZero():
		d.credit = d.credit.spent(now, waited, d.most())
	}
}

// sideBySide lets the lanes work at the same time if there are several.
func (d *Lanes) sideBySide(ctx context.Context, last bool, have time.Duration) {
	var busy []*lane
	for _, l := range d.lanes {
		l.waited = 0
		if len(l.items) > 0 {
			busy = append(busy, l)
		}
	}
	b := besideOf(ctx)
	if b != nil {
		b.begin(len(busy))
	}
	flush := func(l *lane) {
		ctx := ctx
		if b != nil {
			tell := b.lane()
			defer tell(false)
			ctx = export.OnWaiting(ctx, func() { tell(true) })
		}
		l.flush(ctx, last, have)
	}
	if len(busy) == 1 {
		flush(busy[0])
		return
	}
	var wait sync.WaitGroup
	for _, l := range busy {
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer func() { _ = recover() }() // flush itself recovers, and tells
			flush(l)
		}()
	}
	wait.Wait()
}

// keep brings what is left in memory to the disk, and drops the oldest of what is too much.
func (d *Lanes) keep() {
	works := d.o.Bytes > 0
	for _, l := range d.lanes {
		l.merge(d.o.Batch)
		for _, it := range l.items {
			d.outbox.mark(it)
			if it.payload == nil || it.name != "" && !it.changed {
				it.payload = nil
				continue
			}
			if works {
				d.files++
				if err := d.outbox.write(it, d.files); err != nil {
					d.complain(err)
					works = false
				} else {
					d.failed, d.wrote = false, true
				}
			}
			if !works {
				d.outbox.remove(it) // the file holds what was accepted meanwhile
			}
		}
	}
	for _, l := range d.lanes {
		d.stray.items = append(d.stray.items, l.newer...)
		l.newer = nil
	}
	d.bound()
}

// merge makes fewer items of those that are in memory alone: each becomes a file.
func (l *lane) merge(most int) {
	var kept []*item
	open := map[string]*item{}
	for _, it := range l.items {
		into := open[it.signal]
		switch {
		case it.payload == nil || it.name != "":
		case into != nil && into.doubtful == it.doubtful && into.recorded == it.recorded && len(into.payload)+len(it.payload) <= most:
			into.payload = append(into.payload[:len(into.payload):len(into.payload)], it.payload...) // lanes share the bytes
			into.records += it.records
			into.carried = slices.Concat(into.carried, it.carried)
			continue
		default:
			open[it.signal] = it
		}
		kept = append(kept, it)
	}
	l.items = kept
}

// A place is where an item is.
type place struct {
	lane *lane
	*item
}

// places gives all that is kept, oldest first.
func (d *Lanes) places() (all []place) {
	for l := range d.all() {
		for _, it := range l.items {
			all = append(all, place{l, it})
		}
	}
	slices.SortStableFunc(all, func(a, b place) int { return a.born.Compare(b.born) })
	return all
}

// bound drops the oldest of what is too much, on disk and in memory.
func (d *Lanes) bound() {
	all := d.places()
	var disk, memory int64
	files := 0
	for _, p := range all {
		if p.name == "" {
			memory += int64(len(p.payload))
		} else {
			disk, files = disk+p.size, files+1
		}
	}
	for _, p := range all {
		switch {
		case p.name == "" && memory > mostMemory:
			memory -= int64(len(p.payload))
			p.lane.lose(LossQueueFull, p.item)
		case p.name != "" && (disk > d.o.Bytes || files > mostFiles):
			disk, files = disk-p.size, files-1
			p.lane.lose(LossOutboxFull, p.item)
		}
	}
}

// complain says once that the disk cannot.
func (d *Lanes) complain(err error) {
	if !d.failed {
		d.o.Log.Warn().Err(err).Msg("what is not accepted is kept in memory: the outbox cannot be used")
	}
	d.failed, d.wrote = true, false
}

// Keeps tells whether the disk can, as far as is known.
func (d *Lanes) Keeps() bool { return d.wrote }

// report tells what became of it, and writes into the log what the lanes have to say.
func (d *Lanes) report() Report {
	r := Report{Safe: true}
	for l := range d.all() {
		for _, it := range l.items {
			r.Kept++
			r.Safe = r.Safe && it.name != ""
		}
	}
	var lost, again losses
	for l := range d.all() {
		for _, loss := range l.lost {
			lost.merge(loss)
		}
		for _, loss := range l.again {
			again.merge(loss)
		}
		for _, said := range l.said {
			d.say(l, said, r.Kept)
		}
		l.lost, l.again, l.said = nil, nil, nil
	}
	r.Lost, r.Again = lost, again
	return r
}

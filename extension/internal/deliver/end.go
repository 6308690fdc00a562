package deliver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

const (
	// owedName is the file of losses that nobody has been told of: the mark, then reason, records and bytes a line.
	owedName = "owed"
	owedMark = "AFTERGLOW-OWED/1"
	// mostOwed bounds what is read of it: a few reasons and numbers.
	mostOwed = 16 << 10
)

// Owe keeps losses for the next process, in the place of those that are kept already. Where the disk cannot, the log is for the caller to write.
func (d *Lanes) Owe(lost []event.Loss) (kept bool) {
	if len(lost) == 0 {
		if d.owes {
			d.owes = os.Remove(d.outbox.path(owedName)) != nil
		}
		return true
	}
	if d.o.Bytes == 0 {
		return false
	}
	b := []byte(owedMark + "\n")
	for _, l := range lost {
		if l.Reason == "" || strings.ContainsAny(l.Reason, " \n") {
			continue // no reason of ours
		}
		b = fmt.Appendf(b, "%s %d %d\n", l.Reason, l.Records, l.Bytes)
	}
	if err := d.outbox.put(owedName, b); err != nil {
		d.complain(err)
		return false
	}
	d.owes = true
	return true
}

// Owed gives the losses that the last process could not tell of. They stay on the disk until Owe is told what is left of them.
func (d *Lanes) Owed() []event.Loss {
	if d.o.Bytes == 0 || d.outbox.check() != nil {
		return nil
	}
	_, err := os.Lstat(d.outbox.path(owedName))
	d.owes = err == nil
	return d.owed()
}

func (d *Lanes) owed() (lost losses) {
	b, err := d.outbox.get(owedName, mostOwed)
	if err != nil {
		return nil
	}
	mark, rest, _ := bytes.Cut(b, []byte("\n"))
	if string(mark) != owedMark {
		return nil
	}
	for line := range strings.Lines(string(rest)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		records, err1 := strconv.ParseInt(f[1], 10, 64)
		bytes, err2 := strconv.ParseInt(f[2], 10, 64)
		if err1 == nil && err2 == nil && records >= 0 && bytes >= 0 {
			lost.merge(event.Loss{Reason: f[0], Records: records, Bytes: bytes})
		}
	}
	return lost
}

// Abandon writes what is left behind into the log, oldest first, each request once however many exporters lack it. What is written is kept no longer; else
// it stays on the disk, in case that the environment lives on after all.
func (d *Lanes) Abandon(ctx context.Context, survives bool) {
	d.open()
	d.wait()
	written := map[[sha256.Size]byte]bool{}
	var told losses // by what is left
	for _, p := range d.places() {
		if survives && (!p.isAlone() || d.rescue(p.item)) {
			for _, l := range p.carried {
				told.merge(l) // its records are there for the next process, and this is not among them
			}
			continue
		}
		if d.o.Abandoned != nil && d.write(ctx, p, written) {
			p.lane.drop(p.item)
			continue
		}
		if d.outbox.load(p.item) == nil {
			told.told(p.signal, p.payload)
			if p.name != "" && !p.changed {
				p.payload = nil
			}
		}
	}
	left := slices.Concat(d.Untold(survives), told)
	if len(left) == 0 {
		return
	}
	e := d.o.Log.Warn()
	for _, l := range left {
		e = e.Int64(l.Reason, l.Records)
	}
	e.Msg("kept records could not be delivered before the end")
}

// rescue brings what is in memory alone to the disk after all: there may be room for it, though there was none for what came before it.
func (d *Lanes) rescue(it *item) bool {
	if d.o.Bytes == 0 {
		return false
	}
	d.files++
	if d.outbox.write(it, d.files) != nil {
		return false // which was said
	}
	d.waits(it, it.records)
	return true
}

// Untold gives the records that are left behind, by signal, once: whoever has asked has to tell them. It is for every goroutine.
func (d *Lanes) Untold(survives bool) (left []event.Loss) {
	noted := &d.waiting
	if survives {
		noted = &d.alone
	}
	for n, signal := range signals {
		if records := noted[n].Swap(0); records > 0 {
			left = append(left, event.Loss{Reason: signal, Records: records})
		}
	}
	return left
}

// signals in the order in which they are told.
var signals = [...]string{otlplog.Traces, otlplog.Metrics, otlplog.Logs}

// wait notes how much is kept.
func (d *Lanes) wait() {
	var all, alone [len(signals)]int64
	for l := range d.all() {
		for _, it := range l.items {
			n := slices.Index(signals[:], it.signal)
			if n < 0 {
				continue
			}
			all[n] += int64(max(1, it.records))
			if it.isAlone() {
				alone[n] += int64(max(1, it.records))
			}
		}
	}
	for n := range signals {
		d.waiting[n].Store(all[n])
		d.alone[n].Store(alone[n])
	}
}

// waits takes records off what is noted. Those of what is on disk were never among those that are alone, and nobody asks for them once the environment ends.
func (d *Lanes) waits(it *item, less int) {
	if n := slices.Index(signals[:], it.signal); n >= 0 {
		d.waiting[n].Add(-int64(less))
		d.alone[n].Add(-int64(less))
	}
}

// mostAtOnce of a request is compressed and written into the log in one go: a millisecond of CPU time, which the smallest functions get in 14. Between two
// pieces it is looked at whether there is time for another one.
const mostAtOnce = 64 << 10

// write writes an item to the log, piece by piece. False if something is left of it, which stays.
func (d *Lanes) write(ctx context.Context, p place, written map[[sha256.Size]byte]bool) bool {
	if ctx.Err() != nil || d.outbox.load(p.item) != nil {
		return false
	}
	had := max(1, p.records)
	var sum [sha256.Size]byte
	if len(d.lanes) > 1 { // else nothing is there twice
		if sum = sha256.Sum256(p.payload); written[sum] {
			d.waits(p.item, had)
			return true
		}
	}
	pieces := pieces(part{p.item, p.payload, p.records}, mostAtOnce)
	for n, piece := range pieces {
		if ctx.Err() == nil {
			if _, err := d.abandoned.Send(ctx, p.signal, piece.payload); err == nil {
				continue
			}
		}
		if n > 0 {
			p.payload, p.records, p.changed = join(pieces[n:]), 0, true
			for _, rest := range pieces[n:] {
				p.records += rest.records
			}
			d.waits(p.item, had-max(1, p.records))
			if p.name != "" {
				d.outbox.mark(p.item)
				_ = d.outbox.write(p.item, 0) // else it is there twice, should the environment live on
			}
		}
		return false
	}
	d.waits(p.item, had)
	written[sum] = true
	return true
}

// pieces halves a part until none is larger than that, or cannot be halved.
func pieces(p part, most int) []part {
	if len(p.payload) <= most {
		return []part{p}
	}
	first, second, ok := halves([]part{p})
	if !ok {
		return []part{p}
	}
	return append(pieces(first[0], most), pieces(second[0], most)...)
}

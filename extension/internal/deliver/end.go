package deliver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
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

// Owe keeps losses for the next process, beside those that are kept already. Where the disk cannot, the log is for the caller to write.
func (d *Lanes) Owe(lost []event.Loss) (kept bool) {
	if len(lost) == 0 {
		return true
	}
	if d.o.Bytes == 0 {
		return false
	}
	all := d.owed()
	for _, l := range lost {
		all.merge(l)
	}
	b := []byte(owedMark + "\n")
	for _, l := range all {
		if l.Reason == "" || strings.ContainsAny(l.Reason, " \n") {
			continue // no reason of ours
		}
		b = fmt.Appendf(b, "%s %d %d\n", l.Reason, l.Records, l.Bytes)
	}
	if err := d.outbox.put(owedName, b); err != nil {
		d.complain(err)
		return false
	}
	return true
}

// Owed gives the losses that the last process could not tell of, once.
func (d *Lanes) Owed() []event.Loss {
	if d.o.Bytes == 0 || d.outbox.check() != nil {
		return nil
	}
	lost := d.owed()
	_ = os.Remove(d.outbox.path(owedName)) // there is most often none
	return lost
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

// Abandon writes what is kept into the log, oldest first, each request once however many exporters lack it. What is written is kept no longer; else
// it stays on the disk, in case that the environment lives on after all.
func (d *Lanes) Abandon(ctx context.Context) {
	d.open()
	written := map[[sha256.Size]byte]bool{}
	left := map[string]int{}
	var told losses // by what is left
	for _, p := range d.places() {
		if d.o.Abandoned == nil || ctx.Err() != nil || !d.write(ctx, p.item, written) {
			if d.outbox.load(p.item) == nil {
				told.told(p.signal, p.payload)
				if p.name != "" {
					p.payload = nil
				}
			}
			left[p.signal] += max(1, p.records)
			continue
		}
		p.lane.drop(p.item)
	}
	if len(left) == 0 {
		return
	}
	e := d.o.Log.Warn()
	for _, signal := range [...]string{otlplog.Traces, otlplog.Metrics, otlplog.Logs} {
		if n := left[signal]; n > 0 {
			e = e.Int(signal, n)
		}
	}
	for _, l := range told {
		e = e.Int64(l.Reason, l.Records)
	}
	e.Msg("kept records could not be delivered before the end")
}

// write writes an item to the log. False if that was not possible.
func (d *Lanes) write(ctx context.Context, it *item, written map[[sha256.Size]byte]bool) bool {
	if d.outbox.load(it) != nil {
		return false
	}
	sum := sha256.Sum256(it.payload)
	if written[sum] {
		return true
	}
	if _, err := d.abandoned.Send(ctx, it.signal, it.payload); err != nil {
		return false
	}
	written[sum] = true
	return true
}

package deliver

import "time"

// Stash puts a batch into a file for each exporter that takes its signal: an ordinary one, which the next process finds and sends. Where it cannot be written what
// was there stays, since that is still true as far as it goes.
func (d *Lanes) Stash(b Batch) {
	if d.o.Bytes == 0 {
		return
	}
	d.open() // before there is anything that an earlier life did not leave
	for _, l := range d.lanes {
		if !l.takes(b.Signal) {
			l.unstash(b.Signal)
			continue
		}
		it := l.stash[b.Signal]
		if it == nil {
			it = &item{head: head{exporter: l.Name, signal: b.Signal, born: wall(time.Now())}}
			d.files++
			it.name = fileName(it.head, random(d.files), false) // without records: it stays, and they change
		}
		it.records, it.payload = b.Records, b.Payload
		if err := d.outbox.write(it, d.files); err != nil {
			it.payload = nil
			d.complain(err)
			return
		}
		d.failed, d.wrote = false, true
		if l.stash == nil {
			l.stash = map[string]*item{}
		}
		l.stash[b.Signal] = it
	}
}

// instead gives an item the file of what was stashed of its signal, whose numbers are among its own: the file goes when the item is accepted, and holds it if it
// is kept. A process that is killed before has left the file.
func (l *lane) instead(it *item) *item {
	if had := l.stash[it.signal]; had != nil {
		it.name, it.size, it.changed = had.name, had.size, true
		delete(l.stash, it.signal)
	}
	return it
}

// unstash removes what was stashed for an exporter that takes the signal no more.
func (l *lane) unstash(signal string) {
	if had := l.stash[signal]; had != nil {
		l.outbox.remove(had)
		delete(l.stash, signal)
	}
}

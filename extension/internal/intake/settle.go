package intake

import (
	"bytes"
	"slices"
	"sort"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// close moves a call to its invocation. It stays open in name if its end was not seen, unless that may have been left out.
func (j *joiner) close(c *openCall) {
	delete(j.open, c.key)
	d := j.home(c)
	if d == nil || len(d.Calls) >= MaxCalls || j.kept >= MaxRoundCalls {
		records := int64(2)
		if c.Open {
			records = 1
		}
		j.lose(c.inv, event.Loss{Reason: LossTooMany, Records: records, Bytes: int64(c.Request.Data.Len() + c.Response.Data.Len())})
		return
	}
	if c.Open && c.missing {
		c.Open, c.EndMissing = false, true
	}
	if d.Calls == nil {
		d.Calls = make([]event.Call, 0, j.usual)
	}
	d.Calls = append(d.Calls, c.Call)
	d.comesFrom(c.source, c.gone)
	j.kept++
}

// comesFrom notes a file that told of it.
func (d *draft) comesFrom(f fileKey, gone bool) {
	d.gone = d.gone || gone
	if f != d.source && !slices.Contains(d.others, f) {
		d.others = append(d.others, f)
	}
}

// deleted notes which files are no more. What they told and has not been given yet, as a child's calls whose parent has not told, no other process can read again.
func (j *joiner) deleted(files []string) {
	for _, name := range files {
		n, ok := spool.ParseName(name)
		if !ok {
			continue
		}
		f := keyOf(n)
		for _, c := range j.waiting {
			c.gone = c.gone || c.source == f
		}
		for _, d := range j.drafts {
			d.gone = d.gone || d.source == f || slices.Contains(d.others, f)
		}
		for _, d := range j.inits {
			d.gone = d.gone || slices.Contains(d.others, f)
		}
	}
}

// home gives the draft that a call belongs to: that of the attempt in which it began, whatever has begun since with the same id. It gives nil if there are more than
// anyone could have run.
func (j *joiner) home(c *openCall) *draft {
	a := c.attempt
	if d := c.draft; d != nil {
		if !d.given {
			return d
		}
		a = d.attempt
	}
	switch {
	case a == nil || a.given == nobody:
		return j.draft(c.inv, c.key.life)
	case a.calls == nil && len(j.drafts) >= MaxInvocations:
		return nil
	case a.calls == nil:
		a.calls = &draft{Invocation: newInvocation(a.ID), life: c.key.life, since: j.turn, attempt: a}
		j.drafts = append(j.drafts, a.calls)
	}
	return a.calls
}

// settle ends a round: it gives the invocations that are complete, and what came late for those given before. Calls that have no end yet wait
// for it over one more invocation, because a function may go on with them after it is thawed; then they are given as they are. Where
// nobody can write their end any more, they are given at once: this is what the function was waiting for.
//
// full says that all files were looked at. more says that it has to be called again, because Lambda told of more invocations than a round takes.
func (j *joiner) settle(final, full bool) (out []event.Invocation, more bool) {
	j.giveUp(final)
	j.placeLines(final)
	j.claim()
	if full {
		more = j.tell(final)
	}
	var ready, rest []*draft
	for _, d := range j.drafts {
		if j.isReady(d, final, full) {
			ready = append(ready, d)
		} else {
			rest = append(rest, d)
		}
	}
	j.drafts = rest
	ready = j.mergeInits(ready, final)
	j.placeLosses(ready)
	out = make([]event.Invocation, 0, len(ready))
	for _, d := range ready {
		j.kept -= len(d.Calls)
		j.usual = min(len(d.Calls), mostUsual)
		if d.isShown() {
			out = append(out, j.cut(j.finish(d, final)))
		}
		j.forget(d)
	}
	j.memory.tidy()
	return append(out, j.lateLines(final && !more)...), more
}

// forget lets go of a draft that was given. Calls that are open know it still, and need nothing but its attempt.
func (j *joiner) forget(d *draft) {
	if key := (draftKey{d.ID, d.life.past}); j.latest[key] == d {
		delete(j.latest, key)
	}
	if a := d.attempt; a != nil && a.calls == d {
		a.calls = nil
	}
	d.given = true
	d.Invocation = event.Invocation{ID: d.ID}
}

// isShown tells whether there is something to show of an invocation.
func (d *draft) isShown() bool {
	return d.main || d.told || d.Error != nil || len(d.Calls) > 0 || len(d.Lines) > 0
}

// giveUp closes the calls whose end will not be waited for, and detaches the others from the files they were read of.
func (j *joiner) giveUp(final bool) {
	var keep []*openCall
	held := 0
	for _, c := range j.waiting {
		if j.open[c.key] != c {
			continue // closed meanwhile
		}
		size := c.Request.Data.Len() + 64*len(c.RequestHeaders) + c.URL.Len()
		if final || c.key.past || c.since != j.turn || j.left[c.key.life] || j.failed(c) || held+size > MaxHeld {
			j.close(c)
			continue
		}
		if !c.held {
			c.held = true
			c.Request.Data = event.BytesOf(bytes.Clone(c.Request.Data.Reveal()))
		}
		held += size
		keep = append(keep, c)
	}
	j.waiting = keep
	clear(j.left)
}

// failed tells whether the invocation of a call is over and went wrong, so that its open calls are part of the story.
func (j *joiner) failed(c *openCall) bool {
	d := c.draft
	if d == nil {
		d = j.latest[draftKey{c.inv, c.key.past}]
	}
	return d != nil && d.main && d.complete && (d.Error != nil || !d.ended)
}

func (j *joiner) isReady(d *draft, final, full bool) bool {
	switch {
	case final || d.life.past:
		return true
	case d.told:
		return true
	case d.main:
		return d.complete
	case d.attempt != nil && d.attempt.given != nobody, j.isGiven(d.ID):
		return true
	}
	return full && d.since != j.turn // its own process has not told of it in a whole invocation's time
}

// mergeInits gives what a process did before its first invocation to that invocation, and what a child process did to the invocation
// that started it. Where there will be none it becomes an invocation of its own.
func (j *joiner) mergeInits(ready []*draft, final bool) []*draft {
	var alone []*draft
	for _, l := range j.lives() {
		i := j.inits[l]
		own := slices.IndexFunc(ready, func(d *draft) bool { return d.main && d.life == l })
		other := slices.IndexFunc(ready, func(d *draft) bool {
			return d.main && d.life.past == l.past && (d.ID == j.current || i.since != j.turn)
		})
		switch {
		case own >= 0:
			for n := range i.Calls {
				i.Calls[n].Init = true
			}
			merge(ready[own], i)
		case other >= 0:
			merge(ready[other], i)
		case final || l.past:
			alone = append(alone, i)
		default:
			continue
		}
		delete(j.inits, l)
	}
	return append(alone, ready...)
}

// lives lists the processes with something in inits, in an order that does not change from run to run.
func (j *joiner) lives() []life {
	var ls []life
	for l := range j.inits {
		ls = append(ls, l)
	}
	sort.Slice(ls, func(a, b int) bool {
		if ls[a].past != ls[b].past {
			return ls[a].past
		}
		return ls[a].pid < ls[b].pid
	})
	return ls
}

func merge(d, from *draft) {
	d.Calls = append(from.Calls, d.Calls...)
	d.gone = d.gone || from.gone
	for _, f := range from.others {
		d.comesFrom(f, false)
	}
	if d.Error == nil {
		d.Error = from.Error
	}
}

// isGiven tells whether the newest attempt at an invocation was given before.
func (j *joiner) isGiven(id string) bool {
	a := j.memory.last(id)
	return a != nil && a.given != nobody
}

// lose counts a loss of an invocation's, or of whoever can carry it.
func (j *joiner) lose(inv string, l event.Loss) {
	if l.Records <= 0 && l.Bytes <= 0 {
		return
	}
	id := j.place(inv)
	i := slices.IndexFunc(j.losses, func(p placedLoss) bool { return p.inv == id && p.Reason == l.Reason })
	if i < 0 && len(j.losses) >= MaxLosses {
		i = max(0, slices.IndexFunc(j.losses, func(p placedLoss) bool { return p.Reason == l.Reason }))
	}
	if i < 0 {
		j.losses = append(j.losses, placedLoss{id, l})
		return
	}
	j.losses[i].Records += l.Records
	j.losses[i].Bytes += l.Bytes
}

// placeLosses gives every loss to its invocation, or to the last one that is given if its own was given before or never comes.
func (j *joiner) placeLosses(ready []*draft) {
	ready = slices.DeleteFunc(slices.Clone(ready), func(d *draft) bool { return !d.main && !d.told && d.Error == nil })
	var keep []placedLoss
	for _, p := range j.losses {
		i := slices.IndexFunc(ready, func(d *draft) bool { return d.ID == p.inv })
		if i < 0 && !j.pending(p.inv) {
			i = len(ready) - 1
		}
		if i < 0 {
			keep = append(keep, p)
			continue
		}
		ready[i].Lost = append(ready[i].Lost, p.Loss)
	}
	j.losses = keep
}

// cut takes headers that hooks left out of records for what they are. A function without room for them would lose some in each of its calls for ever.
func (j *joiner) cut(inv event.Invocation) event.Invocation {
	for _, l := range inv.Lost {
		if l.Reason == lossHeaders && !j.noHeaders {
			inv.Cut.Headers += int(l.Records)
			inv.Cut.Bytes += l.Bytes
		}
	}
	inv.Lost = slices.DeleteFunc(inv.Lost, isCut)
	return inv
}

func isCut(l event.Loss) bool { return l.Reason == lossHeaders }

// pending tells whether an invocation is still being put together.
func (j *joiner) pending(id string) bool {
	return slices.ContainsFunc(j.drafts, func(d *draft) bool { return d.ID == id })
}

// unplaced gives what nobody could carry.
func (j *joiner) unplaced() []event.Loss {
	var ls []event.Loss
	for _, p := range j.losses {
		ls = append(ls, p.Loss)
	}
	j.losses = nil
	return slices.DeleteFunc(ls, isCut)
}

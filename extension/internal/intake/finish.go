package intake

import (
	"cmp"
	"sort"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// finish fills in what Lambda told and remembers the invocation for what comes late.
func (j *joiner) finish(d *draft, final bool) event.Invocation {
	inv := d.Invocation
	inv.Recorded = d.isRecorded()
	sort.SliceStable(inv.Calls, func(a, b int) bool { return inv.Calls[a].Start.Before(inv.Calls[b].Start) })
	if inv.ID == spool.InvocationInit {
		if len(inv.Calls) > 0 && (inv.Start.IsZero() || inv.Calls[0].Start.Before(inv.Start)) {
			inv.Start = inv.Calls[0].Start
		}
		return inv
	}
	a := j.attemptFor(d)
	d.attempt = a
	if a.given == byHook && !d.main || a.given == byOthers {
		return j.finishLate(d, a)
	}
	if d.isLeftOver() {
		if a.process.PID == 0 {
			a.process = j.ownProcess()
		}
		return j.finishLate(d, a)
	}
	if twin := j.twin(d, a); twin != nil {
		if a.given == nobody {
			a.given = byOthers
		}
		return j.finishLate(d, twin)
	}
	j.fillIn(&inv, a, d.main)
	inv.Lines = j.takeLines(a)
	inv.Platform = a.platform
	if a.first {
		inv.Platform.Init = j.environment.init
	}
	inv.Cold = (inv.Cold || d.told && a.first) && !j.isReadyMade(inv.Process)
	inv.Unhooked = !d.main && inv.Error == nil
	if inv.Response.Size < 0 && inv.Platform.Produced > 0 {
		inv.Response.Size = inv.Platform.Produced
	}
	inv.Open = !d.ended && !d.renamed
	conclude(&inv, d.ended, j.ending(d, final))
	if !d.main && !d.told && inv.Outcome == "" {
		inv.Open = false // nobody watched it: that its end was not seen says nothing
	}
	a.given = byOthers
	if d.main {
		a.given, a.source = byHook, d.source
	}
	return inv
}

// isRecorded tells whether files tell of it that another process would find.
func (d *draft) isRecorded() bool { return !d.gone && (d.main || d.Error != nil || len(d.Calls) > 0) }

// isLeftOver tells whether a draft is what a child wrote in an earlier life, whose parent's file is not there. A hook writes before the handler is called, so that file was delivered and
// deleted, in a life that was killed before it could know the child's to be whole: its span was given, and counted.
func (d *draft) isLeftOver() bool { return d.life.past && !d.main && d.Error == nil }

// finishLate gives what came for an invocation after it was given: calls. What a hook says of the invocation itself is too late then; it happens only if
// its file could not be seen when Lambda told of the end.
func (j *joiner) finishLate(d *draft, a *attempt) event.Invocation {
	inv := a.late(j.takeLines(a))
	inv.Calls, inv.Recorded = d.Calls, d.isRecorded()
	j.lose(d.ID, event.Loss{Reason: LossLate, Records: int64(d.records)})
	for _, l := range d.Lost { // there is no span that could tell; the next one does
		j.lose(d.ID, l)
	}
	return inv
}

// attemptFor finds the attempt that a draft is of, or begins one.
func (j *joiner) attemptFor(d *draft) *attempt {
	last := j.memory.last(d.ID)
	switch {
	case d.attempt != nil:
		return d.attempt
	case d.life.past:
		if a := j.pastAttempt(d.ID); a != nil {
			return a
		}
		return &attempt{Announcement: Announcement{ID: d.ID}}
	case last == nil, d.main && (last.given == byHook || last.claimed): // the latter if nobody announced another attempt, or if a round is read again that was not released
		return j.attempted(d.ID)
	}
	return last
}

// fillIn fills in what the hook could not write. What it wrote is remembered instead, if it is the process that ran the handler.
func (j *joiner) fillIn(inv *event.Invocation, a *attempt, main bool) {
	inv.ARN, inv.Trace, inv.Tenant = cmp.Or(inv.ARN, a.ARN), cmp.Or(inv.Trace, a.Trace), cmp.Or(inv.Tenant, a.tenant)
	if inv.Deadline.IsZero() && a.given == nobody { // else what is known is another's, of an earlier life
		inv.Deadline = a.Deadline
	}
	if main {
		a.process = inv.Process
		if inv.Process.Runtime != "" {
			j.hooked = inv.Process
		}
	} else {
		if a.process.PID == 0 {
			a.process = j.ownProcess()
		}
		inv.Process = a.process
	}
	a.ARN, a.Trace, a.tenant, a.Deadline = inv.ARN, inv.Trace, inv.Tenant, inv.Deadline
	inv.Start = a.startOf(inv)
	if inv.Deadline.IsZero() {
		inv.Attempt = a.beginningOf(inv)
	}
	a.named = inv.Attempt
}

// startOf is when an invocation began: by its hook's clock, else as well as Lambda told.
func (a *attempt) startOf(inv *event.Invocation) time.Time {
	p := &a.platform
	switch {
	case !inv.Start.IsZero():
		return inv.Start
	case !p.Start.IsZero():
		return p.Start
	case !p.Done.IsZero():
		return p.Done.Add(-p.Duration)
	}
	return a.At
}

// beginningOf tells an invocation without a deadline from other attempts at the same request id.
func (a *attempt) beginningOf(inv *event.Invocation) time.Time {
	if t := a.startOf(inv); !t.IsZero() || len(inv.Calls) == 0 {
		return t
	}
	return inv.Calls[0].Start
}

// twin gives the attempt that was given before with the deadline of this one, or with the same beginning if there is none: whatever made two of them, facts in
// another order or a clock that jumped, they are one and would have one span's ids. A file that is read again, because it was not released, is none.
func (j *joiner) twin(d *draft, a *attempt) *attempt {
	deadline := d.Deadline
	if deadline.IsZero() && a.given == nobody {
		deadline = a.Deadline
	}
	isTwin := func(b *attempt) bool {
		switch {
		case b.given == nobody, d.main && b.given == byHook && b.source == d.source:
			return false
		case !deadline.IsZero():
			return b.Deadline.Equal(deadline)
		}
		return b.Deadline.IsZero() && b.named.Equal(a.beginningOf(&d.Invocation))
	}
	if b := j.past[d.ID]; b != nil && isTwin(b) {
		return b
	}
	return j.memory.first(d.ID, isTwin)
}

// ownProcess describes the function's process where its hook did not: as it was told last, or by what Lambda calls the environment.
func (j *joiner) ownProcess() event.Process {
	if j.hooked.PID != 0 || j.environment.instance == "" {
		return j.hooked
	}
	return event.Process{Env: map[string]string{logStream: j.environment.instance}}
}

// isReadyMade tells whether no invocation waits for the environment's set-up.
func (j *joiner) isReadyMade(p event.Process) bool {
	t := cmp.Or(p.Env[initTypeVariable], j.environment.initType)
	return t == initProvisioned || t == initManaged
}

// ending gives what is known of how a draft's invocation ended beside its facts.
func (j *joiner) ending(d *draft, final bool) ending {
	e := ending{past: d.life.past, known: time.Now()}
	if e.past {
		e.known = j.born
	}
	if final {
		e.reason, e.last = j.reason, d.ID == j.current || j.isConcurrent()
	}
	return e
}

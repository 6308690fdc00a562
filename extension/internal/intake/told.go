package intake

import (
	"cmp"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// Variables that a hook tells of. Lambda's initStart calls the log stream the instance.
const (
	logStream        = "AWS_LAMBDA_LOG_STREAM_NAME"
	initTypeVariable = "AWS_LAMBDA_INITIALIZATION_TYPE"
)

// Types of an initialisation that no invocation waits for: it ends long before the first one begins.
const (
	initProvisioned = "provisioned-concurrency"
	initManaged     = "lambda-managed-instances"
	initSnapStart   = "snap-start"
)

// An environment is what Lambda told of the one that all this happens in.
type environment struct {
	initType string
	instance string // its log stream
	init     *event.Init
}

// observe takes a fact; past says that Lambda made it before this life began.
func (j *joiner) observe(f event.Fact, past bool) {
	switch f.Kind {
	case event.FactStart:
		if a := j.attemptAt(f, past); a != nil {
			a.platform.Start = f.Time
			j.fill(a, f)
		}
	case event.FactDone:
		j.runtimeDone(f, past)
	case event.FactReport:
		if a := j.attemptAt(f, past); a != nil {
			a.platform.Report = &event.Report{
				Status: f.Status, ErrorType: f.ErrorType, Duration: f.Duration, Billed: f.Billed, Init: f.Init, Restore: f.Restore, Overhead: f.Overhead,
				MemorySize: f.MemorySize, MemoryUsed: f.MemoryUsed,
			}
			j.fill(a, f)
		}
	case event.FactLine:
		j.keepLine(f, past)
	case event.FactInitStart, event.FactInitReport, event.FactRestoreStart, event.FactRestoreDone:
		j.environment.observe(f, past)
	case event.FactDropped:
		j.lose("", event.Loss{Reason: cmp.Or(f.Reason, event.DroppedByLambda), Records: f.DroppedRecords, Bytes: f.DroppedBytes})
	}
}

// observe takes a fact of the set-up. Of one that was somewhere else, as a snapshot's, or long ago, nothing but its type is kept: Lambda tells of
// it again in every environment (DataDog/datadog-lambda-extension#911).
func (e *environment) observe(f event.Fact, past bool) {
	if f.InitType != "" {
		e.initType = f.InitType
	}
	if f.Instance != "" {
		e.instance = f.Instance
	}
	switch {
	case f.Kind == event.FactRestoreDone && !past:
		e.init = &event.Init{Type: initSnapStart, Phase: initSnapStart, Restore: f.Duration}
	case f.Kind == event.FactInitReport && !past && !waitsForNobody(f.InitType):
		e.init = &event.Init{Type: f.InitType, Phase: f.Phase, Duration: f.Duration}
	}
}

func waitsForNobody(initType string) bool {
	return initType == initProvisioned || initType == initManaged || initType == initSnapStart
}

// runtimeDone takes the end of an invocation. A second one corrects the first if that told of a success: Lambda tells so when an extension fails
// an invocation after its handler was done.
func (j *joiner) runtimeDone(f event.Fact, past bool) {
	a := j.attemptAt(f, past)
	if a == nil {
		if a = j.memory.last(f.ID); a == nil || a.given != nobody || a.platform.Status != statusSuccess || f.Status == statusSuccess {
			return
		}
	}
	p := &a.platform
	p.Done, p.Status, p.ErrorType = f.Time, f.Status, f.ErrorType
	if f.Duration > 0 {
		p.Duration = min(f.Duration, longest)
	}
	if f.Produced > 0 {
		p.Produced = f.Produced
	}
	j.fill(a, f)
}

// fill notes what any fact may tell of an attempt.
func (j *joiner) fill(a *attempt, f event.Fact) {
	if a.Trace == "" {
		a.Trace = f.Trace
	}
	if a.tenant == "" {
		a.tenant = f.Tenant
	}
}

// afterDeadline is how long after an attempt's deadline Lambda may make a fact of it: two seconds of SHUTDOWN, and some more. The next attempt comes a minute later.
const afterDeadline = 10 * time.Second

// attemptAt gives the attempt that a fact tells of: the oldest that lacks it, of those that had time for it if there are any, since Lambda tells of attempts in their order. It is nil where the fact was told
// before, or is of an invocation that was given long ago.
func (j *joiner) attemptAt(f event.Fact, past bool) *attempt {
	if f.ID == "" {
		return nil
	}
	lacks := func(a *attempt) bool {
		p := &a.platform
		switch f.Kind {
		case event.FactStart:
			return p.Start.IsZero() && (p.Done.IsZero() || !p.Done.Before(f.Time))
		case event.FactDone:
			return p.Done.IsZero() && !f.Time.Before(p.Start)
		}
		return p.Report == nil && !f.Time.Before(p.Start) && !f.Time.Before(p.Done)
	}
	a := j.memory.first(f.ID, func(a *attempt) bool { return lacks(a) && !f.Time.After(a.Deadline.Add(afterDeadline)) })
	if a == nil {
		a = j.memory.first(f.ID, lacks)
	}
	// The invocation that a new life begins with has begun before it, as Lambda sees it.
	ofThisLife := !past || a != nil && (f.Kind == event.FactStart && a.announced || !a.platform.Start.IsZero())
	last := j.memory.last(f.ID)
	switch {
	case !ofThisLife:
		return j.pastAttempt(f.ID)
	case a != nil:
		return a
	case last == nil && j.memory.isGone(f.ID):
		return nil
	case last != nil && (f.Kind != event.FactStart || !last.platform.Start.Before(f.Time)):
		return nil // told before
	case j.memory.isCrowded(f.ID):
		j.lose("", event.Loss{Reason: LossTooManyTold, Records: 1})
		return nil
	}
	return j.attempted(f.ID)
}

// pastAttempt gives the memory of an attempt of an earlier life, whose records may still be in the spool.
func (j *joiner) pastAttempt(id string) *attempt {
	a := j.past[id]
	if a == nil && len(j.past) < MaxRecent {
		a = &attempt{Announcement: Announcement{ID: id}}
		j.past[id] = a
	}
	return a
}

// attempted begins an attempt.
func (j *joiner) attempted(id string) *attempt {
	a, dropped := j.memory.add(id)
	if dropped != nil && dropped.told() {
		j.lose("", event.Loss{Reason: LossTooManyTold, Records: 1})
	}
	a.first = !j.memory.begun
	j.memory.begun = true
	return a
}

// tell begins drafts of the invocations of which only Lambda told, now that all files were looked at. It returns true if there are more of them
// than a round takes.
func (j *joiner) tell(final bool) (more bool) {
	var newest time.Time // start
	for _, a := range j.memory.pending {
		if a.platform.Start.After(newest) {
			newest = a.platform.Start
		}
	}
	for _, a := range j.memory.pending {
		if !j.isTold(a, newest, final) {
			continue
		}
		if len(j.drafts) >= MaxInvocations {
			return true
		}
		d := j.latest[draftKey{id: a.ID}]
		if d == nil || d.main || d.told {
			d = j.begun(a.ID, life{})
		}
		d.told, d.attempt = true, a
	}
	return false
}

// claim settles which attempts the hooks' records are of: the one with their deadline, even if it was given already, else the oldest of which nobody told. All
// that a deadline can tell are settled first, so that records without one take nobody's place.
func (j *joiner) claim() {
	for _, d := range j.drafts {
		if d.awaitsClaim() && !d.Deadline.IsZero() {
			j.claimFor(d, func(a *attempt) bool { return (!a.claimed || a.given != nobody) && a.Deadline.Equal(d.Deadline) })
		}
	}
	for _, d := range j.drafts {
		if d.awaitsClaim() {
			j.claimFor(d, func(a *attempt) bool { return !a.claimed && a.given == nobody })
		}
	}
}

// awaitsClaim tells whether a draft is a hook's of this life, and its attempt not settled.
func (d *draft) awaitsClaim() bool { return d.main && !d.life.past && d.attempt == nil }

func (j *joiner) claimFor(d *draft, fits func(*attempt) bool) {
	if d.attempt = j.memory.first(d.ID, fits); d.attempt != nil {
		d.attempt.claimed = true
	}
}

// isTold tells whether an attempt is over and no hook will tell of it. A hook writes before the handler is called, so its file is there when Lambda
// tells of the end, whatever is in it.
func (j *joiner) isTold(a *attempt, newestStart time.Time, final bool) bool {
	switch {
	case a.given != nobody || a.claimed:
		return false
	case final:
		// Of one that was announced and no more, the environment's end tells how it ended, if that is why it ends.
		return !a.platform.Start.IsZero() || a.announced && (a.ended() || a.ID == j.current && isFailure(j.reason))
	case a.platform.Start.IsZero() && !a.announced: // of an earlier life, or nothing that could be shown
		return false
	case a.ended() && !j.growing[fileName(a.ID)]:
		return true
	case a.ended() && a.ID != j.current, !j.isConcurrent() && a.platform.Start.Before(newestStart) && !a.platform.Start.IsZero():
		// The file is a child's that lives on, or there is another invocation already although nobody told of this one's end. What may only be late
		// is given until the next Collect.
		waited := a.over
		a.over = true
		return waited
	}
	return false
}

// fileName is how an invocation is called in the names of its files.
func fileName(id string) string {
	if spool.IsInvocation(id) {
		return id
	}
	return spool.InvocationNone
}

func (j *joiner) isConcurrent() bool { return j.concurrent || j.environment.initType == initManaged }

// isFailure tells whether the environment ends because an invocation did not end as it should.
func isFailure(reason string) bool {
	return strings.EqualFold(reason, reasonTimeout) || strings.EqualFold(reason, reasonFailure)
}

package intake

import (
	"slices"
	"sort"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// A waitingLine is a line of the log that has no invocation yet.
type waitingLine struct {
	event.Line
	id   string // request id, if Lambda told it
	past bool   // of an earlier life
}

// keepLine takes a line of the log. Which invocation it is of can be told once the facts around it are known.
func (j *joiner) keepLine(f event.Fact, past bool) {
	if size := f.Line.Len(); size <= MaxLineBytes {
		for j.linesKept >= MaxLines || j.lineBytes+size > MaxLineBytes {
			j.dropLines()
		}
	} else {
		j.lose(f.ID, event.Loss{Reason: LossTooManyLines, Records: 1, Bytes: int64(size)})
		return
	}
	j.linesKept++
	j.lineBytes += f.Line.Len()
	j.lines = append(j.lines, waitingLine{event.Line{Time: f.Time, Level: f.Level, Body: f.Line, Truncated: f.LineTruncated}, f.ID, past})
}

// dropLines drops the oldest lines, an eighth of all, so that finding them is rarely done. What was printed last tells why something failed.
func (j *joiner) dropLines() {
	attempts := slices.Concat(j.memory.recent, j.memory.pending)
	for _, a := range j.past {
		attempts = append(attempts, a)
	}
	times := make([]time.Time, 0, j.linesKept)
	for _, l := range j.lines {
		times = append(times, l.Time)
	}
	for _, l := range j.stray {
		times = append(times, l.Time)
	}
	for _, a := range attempts {
		for _, l := range a.lines {
			times = append(times, l.Time)
		}
	}
	if len(times) == 0 { // those that are counted went with their attempts
		j.linesKept, j.lineBytes = 0, 0
		return
	}
	slices.SortFunc(times, time.Time.Compare)
	left := max(1, len(times)/8)
	newest := times[left-1] // of those that go
	goes := func(id string, l event.Line) bool {
		if left == 0 || l.Time.After(newest) {
			return false
		}
		left--
		j.linesKept--
		j.lineBytes -= l.Body.Len()
		j.lose(id, event.Loss{Reason: LossTooManyLines, Records: 1, Bytes: int64(l.Body.Len())})
		return true
	}
	j.stray = slices.DeleteFunc(j.stray, func(l event.Line) bool { return goes("", l) })
	for _, a := range attempts {
		a.lines = slices.DeleteFunc(a.lines, func(l event.Line) bool { return goes(a.ID, l) })
	}
	j.lines = slices.DeleteFunc(j.lines, func(l waitingLine) bool { return goes(l.id, l.Line) })
}

// placeLines gives every line to its attempt: by its request id, else by its time. Lines and other facts come on different ways and in any order. What was
// printed before the first invocation waits for it.
func (j *joiner) placeLines(final bool) {
	if len(j.lines) == 0 {
		return
	}
	line, orphan := j.timeline(), j.orphan()
	var wait []waitingLine
	for _, l := range j.lines {
		a := j.attemptOf(l, line, orphan)
		switch {
		case a != nil:
			a.lines = append(a.lines, l.Line)
		case final || len(line) > 0:
			j.stray = append(j.stray, l.Line)
		default:
			wait = append(wait, l)
		}
	}
	j.lines = wait
}

// timeline gives the attempts whose start is known, in the order of their starts.
func (j *joiner) timeline() []*attempt {
	all := slices.Concat(j.memory.recent, j.memory.pending)
	all = slices.DeleteFunc(all, func(a *attempt) bool { return a.begin().IsZero() })
	sort.SliceStable(all, func(a, b int) bool { return all[a].begin().Before(all[b].begin()) })
	return all
}

// begin is when an attempt began, as well as that is known.
func (a *attempt) begin() time.Time {
	if !a.platform.Start.IsZero() {
		return a.platform.Start
	}
	return a.At
}

// end is when an attempt ended, as well as that is known; zero if it runs.
func (a *attempt) end() time.Time {
	if p := &a.platform; p.Done.IsZero() && p.Report != nil {
		return a.begin().Add(p.Report.Duration)
	}
	return a.platform.Done
}

// attemptOf gives the attempt that a line belongs to; nil if nobody can tell. In an environment that runs one invocation at a time it is the last that had begun, even if
// its end was told before: a thread may go on, and a line is stamped when Lambda reads it. What stands before all of them was printed by the set-up, which is
// the first invocation's.
func (j *joiner) attemptOf(l waitingLine, timeline []*attempt, orphan *attempt) *attempt {
	if a := j.memory.last(l.id); a != nil && l.id != "" {
		if b := j.memory.first(l.id, func(a *attempt) bool { return !a.platform.Done.IsZero() && !l.Time.After(a.platform.Done) }); b != nil {
			return b
		}
		return a
	}
	if a := j.past[l.id]; a != nil {
		return a
	}
	if l.past && (len(timeline) == 0 || l.Time.Before(timeline[0].begin())) {
		return orphan
	}
	n := sort.Search(len(timeline), func(n int) bool { return timeline[n].begin().After(l.Time) })
	if !j.isConcurrent() {
		if n > 0 {
			return timeline[n-1]
		}
		if len(timeline) > 0 && timeline[0].first {
			return timeline[0]
		}
		return nil
	}
	var running *attempt
	for _, a := range timeline[max(0, n-mostConcurrent):n] {
		if end := a.end(); !end.IsZero() && end.Before(l.Time) {
			continue
		}
		if running != nil {
			return nil // whose of them it is, the line does not say
		}
		running = a
	}
	return running
}

// orphan gives the one invocation of an earlier life that something is known of; nil if there are none or several.
func (j *joiner) orphan() *attempt {
	for _, d := range j.drafts {
		if d.main && d.life.past {
			j.pastAttempt(d.ID)
		}
	}
	if len(j.past) > 1 {
		return nil
	}
	for _, one := range j.past {
		return one
	}
	return nil
}

// mostConcurrent is how far back in an environment that runs several invocations at a time is looked for those that ran at some moment.
const mostConcurrent = 64

// takeLines gives the lines of an attempt, in the order of their times.
func (j *joiner) takeLines(a *attempt) []event.Line {
	lines := a.lines
	a.lines = nil
	j.released(lines)
	sort.SliceStable(lines, func(a, b int) bool { return lines[a].Time.Before(lines[b].Time) })
	return lines
}

func (j *joiner) released(lines []event.Line) {
	j.linesKept -= len(lines)
	for _, l := range lines {
		j.lineBytes -= l.Body.Len()
	}
}

// lateLines gives what came for invocations that were given before, and what is of no invocation that anybody knows.
func (j *joiner) lateLines(final bool) (out []event.Invocation) {
	for _, a := range j.memory.recent {
		if len(a.lines) > 0 {
			out = append(out, a.late(j.takeLines(a)))
		}
	}
	for _, a := range j.past {
		if len(a.lines) > 0 && (final || a.given != nobody) {
			out = append(out, a.late(j.takeLines(a)))
		}
	}
	if final {
		for _, a := range j.memory.pending { // with lines, and with nothing else that could be shown
			if len(a.lines) > 0 {
				out = append(out, a.late(j.takeLines(a)))
			}
		}
	}
	if len(j.stray) > 0 {
		j.released(j.stray)
		out = append(out, event.Invocation{ID: spool.InvocationNone, Late: true, Process: j.ownProcess(), Lines: j.stray})
		j.stray = nil
	}
	return out
}

// late is what an invocation that was given before is given with.
func (a *attempt) late(lines []event.Line) event.Invocation {
	inv := newInvocation(a.ID)
	inv.ARN, inv.Trace, inv.Tenant, inv.Deadline, inv.Process = a.ARN, a.Trace, a.tenant, a.Deadline, a.process
	inv.Late, inv.Lines, inv.Attempt = true, lines, a.named
	return inv
}

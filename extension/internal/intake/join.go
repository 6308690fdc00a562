package intake

import (
	"cmp"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// A joiner puts records together: the two halves of a call, the files of an invocation. What waits for its other half waits in it
// from round to round.
type joiner struct {
	memory      memory
	past        map[string]*attempt // what Lambda tells of attempts of an earlier life
	current     string              // id of the invocation announced last
	turn        int                 // how many were announced: a second attempt has the id of the first
	born        time.Time           // of this life
	reason      string              // why the environment ends, if it does
	concurrent  bool
	noHeaders   bool
	environment environment
	hooked      event.Process   // the process that last told of an invocation
	growing     map[string]bool // invocations with a file that may still grow
	left        map[life]bool   // processes that are gone, as this round found

	drafts []*draft
	latest map[draftKey]*draft
	inits  map[life]*draft // what a process did before its first invocation

	waiting []*openCall // calls without an end, in the order of their starts
	open    map[callKey]*openCall
	spare   *openCall // one that was closed and that nobody knows any more

	losses []placedLoss
	kept   int // calls in drafts
	usual  int // calls of an invocation: as many as the last one had

	lines                []waitingLine
	stray                []event.Line // of no invocation that anybody knows
	linesKept, lineBytes int          // of lines that were not given yet

	file    file          // being read
	process event.Process // that wrote it
}

// A life is a process: ids of processes come again after a reset.
type life struct {
	pid  int
	past bool
}

type callKey struct {
	life
	id string
}

// A draftKey finds the newest draft of an invocation. One of an earlier life is another attempt.
type draftKey struct {
	id   string
	past bool
}

// A draft is an invocation that is being put together.
type draft struct {
	event.Invocation
	life     life
	source   fileKey   // file in which start or end stood
	others   []fileKey // files in which its calls stood
	gone     bool      // one of those was released: what it told is here alone
	main     bool      // start or end was seen
	ended    bool      // end was seen
	complete bool      // source will not grow any more
	renamed  bool      // source says that the invocation ended, even if its last record did not make it
	since    int       // the turn in which the draft began
	records  int       // of start and end that were seen
	attempt  *attempt  // that it is of, once that is settled
	told     bool      // Lambda told that it is over, and no hook will
	given    bool
}

// An openCall is a call whose end was not seen yet.
type openCall struct {
	event.Call
	key     callKey
	inv     string   // target; see place
	draft   *draft   // of the attempt that it was begun in, if there was one yet
	attempt *attempt // else that attempt itself, of this life
	since   int      // turn
	source  fileKey  // file in which its start stood
	gone    bool     // that was released
	held    bool     // over a round, its content copied
	missing bool     // its end may be among what the hook left out
}

// mostUsual bounds the room that is made for calls before there are any.
const mostUsual = 64

// A placedLoss is a loss and the invocation that it belongs to.
type placedLoss struct {
	inv string
	event.Loss
}

func newJoiner() joiner {
	return joiner{
		memory: newMemory(), past: map[string]*attempt{},
		latest: map[draftKey]*draft{}, inits: map[life]*draft{}, open: map[callKey]*openCall{}, left: map[life]bool{},
	}
}

// announce begins an attempt, unless Lambda told of it already.
func (j *joiner) announce(a Announcement) {
	j.current = a.ID
	j.turn++
	b := j.memory.first(a.ID, func(b *attempt) bool { return !a.Deadline.IsZero() && b.Deadline.Equal(a.Deadline) })
	if b == nil {
		b = j.memory.first(a.ID, func(b *attempt) bool { return !b.announced && b.given == nobody && !b.platform.Start.IsZero() })
	}
	if b == nil {
		b = j.attempted(a.ID)
	}
	a.Trace = cmp.Or(a.Trace, b.Trace)
	b.Announcement, b.announced = a, true
}

// begin says which file the following records are from.
func (j *joiner) begin(f file) {
	j.file = f
	j.process = event.Process{PID: f.name.PID}
	if f.whole {
		for _, d := range j.drafts {
			if d.main && d.source == keyOf(f.name) {
				d.complete = true
				d.renamed = f.name.State == spool.StateDone
			}
		}
	}
}

// add takes one record. It never fails; the error is spool.Read's to have.
func (j *joiner) add(r spool.Record) error {
	switch r.Kind {
	case spool.KindProcess:
		if p := r.Process; p != nil {
			j.process = event.Process{PID: p.PID, Runtime: p.Runtime, Version: p.Version, Hook: p.Hook, Env: p.Env}
		}
	case spool.KindInvocationStart:
		j.start(r)
	case spool.KindInvocationEnd:
		j.end(r)
	case spool.KindInitError:
		if d := j.draft(j.place(r.Invocation), j.writer()); d != nil {
			d.Error = errorOf(r.Error)
			d.Start = time.UnixMicro(r.Time)
		}
	case spool.KindCallStart:
		j.callStart(r)
	case spool.KindCallEnd:
		j.callEnd(r)
	case spool.KindLoss:
		j.leftOut(r)
		j.lose(r.Invocation, event.Loss{Reason: reasonOf(r.Reason), Records: r.Records, Bytes: r.Bytes})
	}
	return nil
}

// place says where a record of inv belongs: an invocation's id, or init.
func (j *joiner) place(inv string) string {
	for _, id := range []string{inv, j.file.name.Invocation, j.current} {
		if id != "" && id != spool.InvocationNone {
			return id
		}
	}
	return spool.InvocationInit
}

// writer is the process that the file being read is of.
func (j *joiner) writer() life { return life{j.file.name.PID, j.file.past} }

// draft finds or begins the draft for id, which place gave: what l did before its first invocation if that is init. It gives nil if
// there are more than anyone could have run.
func (j *joiner) draft(id string, l life) *draft {
	if id == spool.InvocationInit {
		d := j.inits[l]
		if d == nil {
			d = &draft{Invocation: newInvocation(id), life: l, since: j.turn}
			d.Process = j.process
			j.inits[l] = d
		}
		return d
	}
	if d := j.latest[draftKey{id, l.past}]; d != nil {
		return d
	}
	if len(j.drafts) >= MaxInvocations {
		return nil
	}
	return j.begun(id, l)
}

func (j *joiner) begun(id string, l life) *draft {
	d := &draft{Invocation: newInvocation(id), life: l, since: j.turn}
	j.drafts = append(j.drafts, d)
	j.latest[draftKey{id, l.past}] = d
	return d
}

func newInvocation(id string) event.Invocation {
	nothing := event.Body{Size: -1}
	return event.Invocation{ID: id, Event: nothing, Response: nothing}
}

// start begins an invocation. One with the same id that has begun before was another attempt at it.
func (j *joiner) start(r spool.Record) {
	d := j.draft(j.place(r.Invocation), j.writer())
	if d == nil {
		j.lose("", event.Loss{Reason: LossTooMany, Records: 1, Bytes: int64(len(r.Body))})
		return
	}
	if d.main {
		d = j.begun(d.ID, j.writer())
	}
	j.isMain(d)
	d.records++
	d.ARN, d.Trace, d.Tenant = r.ARN, r.Trace, r.Tenant
	if r.Deadline > 0 {
		d.Deadline = time.UnixMilli(r.Deadline)
	}
	d.Start = time.UnixMicro(r.Time)
	d.Cold = r.Cold
	d.Event = bodyOf(r, spool.PartEvent)
}

func (j *joiner) end(r spool.Record) {
	d := j.draft(j.place(r.Invocation), j.writer())
	if d == nil {
		j.lose("", event.Loss{Reason: LossTooMany, Records: 1, Bytes: int64(len(r.Body))})
		return
	}
	if !d.main {
		d.Start = time.UnixMicro(r.Time).Add(-micros(r.Duration))
		j.isMain(d)
	}
	d.ended = true
	d.records++
	d.Duration = micros(r.Duration)
	d.Error = errorOf(r.Error)
	d.ResponseStatus = r.Status
	d.Streaming = r.Streaming
	d.Response = bodyOf(r, spool.PartResponse)
}

// isMain says that the file being read is of the process that runs the handler.
func (j *joiner) isMain(d *draft) {
	d.main = true
	d.life = j.writer()
	d.source = keyOf(j.file.name)
	d.complete = j.file.whole
	d.renamed = j.file.name.State == spool.StateDone
	d.Process = j.process
}

func (j *joiner) callStart(r spool.Record) {
	key := callKey{j.writer(), r.Call}
	if c := j.open[key]; c != nil { // the id was used before: a process with the same id, and this call's end is lost
		j.close(c)
	}
	inv := j.place(r.Invocation)
	if len(j.open) >= MaxCalls {
		j.lose(inv, event.Loss{Reason: LossTooMany, Records: 1, Bytes: int64(len(r.Body))})
		return
	}
	c := j.spare
	if c == nil {
		c = new(openCall)
	}
	j.spare = nil
	*c = openCall{key: key, inv: inv, since: j.turn, source: keyOf(j.file.name), Call: event.Call{
		ID: r.Call, Library: r.Library, Method: r.Method, URL: event.TextOf(r.URL), Resend: r.Resend,
		Start: time.UnixMicro(r.Time), Open: true, Sent: spanOf(r.Span),
		RequestHeaders: headersOf(r.Headers), Request: bodyOf(r, spool.PartRequest), Response: event.Body{Size: -1},
	}}
	c.draft = j.latest[draftKey{inv, key.past}]
	if c.draft == nil && !key.past {
		c.attempt = j.memory.last(inv)
	}
	j.open[key] = c
	j.waiting = append(j.waiting, c)
}

func (j *joiner) callEnd(r spool.Record) {
	c := j.open[callKey{j.writer(), r.Call}]
	if c == nil {
		j.lose(r.Invocation, event.Loss{Reason: LossOrphanEnd, Records: 1, Bytes: int64(len(r.Body))})
		return
	}
	c.Open = false
	if c.Sent.IsZero() {
		c.Sent = spanOf(r.Span)
	}
	c.Status, c.Protocol, c.Peer, c.Partial = r.Status, r.Protocol, r.Peer, r.Partial
	c.FirstByte, c.Duration = micros(r.FirstByte), micros(r.Duration)
	c.Error = errorOf(r.Error)
	c.ResponseHeaders = headersOf(r.Headers)
	if sent := r.SentHeaders(); len(sent) > 0 {
		c.RequestHeaders = headersOf(sent)
	}
	if b := bodyOf(r, spool.PartRequest); !b.Data.IsZero() {
		c.Request = b
	}
	c.Response = bodyOf(r, spool.PartResponse)
	if c.Method == "" && c.Status == 0 && c.Error == nil && !c.Partial { // FORMAT.md: a connection that was made, and no request
		delete(j.open, c.key)
	} else {
		j.close(c)
	}
	if last := len(j.waiting) - 1; last >= 0 && j.waiting[last] == c { // the usual case: one call after the other
		j.waiting, j.spare = j.waiting[:last], c
	}
}

// leftOut notes that the ends of calls that are open may be among the records that a hook has not written. A killed process tells no losses: what it was
// waiting for is not doubted.
func (j *joiner) leftOut(r spool.Record) {
	switch r.Reason {
	case lossInvocationFull, lossSpoolFull, lossWriteFailed, lossTooLarge:
	default:
		return
	}
	for _, c := range j.waiting {
		if c.key.life == j.writer() && r.Records > 0 {
			c.missing = true
		}
	}
}

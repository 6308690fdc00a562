package telemetry

import "time"

// mostInvocations are remembered. There is one at a time, and an end that comes later than those of so many others interests nobody.
const mostInvocations = 64

// Phases of an init (TELSCH InitPhase): one that was made for a snapshot, and one that is made anew within an invocation.
const (
	phaseSnapStart = "snap-start"
	phaseInvoke    = "invoke"
)

// ends tells which platform.runtimeDone is the end of which attempt. The zero value is ready.
//
// A request id is not enough: an invocation that failed is tried again under the same id (LRE, asynchronous invocation), often in the same
// environment, and its first end is still known then, or even still on its way. What orders them is the stream: each attempt has
// a platform.start before its platform.runtimeDone (TELSCH). So the n-th INVOKE of an id ends with the first runtimeDone after the
// n-th start of that id. No clock is asked: an end may be known before this process has got round to the INVOKE, and clocks step.
//
// What is lost or doubled on the way must do no harm. What comes twice is known by its time. A runtimeDone whose start is missing is the end of
// the attempt that has begun and has none; a further one of the same attempt, as Lambda tells when an extension fails it after its end, is
// nothing. And what an earlier life of the environment had left to tell comes before this life's platform.initStart, which forgets it.
//
// It also tells what Lambda still owes: the last thing that it tells of an attempt is its report.
type ends struct {
	order []string // oldest first
	byID  map[string]*attempts
	last  string // id of the last INVOKE, which is not forgotten for others
	setUp bool   // the set-up of this life has begun, and it, or the invocation that it was begun for, was not reported yet
}

// attempts are those of one id.
type attempts struct {
	begun    int // INVOKEs
	started  int // platform.start
	ended    int // attempts up to this one have ended
	reported int // and up to this one were reported

	startedAt, doneAt, reportedAt time.Time // as the last of each told

	waiting chan struct{} // nil until somebody waits
	attempt int           // that waiting is for
}

func (e *ends) began(id string) {
	e.last = id
	e.of(id).begun++
}

func (e *ends) started(id string, at time.Time) {
	a := e.of(id)
	if a.started > 0 && a.startedAt.Equal(at) {
		return
	}
	a.started++
	a.startedAt = at
}

func (e *ends) done(id string, at time.Time) {
	a := e.of(id)
	switch {
	case a.ended > 0 && a.doneAt.Equal(at):
		return
	case a.started == a.ended && (a.begun > a.ended || a.started == 0):
		a.started++ // its start is missing
	}
	a.ended = a.started
	a.doneAt = at
	a.tell()
}

func (e *ends) report(id string, at time.Time) {
	a := e.of(id)
	if a.reported > 0 && a.reportedAt.Equal(at) {
		return
	}
	a.reported = max(a.reported+1, a.ended)
	a.reportedAt = at
	e.setUp = false
}

// restart forgets what came so far: the init of this life has begun. That of a snapshot is told again after each restore and begins none.
func (e *ends) restart(phase string) {
	if phase == phaseSnapStart {
		return
	}
	for _, a := range e.byID {
		a.started, a.ended, a.reported = 0, 0, 0
	}
	e.setUp = true
}

// isSetUp notes that a set-up was reported. One that an invocation waits for is followed by that invocation, whether or not it fails it.
func (e *ends) isSetUp(phase string) {
	if phase != phaseInvoke {
		e.setUp = false
	}
}

// owes tells whether something has begun that Lambda has not reported yet. What only Lambda told of interests once there is no INVOKE: a set-up that failed ends the
// environment without one.
func (e *ends) owes() bool {
	if a := e.byID[e.last]; a != nil && a.begun > 0 {
		return a.reported < a.begun
	}
	return e.setUp
}

// wait gives the channel of the last attempt.
func (e *ends) wait(id string) <-chan struct{} {
	a := e.of(id)
	if attempt := max(a.begun, 1); a.waiting == nil || a.attempt != attempt {
		a.waiting, a.attempt = make(chan struct{}), attempt
	}
	a.tell()
	return a.waiting
}

// tell closes the channel of whoever waits, if it is time.
func (a *attempts) tell() {
	if a.waiting != nil && a.ended >= a.attempt && !isClosed(a.waiting) {
		close(a.waiting)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// of finds the attempts of an id.
func (e *ends) of(id string) *attempts {
	if a := e.byID[id]; a != nil {
		return a
	}
	if e.byID == nil {
		e.byID = map[string]*attempts{}
	}
	if len(e.order) >= mostInvocations {
		oldest := 0
		if e.order[0] == e.last {
			oldest = 1
		}
		delete(e.byID, e.order[oldest])
		e.order = append(e.order[:oldest], e.order[oldest+1:]...)
	}
	a := &attempts{}
	e.byID[id] = a
	e.order = append(e.order, id)
	return a
}

package lambdalocal

import (
	"fmt"
	"slices"
	"time"
)

// runtimeState is the state machine of a runtime in the Runtime API (RIE core/states.go). Its names are
// those that appear in error messages.
//
// The runtime of a managed instance has several events at once, each with a state of its own, and the
// machine stays in Ready (RIE-LMI core/states.go, invoke/running_invoke.go).
type runtimeState struct {
	name        string
	managed     bool
	pending     []*invocation // to be taken by the runtime's next, oldest first
	taken       *invocation   // the last one that was
	readyAt     time.Time     // when it last became ready
	initFailure *failure      // what it told by init/error

	restoreFailure *failure // what it told by restore/error
}

const (
	runtimeStarted       = "Started"
	runtimeInitError     = "InitError"
	runtimeRestoreReady  = "RestoreReady"
	runtimeRestoring     = "Restoring"
	runtimeRestoreError  = "RuntimeRestoreErrorState"
	runtimeReady         = "Ready"
	runtimeRunning       = "Running"
	runtimeResponse      = "InvocationResponse"
	runtimeErrorResponse = "InvocationErrorResponse"
	runtimeResponseSent  = "RuntimeResponseSentState"
)

// transitionError is a state machine's refusal, in RAPID's words.
type transitionError struct{ from, to, who string }

func (e *transitionError) Error() string {
	return fmt.Sprintf("State transition from %s to %s failed for %s. Error: State transition is not allowed", e.from, e.to, e.who)
}

// next takes a runtime that asks for work to Ready. A runtime that asks again before it has answered
// gets the same event again, as in RAPID, where Running accepts next without a change.
// It tells whether the runtime has become ready by it.
func (s *runtimeState) next(now time.Time) (became bool, err error) {
	switch s.name {
	case runtimeStarted, runtimeRestoring, runtimeResponseSent:
		s.name, s.readyAt = runtimeReady, now
		return true, nil
	case runtimeReady, runtimeRunning:
		return false, nil
	}
	return false, s.refuse(runtimeReady)
}

// take gives the oldest waiting event to the runtime, or the one that it has already and asks for again.
func (s *runtimeState) take() *invocation {
	if s.name == runtimeRunning {
		return s.taken
	}
	if len(s.pending) == 0 {
		return nil
	}
	in := s.pending[0]
	s.pending, s.taken = s.pending[1:], in
	s.move(in, runtimeRunning)
	return in
}

// respond begins a response or an error response.
func (s *runtimeState) respond(in *invocation, to string) error {
	at := s.name
	if s.managed {
		at = in.state
	}
	// On a managed instance an error breaks a response that is on its way (RIE-LMI invoke/running_invoke.go).
	breaks := s.managed && at == runtimeResponse && to == runtimeErrorResponse
	if at != runtimeRunning && !breaks {
		return &transitionError{at, to, "runtime"}
	}
	s.move(in, to)
	return nil
}

// sent ends a response.
func (s *runtimeState) sent(in *invocation) { s.move(in, runtimeResponseSent) }

func (s *runtimeState) move(in *invocation, to string) {
	in.state = to
	if !s.managed {
		s.name = to
	}
}

// forget drops an event that nobody waits for any more.
func (s *runtimeState) forget(in *invocation) {
	s.pending = slices.DeleteFunc(s.pending, func(p *invocation) bool { return p == in })
}

func (s *runtimeState) initError() error {
	if s.name != runtimeStarted {
		return s.refuse(runtimeInitError)
	}
	s.name = runtimeInitError
	return nil
}

// initialised tells whether the runtime's init is over: it waits for an event, or for its restore. A runtime
// that asks for an event at once has no interest in being restored.
func (s *runtimeState) initialised() bool {
	return s.name == runtimeReady || s.name == runtimeRestoreReady
}

// restoreNext says that the runtime can be frozen. Only its init ends in it; a refusal names the wrong state
// (RIE rapi/handler/restorenext.go).
func (s *runtimeState) restoreNext() error {
	if s.name != runtimeStarted {
		return s.refuse(runtimeReady)
	}
	s.name = runtimeRestoreReady
	return nil
}

// restore lets a runtime go on that waits for it.
func (s *runtimeState) restore() {
	if s.name == runtimeRestoreReady {
		s.name = runtimeRestoring
	}
}

func (s *runtimeState) restoreError(f *failure) error {
	if s.name != runtimeRestoring {
		return s.refuse(runtimeRestoreError)
	}
	s.name, s.restoreFailure = runtimeRestoreError, f
	return nil
}

func (s *runtimeState) refuse(to string) error {
	return &transitionError{s.name, to, "runtime"}
}

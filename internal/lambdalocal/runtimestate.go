package lambdalocal

import (
	"fmt"
	"time"
)

// runtimeState is the state machine of a runtime in the Runtime API (RIE core/states.go). Its names are
// those that appear in error messages.
type runtimeState struct {
	name        string
	pending     *invocation // to be taken by the runtime's next
	readyAt     time.Time   // when it last became ready
	initFailure *failure    // what it told by init/error
}

const (
	runtimeStarted       = "Started"
	runtimeInitError     = "InitError"
	runtimeReady         = "Ready"
	runtimeRunning       = "Running"
	runtimeResponse      = "InvocationResponse"
	runtimeErrorResponse = "InvocationErrorResponse"
	runtimeResponseSent  = "RuntimeResponseSent"
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
	case runtimeStarted, runtimeResponseSent:
		s.name, s.readyAt = runtimeReady, now
		return true, nil
	case runtimeReady, runtimeRunning:
		return false, nil
	}
	return false, s.refuse(runtimeReady)
}

// take gives the waiting event to the runtime.
func (s *runtimeState) take() *invocation {
	in := s.pending
	if in != nil {
		s.name, s.pending = runtimeRunning, nil
	}
	return in
}

// respond begins a response or an error response.
func (s *runtimeState) respond(to string) error {
	if s.name != runtimeRunning {
		return s.refuse(to)
	}
	s.name = to
	return nil
}

// sent ends a response.
func (s *runtimeState) sent() { s.name = runtimeResponseSent }

func (s *runtimeState) initError() error {
	if s.name != runtimeStarted {
		return s.refuse(runtimeInitError)
	}
	s.name = runtimeInitError
	return nil
}

func (s *runtimeState) refuse(to string) error {
	return &transitionError{s.name, to, "runtime"}
}

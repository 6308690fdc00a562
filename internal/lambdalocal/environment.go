package lambdalocal

import (
	"context"
	"errors"
)

var errNotBuilt = errors.New("lambdalocal: not built yet")

// Environment is one execution environment: a runtime, its extensions, their files.
type Environment struct{}

// Start makes an environment and runs its init phase.
func Start(ctx context.Context, fn Function, opt Options) (*Environment, error) {
	return nil, errNotBuilt
}

// Invoke delivers an event and returns as soon as the runtime has posted its response; extensions
// may still be working then.
func (e *Environment) Invoke(ctx context.Context, in Invocation) (Result, error) {
	return Result{}, errNotBuilt
}

// Idle waits until the phase of the last invocation has ended and the environment is frozen.
func (e *Environment) Idle(ctx context.Context) error { return errNotBuilt }

// LastReport is the report of the last invocation whose phase has ended.
func (e *Environment) LastReport() Report { return Report{} }

// Close thaws the environment, shuts it down as Lambda does and leaves no process, mount or file.
func (e *Environment) Close(ctx context.Context) error { return errNotBuilt }

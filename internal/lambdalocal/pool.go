package lambdalocal

import "context"

// Pool runs a function in up to a number of environments at once.
type Pool struct{}

// NewPool makes a pool of at most max environments. Options.Dir becomes the parent of theirs.
func NewPool(fn Function, opt Options, max int) *Pool { return &Pool{} }

// Invoke takes an idle environment, or starts one, or waits for one.
func (p *Pool) Invoke(ctx context.Context, in Invocation) (Result, error) {
	return Result{}, errNotBuilt
}

// Close shuts all environments down.
func (p *Pool) Close(ctx context.Context) error { return errNotBuilt }

package lambdalocal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Pool runs a function in up to a number of environments at once, as Lambda does: an invocation takes an
// idle environment, the one that was used last, or starts a new one, or waits. With Options.IdleLimit an
// environment that is idle for too long is shut down.
//
// With provisioned concurrency, the environments that Provision starts are the provisioned ones, and those
// that invocations start beside them are on demand. An environment of a managed instance takes as many
// invocations as Function.MaxConcurrency says, and is replaced once it has ended.
//
// An environment belongs to the tenant of its first invocation (reference 2.9: an environment is dedicated to a
// tenant). Where there is room for no other, an idle one of another tenant is shut down for an invocation.
type Pool struct {
	fn  Function
	opt Options

	slots  chan struct{} // one for every environment that exists or is being started
	closed chan struct{}
	work   sync.WaitGroup // invocations and the tails of their phases

	mu     sync.Mutex
	done   bool               // closed is closed, and work takes no more
	idle   []*idleEnvironment // one for every invocation that an environment can take
	all    []*Environment
	owners map[*Environment]string // the tenants of those that have been invoked
	freed  chan struct{}           // closed, and made anew, whenever an environment may have become idle
	number int
}

// NewPool makes a pool of at most max environments. Options.Dir becomes the parent of theirs.
func NewPool(fn Function, opt Options, max int) *Pool {
	return &Pool{
		fn: fn, opt: opt,
		slots: make(chan struct{}, max), closed: make(chan struct{}),
		owners: map[*Environment]string{}, freed: make(chan struct{}),
	}
}

// Invoke takes an idle environment, or starts one, or waits for one. Result.Init tells the time of an
// init that this invocation waited for.
//
// If ctx is done while it waits for an environment, the event is not delivered. Later, be it during the init of one
// that was started for it, Invoke returns and the invocation goes on, as Environment.Invoke says.
func (p *Pool) Invoke(ctx context.Context, in Invocation) (Result, error) {
	p.mu.Lock()
	if p.done {
		p.mu.Unlock()
		return Result{}, errClosed
	}
	p.work.Add(1)
	p.mu.Unlock()
	e, err := p.take(ctx, in.TenantID)
	if err != nil {
		p.work.Done()
		return Result{}, err
	}
	if e == nil {
		return p.invokeNew(ctx, in)
	}
	result, err := e.Invoke(ctx, in)
	tail := context.WithoutCancel(ctx)
	go func() {
		defer p.work.Done()
		p.giveBack(tail, e)
	}()
	return result, err
}

// invokeNew starts an environment in the slot that take has had, and invokes it, whether or not the caller waits for
// that.
func (p *Pool) invokeNew(ctx context.Context, in Invocation) (Result, error) {
	type answer struct {
		Result
		err error
	}
	stream, detach := detachable(in.Stream)
	defer detach()
	in.Stream = stream
	answers := make(chan answer, 1)
	whole := context.WithoutCancel(ctx)
	go func() {
		defer p.work.Done()
		e, err := p.start(whole, p.onDemand(), &in.TenantID)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		result, err := e.Invoke(whole, in)
		answers <- answer{result, err}
		p.giveBack(whole, e)
	}()
	select {
	case a := <-answers:
		return a.Result, a.err
	case <-ctx.Done():
		return Result{}, fmt.Errorf("wait for the answer of %s: %w", p.fn.Name, ctx.Err())
	}
}

// take returns an environment that is nobody else's; or none, and then the caller has a slot and starts one in it.
func (p *Pool) take(ctx context.Context, tenant string) (*Environment, error) {
	var gone <-chan struct{} // closed once an environment of another tenant has left its slot
	for {
		e, freed := p.popIdle(ctx, tenant)
		if e != nil {
			return e, nil
		}
		select {
		case <-p.closed: // rather than any of the others
			return nil, errClosed
		case p.slots <- struct{}{}:
			return nil, nil
		default:
		}
		if gone == nil {
			gone = p.makeRoom(ctx, tenant)
		}
		select {
		case <-p.closed:
			return nil, errClosed
		case <-freed: // look again
		case <-gone: // look again, and if another one was faster, make room once more
			gone = nil
		case p.slots <- struct{}{}:
			return nil, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for an environment of %s: %w", p.fn.Name, ctx.Err())
		}
	}
}

// onDemand is the function as an invocation starts it that found no environment.
func (p *Pool) onDemand() Function {
	fn := p.fn
	if fn.InitType == ProvisionedConcurrency {
		fn.InitType = OnDemand
	}
	return fn
}

// Provision starts environments ahead of any invocation, all at once, and returns when all have had their
// init. It is how provisioned concurrency begins, and a managed instance.
func (p *Pool) Provision(ctx context.Context, number int) error {
	failed := make(chan error, number)
	for range number {
		go func() { failed <- p.provision(ctx) }()
	}
	var err error
	for range number {
		err = errors.Join(err, <-failed)
	}
	return err
}

func (p *Pool) provision(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
	default:
		return fmt.Errorf("provision %s: the pool has its %d environments already", p.fn.Name, cap(p.slots))
	}
	e, err := p.start(ctx, p.fn, nil)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.makeIdle(e)
	return nil
}

// start starts an environment, for a tenant if one is given; the pool's end ends its init.
func (p *Pool) start(ctx context.Context, fn Function, tenant *string) (*Environment, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	opt := p.opt
	p.mu.Lock()
	p.number++
	if opt.Dir != "" {
		opt.Dir = filepath.Join(opt.Dir, fmt.Sprintf("env-%d", p.number))
	}
	p.mu.Unlock()
	e, err := Start(ctx, fn, opt)
	if err != nil {
		<-p.slots
		return nil, err
	}
	p.mu.Lock()
	late := p.done // Close closes what was in the list when it was called
	if !late {
		p.all = append(p.all, e)
		if tenant != nil {
			p.owners[e] = *tenant
		}
		for range e.fn.places() - 1 { // the first is the caller's
			p.makeIdle(e)
		}
	}
	p.mu.Unlock()
	if late {
		return nil, errors.Join(errClosed, e.Close(context.WithoutCancel(ctx)))
	}
	return e, nil
}

// giveBack waits for the end of an environment's phase and makes it idle.
func (p *Pool) giveBack(ctx context.Context, e *Environment) {
	if !e.fn.onInstances() {
		if err := e.Idle(ctx); err != nil {
			return // closed meanwhile
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.ended() && !p.done {
		p.discard(ctx, e)
		return
	}
	p.makeIdle(e)
}

// workLimit is how long Close waits, after all environments have ended, for those whose work was in them: nothing
// keeps them but this machine.
const workLimit = 5 * time.Second

// Close shuts all environments down at once, those with a running phase after its end or that of ctx.
// Invocations that still wait for an environment are refused.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.done {
		p.mu.Unlock()
		return nil
	}
	p.done = true
	close(p.closed)
	for _, e := range p.idle {
		e.keep()
	}
	all := slices.Clone(p.all)
	p.mu.Unlock()
	errs := make(chan error, len(all))
	for _, e := range all {
		go func() { errs <- e.Close(ctx) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-errs)
	}
	return errors.Join(err, p.awaitWork(ctx))
}

// awaitWork waits for the end of all that was begun, for ctx and a little longer.
func (p *Pool) awaitWork(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.work.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	limit := time.NewTimer(workLimit)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
		return fmt.Errorf("close the environments of %s: some work does not end: %w", p.fn.Name, ctx.Err())
	}
}

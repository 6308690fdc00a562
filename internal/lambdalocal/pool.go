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
type Pool struct {
	fn  Function
	opt Options

	slots  chan struct{} // one for every environment that exists or is being started
	free   chan struct{} // has a token whenever an environment may have become idle
	closed chan struct{}
	work   sync.WaitGroup // invocations and the tails of their phases

	mu     sync.Mutex
	done   bool               // closed is closed, and work takes no more
	idle   []*idleEnvironment // one for every invocation that an environment can take
	all    []*Environment
	number int
}

// idleEnvironment is an environment that nobody uses, once for each time that it has become so.
type idleEnvironment struct {
	*Environment
	limit *time.Timer // ends it; nil without a limit
}

// NewPool makes a pool of at most max environments. Options.Dir becomes the parent of theirs.
func NewPool(fn Function, opt Options, max int) *Pool {
	return &Pool{
		fn: fn, opt: opt,
		slots: make(chan struct{}, max), free: make(chan struct{}, max), closed: make(chan struct{}),
	}
}

// Invoke takes an idle environment, or starts one, or waits for one. Result.Init tells the time of an
// init that this invocation waited for.
func (p *Pool) Invoke(ctx context.Context, in Invocation) (Result, error) {
	p.mu.Lock()
	if p.done {
		p.mu.Unlock()
		return Result{}, errClosed
	}
	p.work.Add(1)
	p.mu.Unlock()
	e, err := p.take(ctx)
	if err != nil {
		p.work.Done()
		return Result{}, err
	}
	result, err := e.Invoke(ctx, in)
	tail := context.WithoutCancel(ctx)
	go func() {
		defer p.work.Done()
		p.giveBack(tail, e)
	}()
	return result, err
}

// take returns an environment that is nobody else's.
func (p *Pool) take(ctx context.Context) (*Environment, error) {
	for {
		if e := p.popIdle(ctx); e != nil {
			return e, nil
		}
		select {
		case <-p.closed:
			return nil, errClosed
		case <-p.free: // look again
		case p.slots <- struct{}{}:
			return p.start(ctx, p.onDemand())
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for an environment of %s: %w", p.fn.Name, ctx.Err())
		}
	}
}

func (p *Pool) popIdle(ctx context.Context) *Environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 && !p.done {
		e := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		e.keep()
		if !e.ended() {
			if len(p.idle) > 0 {
				p.signal() // for the next one that waits
			}
			return e.Environment
		}
		p.discard(ctx, e.Environment)
	}
	return nil
}

// makeIdle says that an environment can take an invocation. Only those that invocations have started are
// ended when nobody uses them. It is called under the lock.
func (p *Pool) makeIdle(e *Environment) {
	idle := &idleEnvironment{Environment: e}
	p.idle = append(p.idle, idle)
	if p.opt.IdleLimit > 0 && !p.done && (e.fn.InitType == OnDemand || e.fn.InitType == SnapStart) {
		idle.limit = time.AfterFunc(p.opt.IdleLimit, func() { p.spinDown(idle) })
	}
	p.signal()
}

// keep stops the time that an environment may be idle. If it is over already, spinDown does not find the
// environment idle.
func (e *idleEnvironment) keep() {
	if e.limit != nil {
		e.limit.Stop()
	}
}

// spinDown shuts an environment down that has been idle for too long, and gives its place back. It belongs to
// no invocation.
//
//nolint:contextcheck // for this reason
func (p *Pool) spinDown(idle *idleEnvironment) {
	p.mu.Lock()
	at := slices.Index(p.idle, idle)
	if at < 0 || p.done { // taken meanwhile, or Close's
		p.mu.Unlock()
		return
	}
	p.idle = slices.Delete(p.idle, at, at+1)
	p.all = slices.DeleteFunc(p.all, func(e *Environment) bool { return e == idle.Environment })
	p.work.Add(1)
	p.mu.Unlock()
	defer p.work.Done()
	// There is nobody to hear of an error. It would be a mount that could not be taken away, and the next
	// environment with the same folder says so.
	_ = idle.Close(context.Background())
	<-p.slots
}

// discard gives up an environment that has ended, once. It is called under the lock.
func (p *Pool) discard(ctx context.Context, e *Environment) {
	i := slices.Index(p.all, e)
	if i < 0 {
		return
	}
	p.all = slices.Delete(p.all, i, i+1)
	p.work.Add(1)
	whole := context.WithoutCancel(ctx)
	go func() {
		defer p.work.Done()
		// Nothing of it is left but its folder; if even that cannot be removed, the next one with the same
		// Dir says so.
		_ = e.Close(whole)
		<-p.slots
		p.signal()
	}()
}

// signal tells one that waits that it is worth looking again.
func (p *Pool) signal() {
	select {
	case p.free <- struct{}{}:
	default:
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
	e, err := p.start(ctx, p.fn)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.makeIdle(e)
	return nil
}

// start starts an environment; the pool's end ends its init.
func (p *Pool) start(ctx context.Context, fn Function) (*Environment, error) {
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
	if e.ended() && !p.done {
		p.discard(ctx, e)
	} else {
		p.makeIdle(e)
	}
	p.mu.Unlock()
	p.signal()
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

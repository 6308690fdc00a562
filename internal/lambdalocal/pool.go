package lambdalocal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
)

// Pool runs a function in up to a number of environments at once, as Lambda does: an invocation takes an
// idle environment, the one that was used last, or starts a new one, or waits.
type Pool struct {
	fn  Function
	opt Options

	slots  chan struct{} // one for every environment that may exist
	closed chan struct{}

	mu     sync.Mutex
	idle   []*Environment
	free   chan struct{} // has a token whenever an environment has become idle
	all    map[*Environment]struct{}
	number int
	tails  sync.WaitGroup

	starting sync.WaitGroup // added to with mu held while all is there, so that Close waits for every start
}

// NewPool makes a pool of at most max environments. Options.Dir becomes the parent of theirs.
func NewPool(fn Function, opt Options, max int) *Pool {
	return &Pool{
		fn: fn, opt: opt, slots: make(chan struct{}, max), closed: make(chan struct{}),
		free: make(chan struct{}, max), all: map[*Environment]struct{}{},
	}
}

// Invoke takes an idle environment, or starts one, or waits for one. Result.Init tells the time of an
// init that this invocation waited for.
func (p *Pool) Invoke(ctx context.Context, in Invocation) (Result, error) {
	e, err := p.take(ctx)
	if err != nil {
		return Result{}, err
	}
	result, err := e.Invoke(ctx, in)
	p.tails.Add(1)
	go func() {
		defer p.tails.Done()
		p.giveBack(e)
	}()
	return result, err
}

// take returns an environment that is nobody else's.
func (p *Pool) take(ctx context.Context) (*Environment, error) {
	for {
		if e := p.popIdle(); e != nil {
			return e, nil
		}
		select {
		case <-p.closed:
			return nil, errClosed
		default:
		}
		select {
		case <-p.closed:
			return nil, errClosed
		case <-p.free: // look again
		case p.slots <- struct{}{}:
			return p.start(ctx)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for an environment of %s: %w", p.fn.Name, ctx.Err())
		}
	}
}

func (p *Pool) popIdle() *Environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	e := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return e
}

// start makes an environment. One whose pool is closed meanwhile is ended: nobody else knows it.
func (p *Pool) start(ctx context.Context) (*Environment, error) {
	opt := p.opt
	p.mu.Lock()
	if p.all == nil {
		p.mu.Unlock()
		<-p.slots
		return nil, errClosed
	}
	p.starting.Add(1)
	defer p.starting.Done()
	p.number++
	if opt.Dir != "" {
		opt.Dir = filepath.Join(opt.Dir, fmt.Sprintf("env-%d", p.number))
	}
	p.mu.Unlock()

	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.closed:
			cancel()
		case <-starting.Done():
		}
	}()
	e, err := Start(starting, p.fn, opt)
	if err != nil {
		<-p.slots
		return nil, err
	}
	p.mu.Lock()
	closed := p.all == nil
	if !closed {
		p.all[e] = struct{}{}
	}
	p.mu.Unlock()
	if closed {
		return nil, errors.Join(errClosed, e.Close(context.WithoutCancel(ctx)))
	}
	return e, nil
}

// giveBack waits for the end of an environment's phase and makes it idle.
func (p *Pool) giveBack(e *Environment) {
	if err := e.Idle(context.Background()); err != nil {
		return // closed meanwhile
	}
	p.mu.Lock()
	p.idle = append(p.idle, e)
	p.mu.Unlock()
	select {
	case p.free <- struct{}{}:
	default:
	}
}

// Close shuts all environments down at once. Invocations that still wait for an environment are refused.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	select {
	case <-p.closed:
		p.mu.Unlock()
		return nil
	default:
	}
	close(p.closed)
	all := p.all
	p.all = nil
	p.mu.Unlock()
	errs := make(chan error, len(all))
	for e := range all {
		go func() { errs <- e.Close(ctx) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-errs)
	}
	p.starting.Wait()
	p.tails.Wait()
	return err
}

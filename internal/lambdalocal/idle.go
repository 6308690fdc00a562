package lambdalocal

import (
	"context"
	"slices"
	"time"
)

// idleEnvironment is an environment that nobody uses, once for each time that it has become so.
type idleEnvironment struct {
	*Environment
	limit *time.Timer // ends it; nil without a limit
}

// popIdle returns an idle environment that a tenant may use, or else what tells that it is worth looking again.
func (p *Pool) popIdle(ctx context.Context, tenant string) (*Environment, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0 && !p.done; i-- {
		e := p.idle[i]
		if p.isOf(e.Environment, tenant) || e.ended() {
			p.idle = slices.Delete(p.idle, i, i+1)
			e.keep()
			if !e.ended() {
				p.owners[e.Environment] = tenant
				return e.Environment, nil
			}
			p.discard(ctx, e.Environment)
		}
	}
	return nil, p.freed
}

// isOf tells whether a tenant may use an environment. It is called under the lock.
func (p *Pool) isOf(e *Environment, tenant string) bool {
	owner, owned := p.owners[e]
	return !owned || owner == tenant
}

// makeRoom shuts down the environment of another tenant that has been idle for the longest time, if there is one, and
// tells when its slot is free.
func (p *Pool) makeRoom(ctx context.Context, tenant string) (gone <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, idle := range p.idle {
		e := idle.Environment
		same := func(i *idleEnvironment) bool { return i.Environment == e }
		count := 0
		for _, i := range p.idle {
			if same(i) {
				count++
			}
		}
		if p.done || p.isOf(e, tenant) || count < e.fn.places() {
			continue
		}
		for _, i := range p.idle {
			if same(i) {
				i.keep()
			}
		}
		p.idle = slices.DeleteFunc(p.idle, same)
		return p.discard(ctx, e)
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
	p.announce()
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
	delete(p.owners, idle.Environment)
	p.work.Add(1)
	p.mu.Unlock()
	defer p.work.Done()
	// There is nobody to hear of an error. It would be a mount that could not be taken away, and the next
	// environment with the same folder says so.
	_ = idle.Close(context.Background())
	<-p.slots
}

// discard shuts an environment down that nobody is to use any more, once, and gives its slot back; gone tells when
// that has been done, or is nil if another one does it. It is called under the lock.
func (p *Pool) discard(ctx context.Context, e *Environment) (gone <-chan struct{}) {
	i := slices.Index(p.all, e)
	if i < 0 {
		return nil
	}
	p.all = slices.Delete(p.all, i, i+1)
	delete(p.owners, e)
	p.work.Add(1)
	whole := context.WithoutCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer p.work.Done()
		defer close(done)
		// There is nobody to hear of an error; if not even its folder can be removed, the next one with the same
		// Dir says so.
		_ = e.Close(whole)
		<-p.slots
	}()
	return done
}

// announce tells all that wait that it is worth looking again. It is called under the lock.
func (p *Pool) announce() {
	close(p.freed)
	p.freed = make(chan struct{})
}

package lambdalocal

import (
	"context"
	"syscall"
	"time"
)

// freeze stops every process of a generation until thaw (reference 2.5), by the environment's group, or else the
// process groups that were started, and then whatever has moved out of them, until nothing new is found.
func (e *Environment) freeze(g *generation) {
	e.stop(g)
	e.frozenAt = time.Now()
	if !e.opt.CutConnections || e.cannotCut {
		return
	}
	if err := e.cutConnections(); err != nil {
		e.logs.platform("lambdalocal: " + err.Error())
	}
}

// stayFrozen waits until the environment has been frozen as long as it is to be. Whoever invokes it waits as well,
// but nothing of that is the invocation's time.
func (e *Environment) stayFrozen(ctx context.Context) {
	if !e.usable || e.opt.FrozenFor == 0 {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, e.frozenAt.Add(e.opt.FrozenFor))
	defer cancel()
	// Either the time is over, or somebody has killed what is frozen: the invocation will find out.
	_, _ = e.gen.await(ctx, func() bool { return false })
}

func (e *Environment) stop(g *generation) {
	e.limits.meter.pause()
	if e.box.freeze() {
		g.update(func() { g.frozen = true })
		return
	}
	groups := map[int]bool{}
	for _, p := range g.processes {
		p.signal(syscall.SIGSTOP)
		groups[p.pid()] = true
	}
	stopped := map[int]bool{}
	for again := true; again; {
		again = false
		for _, pid := range e.box.strays(groups) {
			if !stopped[pid] && syscall.Kill(pid, syscall.SIGSTOP) == nil {
				stopped[pid], again = true, true
			}
		}
	}
	g.update(func() { g.frozen, g.frozenStrays = true, stopped })
}

// thaw lets them go on.
func (e *Environment) thaw(g *generation) {
	e.limits.meter.run()
	var strays map[int]bool
	g.update(func() { strays, g.frozen, g.frozenStrays = g.frozenStrays, false, nil })
	if err := e.box.thaw(); err == nil && strays == nil { // they were not stopped by signals
		return
	}
	for pid := range strays {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may have been killed while it was stopped
	}
	for _, p := range g.processes {
		p.signal(syscall.SIGCONT)
	}
}

package lambdalocal

import "syscall"

// freeze stops every process of a generation until thaw (reference 2.5), by the environment's group, or else the
// process groups that were started, and then whatever has moved out of them, until nothing new is found.
func (e *Environment) freeze(g *generation) {
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
	var strays map[int]bool
	g.update(func() { strays, g.frozen, g.frozenStrays = g.frozenStrays, false, nil })
	if e.box.thaw() == nil {
		return
	}
	for pid := range strays {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may have been killed while it was stopped
	}
	for _, p := range g.processes {
		p.signal(syscall.SIGCONT)
	}
}

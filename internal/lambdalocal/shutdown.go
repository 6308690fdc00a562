package lambdalocal

import (
	"strings"
	"sync"
	"syscall"
	"time"
)

// What a shutdown may take (EXT): nothing without extensions, half a second with internal ones only, two
// seconds with at least one external one, of which the runtime has three tenths (RIE rapid/shutdown.go).
const (
	shutdownInternal = 500 * time.Millisecond
	shutdownExternal = 2 * time.Second
	runtimeShare     = 0.3
)

// reasonOf is the reason for which a phase's processes are ended that did not end well: what was cut by its limit is a
// timeout, init or not (RIE rapidcore/server.go Invoke: a limit that has passed is a reset for it, whatever it cuts).
func reasonOf(err error) string {
	if err != nil {
		return reasonTimeout
	}
	return reasonFailure
}

// killLimit bounds the hunt for processes that keep making others.
const killLimit = 5 * time.Second

// The reasons of a SHUTDOWN, as RAPID spells them.
const (
	reasonSpindown = "spindown"
	reasonTimeout  = "timeout"
	reasonFailure  = "failure"
)

// shutdown ends a generation as Lambda does: SIGTERM to the runtime and its share of the time, SHUTDOWN
// to the extensions that registered for it and the rest of the time, SIGKILL to all that is left. The
// processes must not be frozen, nor their telemetry paused.
func (e *Environment) shutdown(g *generation, reason string) {
	var registered, external bool
	g.update(func() {
		g.down = true
		for _, x := range g.extensions {
			registered = registered || x.registered()
			external = external || x.registered() && x.external
		}
	})
	if registered {
		budget := shutdownInternal
		if external {
			budget = shutdownExternal
		}
		start := time.Now()
		e.terminateRuntime(g, start.Add(time.Duration(float64(budget)*runtimeShare)))
		g.flushTelemetry()
		e.shutdownExtensions(g, e.spelled(reason), start.Add(budget))
	}
	e.killAll(g)
	g.stream.Close()
}

// spelled is a reason as extensions get it.
func (e *Environment) spelled(reason string) string {
	if e.opt.UpperCaseReasons {
		return strings.ToUpper(reason)
	}
	return reason
}

func (e *Environment) terminateRuntime(g *generation, deadline time.Time) {
	p := g.runtimeProcess
	if p == nil || !p.alive() {
		return
	}
	p.signal(syscall.SIGTERM)
	p.endsBy(deadline)
	p.end() // at any rate, to have its last lines before anybody else's
}

// endsBy waits for a process's end and tells whether it came in time.
func (p *process) endsBy(deadline time.Time) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return !p.alive()
	}
}

// shutdownExtensions sends SHUTDOWN and waits. An extension that still works on its invocation gets the
// event with its next next; one that did not register for it is killed at once.
func (e *Environment) shutdownExtensions(g *generation, reason string, deadline time.Time) {
	var asked, others []*extension
	g.update(func() {
		for _, x := range g.extensions {
			switch {
			case x.process == nil: // internal, or not launched
			case x.registered() && x.subscribed(eventShutdown):
				x.queue = append(x.queue[:0], shutdownEvent(reason, deadline.UnixMilli()))
				asked = append(asked, x)
			default:
				others = append(others, x)
			}
		}
	})
	for _, x := range others {
		x.process.end()
	}
	for _, x := range asked {
		inTime := x.process.endsBy(deadline)
		clean := inTime && x.process.status.ok()
		if x.process.alive() {
			x.process.end()
		}
		g.update(func() { x.ended(clean) })
		if e.opt.ExtensionEnded != nil {
			e.opt.ExtensionEnded(ExtensionEnd{Name: x.name, Reason: strings.ToLower(reason), InTime: inTime, Status: x.process.status.String()})
		}
	}
}

// killAll leaves no process of the generation, wherever it has moved to. Daemons go before anybody waits for the end of
// an output, which they may hold open.
func (e *Environment) killAll(g *generation) {
	e.limits.meter.pause()
	for _, p := range g.processes {
		p.end()
	}
	e.killStrays()
	var all sync.WaitGroup
	for _, p := range g.processes {
		all.Go(p.kill)
	}
	all.Wait()
}

func (e *Environment) killStrays() {
	for end := time.Now().Add(killLimit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		strays := e.box.strays(nil)
		for _, pid := range strays {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
		}
		if len(strays) == 0 {
			return
		}
	}
}

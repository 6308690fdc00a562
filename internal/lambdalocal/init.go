package lambdalocal

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// initLimit is how long the init phase of an on-demand function may take, extensions, runtime and the
// function's own initialisation together (LRE). An init inside an invocation has the function's timeout.
const initLimit = 10 * time.Second

// The phases that an init can be in, by their names in INIT_REPORT.
const (
	phaseInit      = "init"
	phaseInvoke    = "invoke"
	phaseSnapStart = "snap-start" // TELSCH only
)

// initialise makes a new generation: it starts the extensions, waits until all have registered, starts
// the runtime, waits until it asks for work, closes registration and waits until all extensions have
// asked for events (RIE rapid/handlers.go doRuntimeDomainInit). It returns what went wrong, if anything;
// the generation is then to be shut down. An error is the context's.
//
// With told, an init error that the runtime tells goes there at once.
func (e *Environment) initialise(ctx context.Context, phase string, told func(failure)) (took time.Duration, f *failure, err error) {
	started := time.Now()
	g := newGeneration(e.fn)
	g.stream, g.noTelemetry, g.oomKills = e.newStream(), e.opt.NoTelemetry, e.oomKills()
	if f := e.enter(g); f != nil {
		return 0, f, nil
	}
	e.logs.keepInit(e.fn.InitType == SnapStart)
	e.tellInitStart(phase)
	f, err = e.runInit(ctx, g, phase, told)
	took = time.Since(started)
	g.stream.CloseSubscriptions()
	e.logs.settle(settleLimit)
	e.tellExtensions(g)
	e.maxMemory = max(e.maxMemory, e.memory(g)) // a phase may end with nobody left to be measured
	if !givenUp(ctx, err) {
		e.tellInitReport(phase, took, f, err)
	}
	return took, f, err
}

// errTimeIsUp is the cause of a context's end that is a limit of Lambda's.
var errTimeIsUp = errors.New("the time is up")

// givenUp tells whether a phase has ended by an error that is no timeout of its own: whoever wanted it wants it no
// more, and it has not failed.
func givenUp(ctx context.Context, err error) bool {
	return err != nil && !errors.Is(context.Cause(ctx), errTimeIsUp)
}

func (e *Environment) runInit(ctx context.Context, g *generation, phase string, told func(failure)) (*failure, error) {
	if f := e.launchExtensions(g); f != nil {
		return f, nil
	}
	allRegistered := func() bool {
		return g.all(func(x *extension) bool { return !x.external || x.registered() })
	}
	if f, err := g.await(ctx, allRegistered); f != nil || err != nil {
		return f, err
	}
	f, err := e.initRuntime(ctx, g, told)
	if !givenUp(ctx, err) {
		e.tellInitRuntimeDone(phase, f, err)
	}
	if f != nil || err != nil {
		return f, err
	}
	g.update(func() { g.closed = true })
	return g.await(ctx, func() bool { return g.all((*extension).idle) })
}

// initRuntime starts the runtime and waits until it asks for work.
func (e *Environment) initRuntime(ctx context.Context, g *generation, told func(failure)) (*failure, error) {
	if f := e.launchRuntime(g); f != nil {
		return f, nil
	}
	hasTold := func() bool { return told != nil && g.runtime.initFailure != nil }
	f, err := g.await(ctx, func() bool { return g.runtime.initialised() || hasTold() })
	if f == nil && err == nil && hasTold() { // it is set once and not changed
		told(*g.runtime.initFailure)
		f, err = g.await(ctx, g.runtime.initialised)
	}
	e.logs.settle(answerSettleLimit) // what it has written comes before what is said about it
	return f, err
}

// all is called under the lock.
func (g *generation) all(is func(*extension) bool) bool {
	for _, x := range g.extensions {
		if !is(x) {
			return false
		}
	}
	return true
}

// launchExtensions starts all extensions at once.
func (e *Environment) launchExtensions(g *generation) *failure {
	names, err := e.layout.extensions(e.fn)
	if err != nil {
		return &failure{errorType: "Extension.LaunchError", message: err.Error()}
	}
	for _, name := range names {
		g.extensions = append(g.extensions, &extension{id: newUUID(), name: name, external: true, state: extensionStarted})
	}
	for i, x := range g.extensions {
		err := error(errTooManyExtensions)
		if i < maxExtensions {
			err = e.launchExtension(x)
		}
		if err != nil {
			g.update(func() { x.state, x.errorType = extensionLaunchError, launchErrorType(err) })
			f := &failure{errorType: "Extension.LaunchError", message: launchMessage(err)}
			g.fail(*f)
			return f
		}
		g.update(func() { g.processes = append(g.processes, x.process) })
		go e.watchExtension(g, x)
	}
	return nil
}

var errTooManyExtensions = errors.New("ErrTooManyExtensions") // RAPID's own text (RIE core/registrations.go)

// launchMessage is what Lambda says of a program that could not be started: what exec says, and no more.
func launchMessage(err error) string {
	if exec := (*fs.PathError)(nil); errors.As(err, &exec) {
		return exec.Error()
	}
	return err.Error()
}

// launchErrorType is how the EXTENSION line names a launch error (RIE core/registrations.go).
func launchErrorType(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "PermissionDenied"
	case errors.Is(err, errTooManyExtensions):
		return "TooManyExtensions"
	}
	return "UnknownError"
}

// watchExtension makes an exit that nobody asked for the generation's failure: an extension that exits,
// even with 0, takes the environment with it (reference 1.7).
func (e *Environment) watchExtension(g *generation, x *extension) {
	<-x.process.exited
	message := x.process.status.String()
	if x.process.status.ok() {
		message = "exit code 0"
	}
	g.mu.Lock()
	errorType := x.crash()
	g.mu.Unlock()
	g.fail(failure{errorType: errorType, message: message})
}

func (e *Environment) launchRuntime(g *generation) *failure {
	env := e.env.ofRuntime()
	argv, f := runtimeArgv(e.fn, e.opt, e.layout, env)
	if f == nil && !e.fn.managed() {
		if err := e.checkLaunch(argv[0]); err != nil {
			f = &failure{errorType: "Runtime.InvalidEntrypoint", message: launchMessage(err)}
		}
	}
	if f == nil {
		p, err := startProcess(e.box, e.logs, processSpec{
			name: e.fn.Name, source: SourceFunction, argv: argv, env: env, dir: "/var/task",
			frames: e.fn.managed(),
		})
		if err == nil {
			g.update(func() { g.processes, g.runtimeProcess = append(g.processes, p), p })
			go e.watchRuntime(g, p)
			return nil
		}
		f = &failure{errorType: "Runtime.InvalidEntrypoint", message: launchMessage(err)}
	}
	g.fail(*f)
	return f
}

// runtimeExitError is the type of the runtime's exit, whatever its cause.
const runtimeExitError = "Runtime.ExitError"

// watchRuntime makes the runtime's exit the generation's failure. What it told by init/error before says
// more than its exit.
func (e *Environment) watchRuntime(g *generation, p *process) {
	<-p.exited
	f := failure{errorType: runtimeExitError, message: "Runtime exited with error: " + p.status.String()}
	if p.status.ok() {
		f.message = "Runtime exited without providing a reason"
	}
	if e.ranOutOfMemory(g, p.status) {
		f.errorType = e.fn.oomType()
	}
	g.mu.Lock()
	told := g.runtime.initFailure
	g.mu.Unlock()
	if told != nil {
		f.errorType, f.payload = told.errorType, told.payload
	}
	g.fail(f)
}

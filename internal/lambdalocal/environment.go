package lambdalocal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Defaults of a function's settings, Lambda's own (LIM).
const (
	defaultMemoryMB = 128
	defaultTempMB   = 512
	defaultTimeout  = 3 * time.Second
	defaultRegion   = "us-east-1"
	defaultAccount  = "000000000000"
)

// errClosed is returned by what is asked of an environment that was closed.
var errClosed = errors.New("the environment is closed")

// Environment is one execution environment: a runtime, its extensions, their files. It takes one
// invocation at a time; a second one waits for the end of the first one's phase.
type Environment struct {
	fn     Function
	opt    Options
	layout layout
	env    environ
	limits *limits
	box    sandbox
	api    *apiServer
	logs   *logStream

	// turn is held by whoever drives the environment: an invocation until its phase has ended, or Close. A
	// managed instance has several, and Close takes them all, which only one may try at a time.
	turn chan struct{}
	all  chan struct{}

	ending sync.Once // of a managed instance's environment

	// of whoever has the turn:
	gen       *generation
	usable    bool          // the current generation has been initialised and has not failed
	restored  bool          // it is no snapshot any more; SnapStart only
	firstInit time.Duration // of the init phase before the first invocation; 0 once reported
	maxMemory int           // bytes
	frozenAt  time.Time
	cannotCut bool // connections, whatever the option says

	mu      sync.Mutex
	last    Report
	closed  bool
	aborted bool // nothing is to be initialised any more
}

// Start makes an environment and runs its init phase.
//
// An init that fails is no error of Start: as on Lambda, the next Invoke initialises again, within the
// function's timeout, and answers with what went wrong if that fails as well.
// An error of Start is about this machine: a folder that is missing, a port, a mount.
func Start(ctx context.Context, fn Function, opt Options) (*Environment, error) {
	fn = fn.withDefaults()
	if err := fn.check(opt); err != nil {
		return nil, fmt.Errorf("start %s: %w", fn.Name, err)
	}
	e := &Environment{fn: fn, opt: opt, logs: newLogs(fn, opt), turn: make(chan struct{}, fn.places()), all: make(chan struct{}, 1)}
	if err := e.open(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", fn.Name, err)
	}
	if left := e.leftOut(ctx); left != "" {
		e.logs.platform("lambdalocal: " + left)
	}
	limit := e.opt.initLimit
	if limit == 0 {
		limit = fn.initLimit()
	}
	initCtx, cancel := context.WithTimeoutCause(ctx, limit, errTimeIsUp)
	defer cancel()
	e.limits.boost(e.opt.BoostInit && e.fn.InitType == OnDemand)
	took, f, err := e.initialise(initCtx, fn.initPhase(), nil)
	e.limits.boost(false)
	if ctx.Err() != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", fn.Name, ctx.Err()), e.tearDown(reasonFailure))
	}
	e.firstInit = took
	if f != nil || err != nil || fn.initAhead() {
		e.firstInit = 0 // the next invocation has its own init, or none
	}
	switch {
	case fn.onInstances():
		e.settleManaged(ctx, e.gen, f, err)
	case f != nil || err != nil:
		e.shutdown(e.gen, reasonOf(err))
	default:
		e.usable = true
		e.gen.stream.Pause()
		e.freeze(e.gen)
	}
	return e, nil
}

func (fn Function) withDefaults() Function {
	if fn.Version == "" {
		fn.Version = "$LATEST"
	}
	if fn.InitType == "" {
		fn.InitType = OnDemand
	}
	if fn.MaxConcurrency == 0 {
		fn.MaxConcurrency = 1
	}
	if fn.onInstances() {
		fn.LogFormat = logFormatJSON // there is no other (LMIENV)
	}
	if fn.MemoryMB == 0 {
		fn.MemoryMB = defaultMemoryMB
	}
	if fn.EphemeralMB == 0 {
		fn.EphemeralMB = defaultTempMB
	}
	if fn.Timeout == 0 {
		fn.Timeout = defaultTimeout
	}
	if fn.Region == "" {
		fn.Region = defaultRegion
	}
	if fn.Account == "" {
		fn.Account = defaultAccount
	}
	if fn.ARN == "" {
		fn.ARN = "arn:aws:lambda:" + fn.Region + ":" + fn.Account + ":function:" + fn.Name
	}
	return fn
}

// check finds what would otherwise fail later and say less.
func (fn Function) check(opt Options) error {
	if fn.Name == "" || fn.Runtime == "" {
		return errors.New("a function needs a name and a runtime")
	}
	if fn.MaxConcurrency < 0 {
		return fmt.Errorf("MaxConcurrency is %d, it has to be 1 or more", fn.MaxConcurrency)
	}
	for _, dir := range append([]string{fn.Code}, fn.Layers...) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("find code and layers: %w", err)
		}
		if !info.IsDir() {
			return fmt.Errorf("code and layers are folders, %s is not", dir)
		}
	}
	if fn.managed() && len(opt.Runtime.Command) == 0 {
		return fmt.Errorf("runtime %s has no command: find it with package runtimes", fn.Runtime)
	}
	return fn.CheckEnv()
}

// open makes everything but the processes.
func (e *Environment) open(ctx context.Context) (err error) {
	if e.layout, err = newLayout(e.opt.Dir); err != nil {
		return err
	}
	if e.api, err = newAPIServer(ctx, e.fn); err != nil {
		return errors.Join(err, e.layout.remove())
	}
	e.limits = newLimits(e.fn, e.opt)
	if e.box, err = newSandbox(ctx, e.fn, e.opt, e.layout, e.limits); err != nil {
		return errors.Join(err, e.limits.release(), e.api.close(), e.layout.remove())
	}
	e.api.throttle = newThrottle(e.opt.StreamRate)
	e.api.extensions = !e.layout.extensionsDisabled(e.fn)
	if e.fn.InitType == SnapStart {
		e.api.credentials = newCredentials(e.opt.ExtraEnv)
	}
	e.env = newEnviron(e.fn, e.opt, e.api)
	e.api.serve()
	return nil
}

// Idle waits until the phase of the last invocation has ended and the environment is frozen.
func (e *Environment) Idle(ctx context.Context) error {
	held, err := e.takeAll(ctx)
	e.giveBack(held)
	return err
}

func (e *Environment) takeTurn(ctx context.Context) error {
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", e.fn.Name, ctx.Err())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		e.giveTurn()
		return errClosed
	}
	return nil
}

func (e *Environment) giveTurn() { <-e.turn }

// takeAll takes every turn: nobody else drives the environment then. What it got when it failed is to be
// given back as well.
func (e *Environment) takeAll(ctx context.Context) (held int, err error) {
	select {
	case e.all <- struct{}{}:
		defer func() { <-e.all }()
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for %s: %w", e.fn.Name, ctx.Err())
	}
	for held < cap(e.turn) {
		if err := e.takeTurn(ctx); err != nil {
			return held, err
		}
		held++
	}
	return held, nil
}

func (e *Environment) giveBack(turns int) {
	for range turns {
		e.giveTurn()
	}
}

// LastReport is the report of the last invocation whose phase has ended.
func (e *Environment) LastReport() Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

// TempDir is the folder on this machine that the function sees as /tmp.
func (e *Environment) TempDir() string { return e.layout.tmp }

// RuntimeAPI is the address that the function sees as AWS_LAMBDA_RUNTIME_API.
func (e *Environment) RuntimeAPI() string { return e.api.addr() }

// abortLimit is how long the phase of an environment that is closed may take to end once its processes have been
// told to fail: the two seconds of a shutdown and the five of the hunt after it, and some more for a busy machine.
const abortLimit = 15 * time.Second

// Close thaws the environment, shuts it down as Lambda does and leaves no process, mount or file. It
// waits for the end of a running phase, but no longer than ctx, and then ends it as a failure, which takes a
// shutdown's time. A second Close does nothing.
func (e *Environment) Close(ctx context.Context) error {
	held, err := e.takeAll(ctx)
	if err != nil && !errors.Is(err, errClosed) {
		// A phase goes on in the background: end it. Its goroutine notices and gives the turn back.
		e.giveBack(held)
		e.abort()
		ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortLimit)
		defer cancel()
		if held, err = e.takeAll(ended); err != nil && !errors.Is(err, errClosed) {
			e.giveBack(held)
			return fmt.Errorf("close %s: its phase does not end (does Options.Report or Options.Log return?): %w", e.fn.Name, err)
		}
	}
	defer func() { e.giveBack(held) }()
	if err != nil {
		return nil // closed already
	}
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	return e.tearDown(reasonSpindown)
}

// aborted is the failure of an environment that is closed in the middle of a phase.
func aborted() failure {
	return failure{errorType: "Sandbox.Failure", message: "the environment was closed"}
}

// abort fails the running phase, and what it might initialise after this.
func (e *Environment) abort() {
	e.mu.Lock()
	e.aborted = true
	g := e.api.current.Load()
	e.mu.Unlock()
	g.fail(aborted())
}

// enter makes a generation the current one. One that comes after abort has failed already: whoever aborts sees
// either it or the one before, and never a gap between the two.
func (e *Environment) enter(g *generation) *failure {
	e.gen = g
	e.logs.follow(g.stream)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.api.current.Store(g)
	if !e.aborted {
		return nil
	}
	f := aborted()
	g.fail(f)
	return &f
}

// tearDown is called with the turn, or before anybody else can have it.
func (e *Environment) tearDown(reason string) error {
	if e.usable {
		e.gen.stream.Resume()
		e.thaw(e.gen)
		e.usable = false
	}
	switch {
	case e.fn.onInstances():
		e.endManaged(reason)
	case !e.gen.down:
		e.shutdown(e.gen, reason)
	}
	errs := []error{e.api.close(), e.box.close(), e.limits.release()}
	errs = append(errs, e.layout.removeSkeleton(e.box.skeleton()))
	if !e.opt.Keep {
		errs = append(errs, e.layout.remove())
	}
	errs = append(errs, e.layout.unlock()) // what is kept as well
	return errors.Join(errs...)
}

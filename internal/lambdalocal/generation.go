package lambdalocal

import (
	"context"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/telemetry"
)

// failure is why a generation cannot go on. The first one counts (RIE appctx.StoreFirstFatalError).
type failure struct {
	errorType string // Runtime.ExitError, Extension.Crash, …
	message   string
	payload   []byte // what the runtime itself told by init/error; nil if it told nothing
}

// generation is one set of processes of an environment, from an init to the shutdown or reset that ends
// it, and what the APIs know about it. All its state is under one lock and every change is announced, so
// that whoever waits states its condition and nothing else.
type generation struct {
	mu      sync.Mutex
	changed chan struct{}

	failure *failure
	fatal   string // the error type that an extension told first, by init/error or exit/error
	down    bool   // shutting down: exits are expected, and no event comes any more but SHUTDOWN

	runtime        runtimeState
	extensions     []*extension // external ones first, by name, then internal ones as they registered
	closed         bool         // for registration
	processes      []*process
	invocations    map[string]*invocation // dispatched and not yet ended, by request id
	expired        map[string]bool        // those that timed out and whose answer has not come; managed instances only
	runtimeProcess *process

	frozen       bool
	frozenStrays map[int]bool

	stream      *telemetry.Stream // what the platform and the processes say, for those who subscribe
	noTelemetry bool              // Options.NoTelemetry
	oomKills    int64             // how many processes had been killed for want of memory before this generation
}

func newGeneration(fn Function) *generation {
	return &generation{
		changed: make(chan struct{}), invocations: map[string]*invocation{}, expired: map[string]bool{},
		runtime: runtimeState{name: runtimeStarted, managed: fn.onInstances()},
	}
}

// dispatch hands INVOKE to the extensions and the event to the runtime. It is called under the lock, so
// that no runtime has its event before an extension has (RIE rapid/handlers.go doInvoke).
func (g *generation) dispatch(in *invocation, now time.Time) {
	for _, x := range g.extensions {
		if x.subscribed(eventInvoke) {
			x.queue = append(x.queue, invokeEvent(in))
		}
	}
	in.dispatched = now
	g.invocations[in.RequestID] = in
	g.runtime.pending = append(g.runtime.pending, in)
}

// release forgets an invocation that has ended: what the runtime still says about it comes too late. It is
// called under the lock.
func (g *generation) release(in *invocation) {
	delete(g.invocations, in.RequestID)
	g.runtime.forget(in)
}

// update changes state and wakes all that wait.
func (g *generation) update(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	close(g.changed)
	g.changed = make(chan struct{})
}

// fail records a failure unless there is one, or failing is expected. What an extension has told before is
// taken for its reason.
func (g *generation) fail(f failure) {
	g.update(func() {
		if g.failure != nil || g.down {
			return
		}
		if g.fatal != "" {
			f.errorType = g.fatal
		}
		g.failure = &f
	})
}

// managed tells whether the environment is one of a managed instance.
func (g *generation) managed() bool { return g.runtime.managed }

// await blocks until cond holds, which is called under the lock, or the generation fails, or ctx is
// done. A condition that holds goes before a failure: a response that was posted counts even if the
// runtime exited right after it.
func (g *generation) await(ctx context.Context, cond func() bool) (*failure, error) {
	for {
		g.mu.Lock()
		ok, f, changed := cond(), g.failure, g.changed
		g.mu.Unlock()
		switch {
		case ok:
			return nil, nil
		case f != nil:
			return f, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// awaitEvenFailed is await for those inside the environment: a generation that failed is about to be
// killed or to get SHUTDOWN, and until then its processes wait on, as on Lambda.
func (g *generation) awaitEvenFailed(ctx context.Context, cond func() bool) error {
	for {
		g.mu.Lock()
		ok, changed := cond(), g.changed
		g.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// invocation is an event on its way through a generation.
type invocation struct {
	Invocation
	arn      string
	started  time.Time // of the phase
	deadline time.Time

	// under the generation's lock:
	state      string    // runtimeRunning and what comes after it; "" until the runtime has taken it
	dispatched time.Time // when it was handed out
	responding time.Time // when the runtime began to answer, by its first byte; zero for an error
	response   *response // once it is complete
	expired    bool      // nobody waits for its response any more; managed instances only
	readyAt    time.Time // when the runtime called next after it
}

// response is what the runtime posted.
type response struct {
	payload       []byte
	functionError string // "" or "Unhandled"
	errorType     string
	contentType   string
	cause         []byte    // JSON for X-Ray; nil if the runtime told none
	size          int64     // of what the runtime wrote
	first         time.Time // when its first byte was there (telemetry: responseLatency ends)
	at            time.Time // when its last byte was there (telemetry: responseDuration ends)
}

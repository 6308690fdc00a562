package lambdalocal

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"
)

// deafCaller is a caller of a stream that takes the first piece and then never returns, until the test ends.
type deafCaller struct {
	mu      sync.Mutex
	writes  int
	blocked chan struct{} // closed when the first Write has begun
	release chan struct{}
}

func newDeafCaller(t *testing.T) *deafCaller {
	t.Helper()
	d := &deafCaller{blocked: make(chan struct{}), release: make(chan struct{})}
	t.Cleanup(func() { close(d.release) })
	return d
}

func (d *deafCaller) stream(StreamHead) io.Writer { return d }

func (d *deafCaller) Write(p []byte) (int, error) {
	d.mu.Lock()
	d.writes++
	first := d.writes == 1
	d.mu.Unlock()
	if first {
		close(d.blocked)
	}
	<-d.release
	return len(p), nil
}

func (d *deafCaller) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes
}

// invoked is what an Invoke that runs beside the test comes to.
type invoked struct {
	Result
	err error
}

func invokeBeside(ctx context.Context, invoke func(context.Context, Invocation) (Result, error), in Invocation) <-chan invoked {
	done := make(chan invoked, 1)
	go func() {
		r, err := invoke(ctx, in)
		done <- invoked{r, err}
	}()
	return done
}

// within waits for something that has to come whatever blocks.
func within[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// Sources: LRE (a timeout is the function's, whatever its caller does), AWS "configuration-response-streaming": a
// caller that takes a piece and never returns holds neither the invocation, nor its environment, nor Close.
func TestStreamWhoseCallerBlocks(t *testing.T) {
	const endless = `{"do":"open=text/plain piece=one piece=two until=/tmp/never"}`
	t.Run("until the timeout", func(t *testing.T) {
		e, _ := lambda{timeout: time.Second}.start(t)
		deaf := newDeafCaller(t)
		done := invokeBeside(t.Context(), e.Invoke, Invocation{Payload: []byte(endless), Stream: deaf.stream})
		within(t, "the first piece", deaf.blocked)
		if r := within(t, "the timeout", done); r.err != nil || r.ErrorType != timedOut {
			t.Errorf("result is %+v, %v", r.Result, r.err)
		}
		if r := invokeOnly(t, e, `{"n":2}`); string(r.Payload) != `{"n":2}` {
			t.Errorf("the next invocation answers %s", r.Payload)
		}
		if n := deaf.count(); n != 1 {
			t.Errorf("%d pieces were written", n)
		}
	})
	t.Run("and gives up", func(t *testing.T) {
		e, log := lambda{}.start(t)
		deaf := newDeafCaller(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := invokeBeside(ctx, e.Invoke, Invocation{
			Payload: []byte(`{"do":"open=text/plain piece=one piece=two close say=finished"}`), Stream: deaf.stream,
		})
		within(t, "the first piece", deaf.blocked)
		cancel()
		if r := within(t, "the end", done); !errors.Is(r.err, context.Canceled) {
			t.Errorf("result is %+v, %v", r.Result, r.err)
		}
		log.wait(t, "finished") // the function goes on
		if err := e.Idle(t.Context()); err != nil || e.LastReport().Status != "success" || deaf.count() != 1 {
			t.Errorf("report is %+v (%v), %d pieces", e.LastReport(), err, deaf.count())
		}
	})
	t.Run("before it gives a writer", func(t *testing.T) {
		e, _ := lambda{timeout: time.Second}.start(t)
		deaf := newDeafCaller(t)
		done := invokeBeside(t.Context(), e.Invoke, Invocation{Payload: []byte(endless), Stream: func(StreamHead) io.Writer {
			<-deaf.release
			return deaf
		}})
		if r := within(t, "the timeout", done); r.err != nil || r.ErrorType != timedOut {
			t.Errorf("result is %+v, %v", r.Result, r.err)
		}
	})
	t.Run("in a pool", func(t *testing.T) {
		p, _, _ := newTestPool(t, lambda{timeout: time.Second}, 1)
		deaf := newDeafCaller(t)
		done := invokeBeside(t.Context(), p.Invoke, Invocation{Payload: []byte(endless), Stream: deaf.stream})
		within(t, "the timeout", done)
		if r := within(t, "the next answer", invokeBeside(t.Context(), p.Invoke, Invocation{})); r.err != nil || r.FunctionError != "" {
			t.Errorf("the next invocation: %+v, %v", r.Result, r.err)
		}
	})
}

// A pool is closed within its ctx and what a kill takes, also while a caller holds a piece of a stream.
func TestCloseWhileACallerBlocks(t *testing.T) {
	fn, opt, _ := lambda{timeout: time.Hour}.make(t)
	p := NewPool(fn, opt, 1)
	deaf := newDeafCaller(t)
	done := invokeBeside(t.Context(), p.Invoke, Invocation{Payload: []byte(`{"do":"open=text/plain piece=one until=/tmp/never"}`), Stream: deaf.stream})
	within(t, "the first piece", deaf.blocked)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	closed := make(chan error, 1)
	go func() { closed <- p.Close(ctx) }()
	if err := within(t, "the end of Close", closed); err != nil {
		t.Error(err)
	}
	if r := within(t, "the answer", done); r.ErrorType != "Sandbox.Failure" {
		t.Errorf("result is %+v, %v", r.Result, r.err)
	}
}

// Work that nobody can end does not hold Close for ever either.
func TestCloseTellsOfWorkThatDoesNotEnd(t *testing.T) {
	p := NewPool(Function{Name: "stuck"}, Options{}, 1)
	p.work.Add(1)
	defer p.work.Done()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	closed := make(chan error, 1)
	go func() { closed <- p.Close(ctx) }()
	if err := within(t, "the end of Close", closed); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Close that comes between two generations ends the second one too: an invocation that is about to initialise again
// starts nothing any more.
func TestNothingIsInitialisedAfterAbort(t *testing.T) {
	e, log := lambda{bootstrap: "say=starting sleep=1h", timeout: time.Hour, change: func(_ *Function, o *Options) {
		o.initLimit = 300 * time.Millisecond
	}}.start(t)
	before := len(log.texts(SourceFunction))
	e.abort() // the old generation has ended, and the new one does not exist yet
	if r := invokeOnly(t, e, `{}`); r.ErrorType != "Sandbox.Failure" {
		t.Errorf("result is %+v", r)
	}
	if now := log.texts(SourceFunction); len(now) != before {
		t.Errorf("the runtime was started: %q", now)
	}
}

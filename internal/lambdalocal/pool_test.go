package lambdalocal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func newTestPool(t *testing.T, l lambda, max int) (*Pool, Options, *recorder) {
	t.Helper()
	fn, opt, log := l.make(t)
	p := NewPool(fn, opt, max)
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p, opt, log
}

// One environment takes one invocation at a time; others start as long as they may (reference 2.2).
func TestPool(t *testing.T) {
	p, opt, log := newTestPool(t, lambda{}, 2)
	var wg sync.WaitGroup
	results := make([]Result, 3)
	for i := range results {
		wg.Go(func() {
			var err error
			if results[i], err = p.Invoke(t.Context(), Invocation{Payload: []byte(`{"do":"say=in sleep=200ms"}`)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	cold := 0
	for _, r := range results {
		if r.Init > 0 {
			cold++
		}
		if r.FunctionError != "" {
			t.Errorf("answer is %s", r.Payload)
		}
	}
	if entries, err := os.ReadDir(opt.Dir); err != nil || len(entries) != 2 || cold != 2 {
		t.Errorf("%d environments (%v), %d cold starts", len(entries), err, cold)
	}
	if r, err := p.Invoke(t.Context(), Invocation{}); err != nil || r.Init != 0 {
		t.Errorf("an idle environment was not taken: %+v %v", r, err)
	}
	log.wait(t, "in")
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Invoke(t.Context(), Invocation{}); !errors.Is(err, errClosed) {
		t.Errorf("a closed pool says %v", err)
	}
	if entries, err := os.ReadDir(opt.Dir); err == nil && len(entries) > 0 {
		t.Errorf("folders are left: %v", entries)
	}
}

// A pool gives the answer at once, too, and takes the environment back when its phase has ended.
func TestPoolAnswersEarly(t *testing.T) {
	p, _, _ := newTestPool(t, lambda{extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN loop=300ms"}}, 1)
	for range 2 {
		r, err := p.Invoke(t.Context(), Invocation{})
		if err != nil || r.Latency > 200*time.Millisecond {
			t.Errorf("%+v %v", r, err)
		}
	}
}

// What cannot be started gives its place back.
func TestPoolOfWhatCannotStart(t *testing.T) {
	p, _, _ := newTestPool(t, lambda{change: func(f *Function, _ *Options) { f.Code = filepath.Join(f.Code, "missing") }}, 1)
	for range 2 {
		if _, err := p.Invoke(t.Context(), Invocation{}); err == nil {
			t.Error("no error")
		}
	}
}

// An environment that is being started while its pool is closed is ended too: nobody else knows it.
func TestPoolClosedWhileStarting(t *testing.T) {
	p, opt, _ := newTestPool(t, lambda{}, 1)
	answered := make(chan error, 1)
	go func() {
		_, err := p.Invoke(t.Context(), Invocation{})
		answered <- err
	}()
	for { // until the start has begun
		if entries, _ := os.ReadDir(opt.Dir); len(entries) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil {
		t.Error("the invocation of a closed pool was answered")
	}
	if entries, err := os.ReadDir(opt.Dir); err != nil || len(entries) > 0 {
		t.Errorf("left: %v (%v)", entries, err)
	}
}

// Close ends what is being started, too.
func TestPoolClosedInInit(t *testing.T) {
	p, opt, log := newTestPool(t, lambda{bootstrap: "say=starting sleep=1h"}, 1)
	failed := make(chan error, 1)
	go func() {
		_, err := p.Invoke(context.Background(), Invocation{})
		failed <- err
	}()
	log.wait(t, "starting")
	begun := time.Now()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	if entries, err := os.ReadDir(opt.Dir); err == nil && len(entries) > 0 {
		t.Errorf("folders are left: %v", entries)
	}
}

// Source: reference 2.3: an environment that nobody uses gets SHUTDOWN for the reason "spindown" after a while.
// Its place is free then, and one that is used is left alone.
func TestPoolSpinsDownWhatIsIdle(t *testing.T) {
	p, opt, log := newTestPool(t, lambda{
		extensions: map[string]string{"ext": ""},
		change:     func(_ *Function, o *Options) { o.IdleLimit = 100 * time.Millisecond },
	}, 1)
	first, err := p.Invoke(t.Context(), Invocation{Payload: []byte(`{"do":"sleep=300ms"}`)})
	if err != nil || first.FunctionError != "" {
		t.Fatalf("it was shut down at work: %v %s", err, first.Payload)
	}
	log.wait(t, `"shutdownReason":"spindown"`)
	eventually(t, "the folder's end", func() bool {
		entries, err := os.ReadDir(opt.Dir)
		return err == nil && len(entries) == 0
	})
	second, err := p.Invoke(t.Context(), Invocation{})
	if err != nil || second.Init == 0 {
		t.Errorf("after the spindown: %+v %v", second, err)
	}
}

// Neither a timer nor an environment is left of a pool that is closed while environments are idle, nor while
// one is being shut down for it.
func TestPoolClosedWhileSpinningDown(t *testing.T) {
	for range 5 {
		p, opt, _ := newTestPool(t, lambda{change: func(_ *Function, o *Options) { o.IdleLimit = time.Millisecond }}, 2)
		if _, err := p.Invoke(t.Context(), Invocation{}); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(opt.Dir); err != nil || len(entries) > 0 {
			t.Errorf("left: %v (%v)", entries, err)
		}
	}
}

// The timer of an environment that is taken, or whose pool is closed, does not run on.
func TestPoolStopsItsTimers(t *testing.T) {
	p, _, _ := newTestPool(t, lambda{change: func(_ *Function, o *Options) { o.IdleLimit = time.Hour }}, 1)
	idle := func() (e *idleEnvironment) {
		eventually(t, "an idle environment", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.idle) > 0 {
				e = p.idle[0]
			}
			return e != nil
		})
		return e
	}
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"an invocation", func() error { _, err := p.Invoke(t.Context(), Invocation{}); return err }},
		{"the close", func() error { return p.Close(t.Context()) }},
	} {
		if _, err := p.Invoke(t.Context(), Invocation{}); err != nil {
			t.Fatal(err)
		}
		e := idle()
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if e.limit.Stop() {
			t.Errorf("a timer ran on after %s", c.name)
		}
	}
}

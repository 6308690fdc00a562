package front

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// freshFor is how long a function's reserved concurrency is taken for known: it is changed by hand, and somebody who
// changes it past the front tries what came of it seconds later.
const freshFor = 2 * time.Second

// askWithin bounds asking for it: an invocation waits meanwhile.
const askWithin = 2 * time.Second

// limits counts what runs, for functions with reserved concurrency. All versions of a function share it.
type limits struct {
	mu        sync.Mutex
	functions map[string]*limit
}

type limit struct {
	asked    time.Time
	limited  bool
	reserved int
	running  int
}

// enter takes one of a function's reserved executions; leave gives it back. Without one left it refuses.
func (f *Front) enter(ctx context.Context, name string) (leave func(), refused *apiError) {
	if f.opt.Deployed == nil {
		return func() {}, nil
	}
	f.limits.mu.Lock()
	l := f.limits.functions[name]
	if l == nil {
		l = &limit{}
		f.limits.functions[name] = l
	}
	stale := time.Since(l.asked) > freshFor
	if stale {
		l.asked = time.Now() // the others need not ask too
	}
	f.limits.mu.Unlock()
	if stale {
		// An endpoint that does not answer has no limits: functions run here, whatever it knows of them.
		asking, cancel := context.WithTimeout(ctx, askWithin)
		reserved, limited, err := f.opt.Deployed.Concurrency(asking, name)
		cancel()
		f.limits.mu.Lock()
		l.reserved, l.limited = reserved, limited && err == nil
		f.limits.mu.Unlock()
	}
	f.limits.mu.Lock()
	defer f.limits.mu.Unlock()
	if l.limited && l.running >= l.reserved {
		return nil, throttled(l.reserved == 0)
	}
	l.running++
	return func() {
		f.limits.mu.Lock()
		defer f.limits.mu.Unlock()
		l.running--
	}, nil
}

// changed is told of requests that have been passed on: what they change is asked for anew.
func (l *limits) changed(r *http.Request) {
	if r.Method == http.MethodGet || !strings.HasSuffix(r.URL.Path, "/concurrency") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, function := range l.functions {
		function.asked = time.Time{}
	}
}

// run runs a function, within its limits.
func (f *Front) run(ctx context.Context, function Function, in lambdalocal.Invocation) (lambdalocal.Result, error) {
	leave, refused := f.enter(ctx, function.Name)
	if refused != nil {
		return lambdalocal.Result{}, refused
	}
	defer leave()
	return function.Invoker.Invoke(ctx, in)
}

package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/front"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// slot is a deployed function's place: what runs there can be replaced while it is invoked, without losing an invocation.
type slot struct {
	mu  sync.Mutex
	f   deployed.Function
	now *tenure // nil if the function cannot run here
}

// tenure is what runs in a slot, from one change of the function to the next.
type tenure struct {
	pool  pool
	users sync.WaitGroup // invocations that have not been answered
	files []string       // folders that nobody needs when it has ended
}

// pool is lambdalocal.Pool.
type pool interface {
	front.Invoker
	Provision(ctx context.Context, number int) error
	Close(ctx context.Context) error
}

// errRefused says that a function cannot run here; its Problem says why.
var errRefused = errors.New("it cannot run here")

// Invoke invokes what runs in the slot at this moment.
func (s *slot) Invoke(ctx context.Context, in lambdalocal.Invocation) (lambdalocal.Result, error) {
	s.mu.Lock()
	t := s.now
	if t == nil {
		s.mu.Unlock()
		return lambdalocal.Result{}, errRefused
	}
	t.users.Add(1)
	s.mu.Unlock()
	defer t.users.Done()
	return t.pool.Invoke(ctx, in)
}

// replace puts a function and what runs it into the slot and gives what ran before, nil if nothing did.
func (s *slot) replace(f deployed.Function, t *tenure) *tenure {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.now
	s.f, s.now = f, t
	return before
}

func (s *slot) function() deployed.Function {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.f
}

// retire ends what ran in a slot once its invocations have been answered and their phases have ended.
func (c *Cloud) retire(name string, t *tenure) {
	if t == nil {
		return
	}
	c.mu.Lock()
	c.retired = append(c.retired, t)
	c.mu.Unlock()
	c.retiring.Add(1)
	go func() {
		defer c.retiring.Done()
		t.users.Wait()
		// Nothing is asked of it any more; a phase ends at the function's timeout at the latest.
		if err := t.pool.Close(context.Background()); err != nil {
			c.say(fmt.Sprintf("stop what ran of %s: %v", name, err))
		}
		for _, dir := range t.files {
			_ = os.RemoveAll(dir) // else it goes with the run's folder
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, other := range c.retired {
			if other == t {
				c.retired = append(c.retired[:i], c.retired[i+1:]...)
				return
			}
		}
	}()
}

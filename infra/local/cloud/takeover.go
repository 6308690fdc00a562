package cloud

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/front"
)

const (
	// takeOverWithin bounds taking a function over for somebody who invokes it: its runtime may have to be installed first,
	// and MiniStack waits fifteen minutes for an answer.
	takeOverWithin = 12 * time.Minute

	// deployLasts is how long a deploy is taken to go on after its last request: the CDK asks every few seconds what
	// CloudFormation has done, and functions change in between.
	deployLasts = 10 * time.Second
)

// errEnding says that a function is not taken over because everything ends.
var errEnding = errors.New("the local Lambda is stopping")

// deploys are the deploys that pass through the front. While one goes on and at the first invocation after it, a function is
// looked at before it runs; at all other times looking costs invocations nothing.
type deploys struct {
	mu      sync.Mutex
	number  int            // of requests that may have changed functions
	last    time.Time      // when the newest one was answered
	checked map[string]int // number when a function was last looked at, by its name
}

func (d *deploys) passed(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.number++
	d.last = at
}

// due tells whether a function has to be looked at, and the number to note once it has been.
func (d *deploys) due(name string, now time.Time) (bool, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.number > 0 && (now.Sub(d.last) < deployLasts || d.checked[name] < d.number), d.number
}

func (d *deploys) note(name string, number int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checked[name] = max(d.checked[name], number)
}

// current makes sure that a function that is about to be invoked is the one that is deployed: one that a deploy has just
// made is taken over now, and one that it has changed as well. So what CloudFormation invokes while it deploys, custom
// resources above all, runs here like everything else.
func (c *Cloud) current(ctx context.Context, name string) error {
	_, known := c.known(name)
	due, number := c.deploys.due(name, time.Now())
	if known && !due {
		return nil
	}
	if !c.beginTaking() {
		return errEnding
	}
	defer c.taking.Done()
	// Who invokes it may go away; what has begun is of use to the next one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeOverWithin)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)() //nolint:contextcheck // the end of everything ends it as well
	seen, err := c.client.Find(ctx, name)
	if err == nil {
		err = c.renew(ctx, seen)
	}
	if err != nil {
		return asNoSuch(err)
	}
	c.deploys.note(name, number)
	return nil
}

// renew takes a function over unless that has been done.
func (c *Cloud) renew(ctx context.Context, seen deployed.Seen) error {
	if f, known := c.known(seen.Name); known && f.Fingerprint == seen.Fingerprint {
		return nil
	}
	done, err := c.turn(ctx, seen.Name)
	if err != nil {
		return err
	}
	defer done()
	if seen, err = c.client.Find(ctx, seen.Name); err != nil { // it may have changed again while others had their turn
		return err
	}
	before, known := c.known(seen.Name)
	if known && before.Fingerprint == seen.Fingerprint {
		return nil
	}
	f, err := c.client.Read(ctx, seen, c.dir.path("functions"))
	if err != nil {
		return err
	}
	if _, err := c.adopt(ctx, f, nil); err != nil {
		return err
	}
	if known {
		c.changed(fmt.Sprintf("%s: new %s", seen.Name, seen.Fingerprint.Differs(before.Fingerprint)))
	} else {
		c.changed("new function " + seen.Name)
	}
	return nil
}

// turn waits until nobody else takes a function over.
func (c *Cloud) turn(ctx context.Context, name string) (done func(), err error) {
	c.mu.Lock()
	turn, there := c.turns[name]
	if !there {
		turn = make(chan struct{}, 1)
		c.turns[name] = turn
	}
	c.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait until %s is taken over: %w", name, ctx.Err())
	}
}

// known is a function as it was taken over last.
func (c *Cloud) known(name string) (deployed.Function, bool) {
	c.mu.Lock()
	s, known := c.slots[name]
	c.mu.Unlock()
	if !known {
		return deployed.Function{}, false
	}
	f := s.function()
	return f, f.Name != "" // its slot may be there before it
}

// changed tells what was deployed anew, once everything is up: before, all is new.
func (c *Cloud) changed(what string) {
	c.mu.Lock()
	news := c.stands
	c.mu.Unlock()
	if news && c.opt.Changed != nil {
		c.opt.Changed(what)
	}
}

func (c *Cloud) standing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stands = true
}

func (c *Cloud) beginTaking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending {
		return false
	}
	c.taking.Add(1)
	return true
}

// takeNothingMore ends taking over, and waits until nobody does it any more.
func (c *Cloud) takeNothingMore() {
	c.mu.Lock()
	c.ending = true
	c.mu.Unlock()
	c.end()
	c.taking.Wait()
}

// unlessGone is an error that is not that a function has been deleted since somebody looked: the next look sees that.
func unlessGone(err error) error {
	if errors.Is(err, deployed.ErrNotFound) || errors.Is(err, front.ErrNoSuchFunction) {
		return nil
	}
	return err
}

// notes makes notes of the lines that are written, each by one Write.
type notes func(string)

func (n notes) Write(p []byte) (int, error) {
	if line := strings.TrimSpace(string(p)); line != "" {
		n(line)
	}
	return len(p), nil
}

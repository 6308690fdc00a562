package cloud

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
)

const (
	// lookEvery is how often the endpoint is asked what has changed: one request that lists functions, soon enough for
	// somebody who deploys and tries.
	lookEvery = 2 * time.Second

	// lookAtMostEvery bounds looking when a deploy passes through the front, which tells us of every step of it.
	lookAtMostEvery = 200 * time.Millisecond

	// aliveWithin bounds asking whether somebody listens on this machine.
	aliveWithin = time.Second
)

// watch reloads what is deployed anew, until ctx ends. Polling sees every deploy, also one that goes past the front;
// a request that passes through the front only brings the next look forward.
func (c *Cloud) watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	said := ""
	for {
		deploying := false
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-c.nudge:
			deploying = true
		}
		err := c.reload(ctx)
		if err == nil && deploying {
			err = c.tellAddresses(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error() // once, not every two seconds
			c.opt.Changed("cannot look for changes: " + said)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookAtMostEvery):
		}
	}
}

// tellAddresses tells of function URLs and APIs that are new.
func (c *Cloud) tellAddresses(ctx context.Context) error {
	fresh, err := c.Addresses(ctx)
	for _, address := range fresh {
		c.opt.Changed(address.What + ": " + address.URL)
	}
	return err
}

// passed is told of every request that the front has passed on: those that may change functions are worth a look.
func (c *Cloud) passed(r *http.Request) {
	// Credential=AKID/20261122/us-east-1/lambda/aws4_request
	by := r.Header.Get("Authorization")
	deploys := strings.Contains(by, "/cloudformation/aws4_request") ||
		strings.Contains(by, "/lambda/aws4_request") && r.Method != http.MethodGet
	if !deploys {
		return
	}
	c.deploys.passed(time.Now())
	select {
	case c.nudge <- struct{}{}:
	default: // somebody else's is waiting
	}
}

// reload takes over what has changed since the last look.
func (c *Cloud) reload(ctx context.Context) error {
	found, err := c.client.Look(ctx)
	if err != nil {
		return err
	}
	known := map[string]deployed.Function{}
	for _, f := range c.Deployed() {
		known[f.Name] = f
	}
	var failed []error
	for _, s := range found {
		f, there := known[s.Name]
		delete(known, s.Name)
		switch {
		case !there, f.Fingerprint != s.Fingerprint:
			failed = append(failed, unlessGone(c.renew(ctx, s)))
		case c.kind == KindMiniStack && !c.leadsHere(ctx, s):
			failed = append(failed, c.redirect(ctx, f))
		}
	}
	for name := range known {
		c.remove(name) //nolint:contextcheck // what ran ends when it is done
		c.opt.Changed("removed function " + name)
	}
	return errors.Join(failed...)
}

// leadsHere tells whether a function's triggers come to us, or are meant to stay where they are: with another `up` that
// lives. One that was killed has left its address behind.
func (c *Cloud) leadsHere(ctx context.Context, s deployed.Seen) bool {
	if strings.HasPrefix(s.Redirect, c.front.ProxyURL(s.Name)) {
		return true
	}
	address, err := url.Parse(s.Redirect)
	if err != nil || address.Host == "" {
		return false
	}
	connection, err := (&net.Dialer{Timeout: aliveWithin}).DialContext(ctx, "tcp", address.Host)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

func (c *Cloud) remove(name string) {
	c.front.Forget(name)
	c.mu.Lock()
	s := c.slots[name]
	delete(c.slots, name)
	c.mu.Unlock()
	c.retire(name, s.replace(s.function(), nil))
	c.dropVersions(name)
}

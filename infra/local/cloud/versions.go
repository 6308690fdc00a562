package cloud

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/front"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// qualified gives a published version, or the one that an alias leads to. It is read and started when it is asked for the
// first time: a function may have hundreds.
func (c *Cloud) qualified(ctx context.Context, name, qualifier string) (front.Function, error) {
	version, err := c.client.Resolve(ctx, name, qualifier)
	if err != nil {
		return front.Function{}, asNoSuch(err)
	}
	c.versionsMu.Lock()
	defer c.versionsMu.Unlock()
	key := name + ":" + version
	c.mu.Lock()
	s, known := c.versions[key]
	c.mu.Unlock()
	if !known {
		if s, err = c.startVersion(ctx, name, version, qualifier); err != nil {
			return front.Function{}, asNoSuch(err)
		}
		c.mu.Lock()
		c.versions[key] = s
		c.mu.Unlock()
	}
	f := s.function()
	return front.Function{Name: f.Name, Version: f.Version, ARN: f.ARN, Invoker: s, Tenants: f.Tenants, Problem: f.Problem}, nil
}

func (c *Cloud) startVersion(ctx context.Context, name, version, qualifier string) (*slot, error) {
	f, err := c.client.Version(ctx, name, version, c.dir.path("functions"))
	if err != nil {
		return nil, err
	}
	provisioned := c.client.Provisioned(ctx, name, version)
	if qualifier != version {
		provisioned = max(provisioned, c.client.Provisioned(ctx, name, qualifier))
	}
	if provisioned > 0 && f.InitType == lambdalocal.OnDemand {
		f.InitType = lambdalocal.ProvisionedConcurrency
	}
	s := &slot{}
	var t *tenure
	if f.Problem == nil {
		f.Problem = c.findRuntime(ctx, f.Runtime, nil)
	}
	if f.Problem == nil {
		t, f.Problem = c.begin(f, nil)
	}
	if f.Problem == nil && f.InitType == lambdalocal.ProvisionedConcurrency {
		// Who asked first waits for it, but does not end it by going away.
		if err := t.pool.Provision(context.WithoutCancel(ctx), min(provisioned, c.opt.Environments)); err != nil {
			c.say(fmt.Sprintf("provision %s:%s: %v", name, version, err))
		}
	}
	s.replace(f, t)
	return s, nil
}

// dropVersions forgets what was read of a function's versions: it was deleted, and one of the same name may come.
func (c *Cloud) dropVersions(name string) {
	c.mu.Lock()
	var dropped []*slot
	for key, s := range c.versions {
		if s.function().Name == name {
			dropped = append(dropped, s)
			delete(c.versions, key)
		}
	}
	c.mu.Unlock()
	for _, s := range dropped {
		c.retire(name, s.replace(s.function(), nil))
	}
}

func asNoSuch(err error) error {
	if errors.Is(err, deployed.ErrNotFound) {
		return fmt.Errorf("%w: %w", front.ErrNoSuchFunction, err)
	}
	return err
}

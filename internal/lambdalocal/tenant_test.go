package lambdalocal

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ofTenant invokes a pool for a tenant and tells whether an environment was started for that.
func ofTenant(t *testing.T, p *Pool, log *recorder, tenant string) (fresh bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := p.Invoke(ctx, Invocation{TenantID: tenant})
	if err != nil || r.FunctionError != "" {
		t.Fatalf("tenant %s: %v %s", tenant, err, r.Payload)
	}
	log.wait(t, "REPORT RequestId: "+r.RequestID)
	return r.Init > 0
}

// settledIdle waits until so many environments are idle.
func settledIdle(t *testing.T, p *Pool, number int) {
	t.Helper()
	eventually(t, "idle environments", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.idle) == number
	})
}

// Source: reference 2.9: an environment is dedicated to the tenant that it was started for.
func TestPoolKeepsTenantsApart(t *testing.T) {
	p, _, log := newTestPool(t, lambda{}, 2)
	for _, step := range []struct {
		tenant string
		fresh  bool
		idle   int
	}{
		{"a", true, 1}, {"a", false, 1}, {"b", true, 2}, {"a", false, 2}, {"b", false, 2},
		{"c", true, 2}, // there is no room: a's is the one that was idle for longer
		{"b", false, 2},
		{"a", true, 2},
		{"", true, 2}, // no tenant is none of them
	} {
		if fresh := ofTenant(t, p, log, step.tenant); fresh != step.fresh {
			t.Errorf("tenant %q had a new environment: %v", step.tenant, fresh)
		}
		settledIdle(t, p, step.idle)
	}
}

// A provisioned environment is nobody's until its first invocation, and then that tenant's.
func TestPoolProvisionsForAnyTenant(t *testing.T) {
	p, _, log := newTestPool(t, lambda{change: func(fn *Function, _ *Options) { fn.InitType = ProvisionedConcurrency }}, 2)
	if err := p.Provision(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	settledIdle(t, p, 1)
	if ofTenant(t, p, log, "a") {
		t.Error("the provisioned environment was not taken")
	}
	settledIdle(t, p, 1)
	if !ofTenant(t, p, log, "b") {
		t.Error("b got the environment of a")
	}
}

// Many of several tenants at once, in less room than tenants: each gets its answer, and none waits for ever.
func TestPoolOfManyTenants(t *testing.T) {
	p, _, log := newTestPool(t, lambda{}, 2)
	tenants := []string{"a", "b", "c", "a", "b", "c", "a", "b", "c"}
	answers := make(chan error, len(tenants))
	for _, tenant := range tenants {
		go func() {
			r, err := p.Invoke(t.Context(), Invocation{TenantID: tenant, Payload: []byte(`{"do":"touch=/tmp/` + tenant + ` ls=/tmp"}`)})
			if err == nil && r.FunctionError != "" {
				err = errors.New(string(r.Payload))
			}
			answers <- err
		}()
	}
	for range tenants {
		if err := within(t, "an answer", answers); err != nil {
			t.Error(err)
		}
	}
	for _, line := range log.texts(SourceFunction) {
		if strings.HasPrefix(line, "ls ") && strings.Count(line, `"`) != 2 {
			t.Errorf("a tenant saw %s", line)
		}
	}
}

// Source: Environment.Invoke: an invocation goes on when its caller hangs up; so it does in the init that it waits for.
// That init has not failed, and nothing says so.
func TestPoolWhoseCallerGivesUpInAColdStart(t *testing.T) {
	p, opt, log := newTestPool(t, lambda{bootstrap: "say=starting until=/tmp/go loop"}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := invokeBeside(ctx, p.Invoke, Invocation{Payload: []byte(`{"do":"say=delivered"}`)})
	log.wait(t, "starting")
	cancel()
	if r := within(t, "the end of Invoke", done); !errors.Is(r.err, context.Canceled) {
		t.Errorf("Invoke gave %+v, %v", r.Result, r.err)
	}
	writeFile(t, filepath.Join(opt.Dir, "env-1", "tmp", "go"), "", 0o644)
	log.wait(t, "delivered")
	log.wait(t, "REPORT")
	if log.has("INIT_REPORT") {
		t.Errorf("the log is %q", log.texts(SourcePlatform))
	}
	if r, err := p.Invoke(t.Context(), Invocation{}); err != nil || r.Init != 0 {
		t.Errorf("the environment was not kept: %+v, %v", r, err)
	}
}

// Start that its caller gives up is no init that timed out.
func TestStartThatIsGivenUp(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(context.Context) (context.Context, context.CancelFunc)
	}{
		{"cancelled", context.WithCancel},
		{"too late", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 300*time.Millisecond)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fn, opt, log := lambda{bootstrap: "say=starting sleep=1h"}.make(t)
			ctx, cancel := c.end(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, err := Start(ctx, fn, opt)
				done <- err
			}()
			if c.name == "cancelled" {
				log.wait(t, "starting")
				cancel()
			}
			if err := within(t, "the end of Start", done); !errors.Is(err, ctx.Err()) {
				t.Errorf("Start gave %v", err)
			}
			if lines := strings.Join(log.texts(SourcePlatform), "\n"); strings.Contains(lines, "INIT_REPORT") {
				t.Errorf("the log is %s", lines)
			}
		})
	}
}

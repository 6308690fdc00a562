package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/front"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

const (
	// environments is how many of a function run at once: what MiniStack's event source mappings ask
	// for at most (5), and room for a direct caller.
	environments = 6

	// closeWithin bounds the end of a function's environments: Lambda gives extensions two seconds, and
	// an invocation that still runs gets a little before that.
	closeWithin = 10 * time.Second
)

// otlpVariables lead a function's export. Where the function has its own they are replaced, all of
// them, so that nothing of a local run reaches a real collector.
var otlpVariables = [...]string{
	"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
}

// running is a function in the local Lambda.
type running struct {
	name string
	pool *lambdalocal.Pool
}

// serve brings every function into the local Lambda and every trigger of the local AWS to it.
func (c *Cloud) serve(ctx context.Context, step *progress.Step) (string, error) {
	if err := c.findRuntimes(ctx, step); err != nil {
		return "", err
	}
	if err := c.Restart(ctx, nil); err != nil {
		return "", err
	}
	for _, f := range c.deployed {
		if err := c.client.Redirect(ctx, f, c.front.ProxyURL(f.Name)); err != nil {
			return "", err
		}
	}
	var used []string
	for _, rt := range c.runtimes {
		used = append(used, rt.Name)
	}
	slices.Sort(used)
	return strings.Join(slices.Compact(used), ", "), nil
}

// findRuntimes finds or installs AWS's client for every runtime that is asked for.
func (c *Cloud) findRuntimes(ctx context.Context, step *progress.Step) error {
	c.runtimes = map[string]runtimes.Runtime{}
	opt := runtimes.Options{Root: filepath.Join(c.opt.Checkout, ".afterglow", "runtimes"), Progress: step}
	for _, f := range c.deployed {
		if err := f.Runs(); err != nil {
			return err
		}
		if _, known := c.runtimes[f.Runtime]; known {
			continue
		}
		rt, note, err := runtimes.Nearest(ctx, f.Runtime, opt)
		if err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		if note != "" {
			step.Note("%s", note)
		}
		c.runtimes[f.Runtime] = rt
	}
	return nil
}

// Restart ends the environments of every function and runs the functions anew, as they are deployed but
// for what change does to its copy; nil changes nothing. Nothing may be invoking them meanwhile.
func (c *Cloud) Restart(ctx context.Context, change func(*lambdalocal.Function)) error {
	if err := c.stopFunctions(ctx); err != nil {
		return err
	}
	for i, f := range c.deployed {
		local, err := c.localise(f)
		if err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		if change != nil {
			change(&local)
		}
		dir := c.dir.path(filepath.Join("environments", fmt.Sprintf("%d-%d", c.starts, i)))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		pool := lambdalocal.NewPool(local, lambdalocal.Options{
			Dir: dir, Runtime: c.runtimes[f.Runtime], Log: c.lines.of(f.Name), ExtraEnv: c.platformEnv(),
		}, environments)
		c.running = append(c.running, running{f.Name, pool})
		c.front.Serve(front.Function{Name: f.Name, Version: f.Version, ARN: f.ARN, Invoker: pool})
	}
	c.starts++
	return nil
}

// localise makes a function out of a deployed one: addresses in its environment work on this machine.
func (c *Cloud) localise(f deployed.Function) (lambdalocal.Function, error) {
	local := f.Function
	local.Env = map[string]string{}
	for name, value := range f.Env {
		var err error
		if local.Env[name], err = c.front.Localise(value); err != nil {
			return lambdalocal.Function{}, fmt.Errorf("variable %s: %w", name, err)
		}
	}
	if exports(f) {
		for _, name := range otlpVariables {
			delete(local.Env, name)
		}
		local.Env["OTEL_EXPORTER_OTLP_ENDPOINT"] = c.receiver.URL()
	}
	return local, nil
}

// exports tells whether something in a function exports spans: an extension of some layer may.
func exports(f deployed.Function) bool {
	for _, layer := range f.Layers {
		if entries, err := os.ReadDir(filepath.Join(layer, "extensions")); err == nil && len(entries) > 0 {
			return true
		}
	}
	return false
}

// platformEnv is what Lambda would put into a function's environment: who it is, and here also where AWS is.
func (c *Cloud) platformEnv() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":      c.URL(),
		"AWS_ACCESS_KEY_ID":     localaws.AccessKey,
		"AWS_SECRET_ACCESS_KEY": localaws.SecretKey,
		"AWS_SESSION_TOKEN":     localaws.SecretKey,
	}
}

// stopFunctions ends all environments at once: each may take its two seconds.
func (c *Cloud) stopFunctions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	failed := make([]error, len(c.running))
	var all sync.WaitGroup
	for i, r := range c.running {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := r.pool.Close(ctx); err != nil {
				failed[i] = fmt.Errorf("stop function %s: %w", r.name, err)
			}
		}()
	}
	all.Wait()
	c.running = nil
	return errors.Join(failed...)
}

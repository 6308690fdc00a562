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
	// DefaultEnvironments is how many of a function run at once: what MiniStack's event source mappings ask
	// for at most (5), and room for a direct caller.
	DefaultEnvironments = 6

	// idleLimit is after how long an environment that nobody uses is shut down, so that a run that is left up keeps no
	// processes: within the five to fifteen minutes that are seen on Lambda.
	idleLimit = 10 * time.Minute

	// closeWithin bounds the end of a function's environments: Lambda gives extensions two seconds, and
	// an invocation that still runs gets a little before that.
	closeWithin = 10 * time.Second
)

// exportVariables lead a function's export. Where the function has its own they are replaced, all of
// them, so that nothing of a local run reaches a real collector.
var exportVariables = [...]string{
	"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
	"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
	"AFTERGLOW_EXPORTERS", "AFTERGLOW_OTLP_SECRET", "AFTERGLOW_OTLP_SECRET_HEADER",
}

// serve brings the functions into the local Lambda and the triggers of a MiniStack to them.
func (c *Cloud) serve(ctx context.Context, functions []deployed.Function, step *progress.Step) (string, error) {
	var used []string
	for _, f := range functions {
		f, err := c.settle(ctx, f, step)
		if err != nil {
			return "", err
		}
		if f.Problem == nil {
			used = append(used, c.runtimeOf(f).Name)
		}
	}
	slices.Sort(used)
	return strings.Join(slices.Compact(used), ", "), nil
}

// settle adopts a function that a deploy has not had taken over.
func (c *Cloud) settle(ctx context.Context, f deployed.Function, step *progress.Step) (deployed.Function, error) {
	done, err := c.turn(ctx, f.Name)
	if err != nil {
		return f, err
	}
	defer done()
	if known, is := c.known(f.Name); is && known.Fingerprint == f.Fingerprint {
		return known, nil
	}
	return c.adopt(ctx, f, step)
}

// runtimeOf is what a function that runs here runs on.
func (c *Cloud) runtimeOf(f deployed.Function) runtimes.Runtime {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runtimes[f.Runtime]
}

// adopt starts a function anew in its slot, makes it known and has its triggers lead here. What is wrong with the function
// is its Problem then, unless nobody wants to hear of refused ones.
func (c *Cloud) adopt(ctx context.Context, f deployed.Function, step *progress.Step) (deployed.Function, error) {
	var t *tenure
	if f.Problem == nil {
		f.Problem = c.findRuntime(ctx, f.Runtime, step)
	}
	if f.Problem == nil {
		t, f.Problem = c.begin(f, nil)
	}
	if ctx.Err() != nil {
		return f, ctx.Err()
	}
	if f.Problem != nil {
		if c.opt.Refused == nil {
			return f, fmt.Errorf("function %s: %w", f.Name, f.Problem)
		}
		c.opt.Refused(f.Name, f.Problem)
	}
	s := c.slotOf(f.Name)
	before := s.replace(f, t)
	c.front.Serve(front.Function{Name: f.Name, Version: f.Version, ARN: f.ARN, Invoker: s, Tenants: f.Tenants, Problem: f.Problem})
	c.retire(f.Name, before) //nolint:contextcheck // it outlives the change
	return f, c.redirect(ctx, f)
}

// redirect has a function's triggers lead here; those of a MiniStack of our own do from the start. One that cannot run here
// is left to a MiniStack that is not ours.
func (c *Cloud) redirect(ctx context.Context, f deployed.Function) error {
	if c.kind == KindMiniStack && f.Problem == nil {
		return c.client.Redirect(ctx, f, c.front.ProxyURL(f.Name))
	}
	return nil
}

// slotOf gives the place of a function, made if there is none.
func (c *Cloud) slotOf(name string) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, known := c.slots[name]
	if !known {
		s = &slot{}
		c.slots[name] = s
	}
	return s
}

// Deployed are the functions, by name.
func (c *Cloud) Deployed() []deployed.Function {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []deployed.Function
	for _, s := range c.slots {
		all = append(all, s.function())
	}
	slices.SortFunc(all, func(a, b deployed.Function) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// findRuntime finds or installs AWS's client for a runtime. Another version than the function was deployed for may behave
// otherwise, so it stands in only where that was asked for.
func (c *Cloud) findRuntime(ctx context.Context, name string, step *progress.Step) error {
	c.mu.Lock()
	_, known := c.runtimes[name]
	c.mu.Unlock()
	if known {
		return nil
	}
	opt := runtimes.Options{Root: filepath.Join(c.opt.Checkout, ".afterglow", "runtimes")}
	if step != nil {
		opt.Progress = step
	} else {
		opt.Progress = notes(c.note) // somebody waits for it without knowing
	}
	var rt runtimes.Runtime
	var note string
	var err error
	if c.opt.Nearest {
		rt, note, err = runtimes.Nearest(ctx, name, opt)
	} else if rt, err = runtimes.Find(ctx, name, opt); errors.Is(err, runtimes.ErrMissing) || errors.Is(err, runtimes.ErrVersion) {
		err = fmt.Errorf("%w; or run it on the nearest version that is here: up --nearest", err)
	}
	if err != nil {
		return err
	}
	if note != "" {
		c.note(note)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runtimes[name] = rt
	return nil
}

// runsOn is the runtime that is used for one that functions ask for; "" if there is none.
func (c *Cloud) runsOn(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runtimes[name].Name
}

// begin makes the pool of a function. Its first invocation starts its first environment.
func (c *Cloud) begin(f deployed.Function, change func(*lambdalocal.Function)) (*tenure, error) {
	local, err := c.localise(f)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(&local)
	}
	c.mu.Lock()
	c.starts++
	dir := c.dir.path(filepath.Join("environments", fmt.Sprintf("%d-%s", c.starts, f.Name)))
	c.mu.Unlock()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of environments: %w", err)
	}
	rt, err := forCustomResources(f, c.runtimeOf(f))
	if err != nil {
		return nil, err
	}
	files := []string{dir}
	if strings.HasPrefix(f.Code, c.dir.root+string(filepath.Separator)) { // not the user's own folder
		files = append(files, f.Code)
		if err := layBeside(f.Code); err != nil {
			return nil, err
		}
	}
	return &tenure{files: files, pool: lambdalocal.NewPool(local, lambdalocal.Options{
		Dir: dir, Runtime: rt, Log: c.lines.of(f.Name), ExtraEnv: c.platformEnv(f), IdleLimit: idleLimit,
		BoostInit: true, // as Lambda has been seen to do; at 128 MB an init takes seconds without
	}, c.opt.Environments)}, nil
}

// Restart ends the environments of every function and runs the functions anew, as they are deployed but
// for what change does to its copy; nil changes nothing. Nothing may be invoking them meanwhile.
func (c *Cloud) Restart(ctx context.Context, change func(*lambdalocal.Function)) error {
	if err := c.stopFunctions(ctx); err != nil {
		return err
	}
	for _, f := range c.Deployed() {
		if f.Problem != nil {
			continue
		}
		t, err := c.begin(f, change)
		if err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		c.slotOf(f.Name).replace(f, t)
	}
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
		for _, name := range exportVariables {
			delete(local.Env, name)
		}
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

// platformEnv is what Lambda would put into a function's environment: who it is, and here also where AWS is and
// where spans go. It is not the function's own part, which may be as large already as Lambda lets it be.
func (c *Cloud) platformEnv(f deployed.Function) map[string]string {
	env := c.credentialsEnv()
	env["AWS_ENDPOINT_URL"] = c.URL()
	if exports(f) {
		env["OTEL_EXPORTER_OTLP_ENDPOINT"] = c.receiver.URL()
		if f.Env["AFTERGLOW_FLUSH"] == "" {
			env["AFTERGLOW_FLUSH"] = "end" // who sends a few requests wants to see their flow, and nothing here is billed
		}
	}
	return env
}

// credentialsEnv is who a function is. Nobody's real credentials are in it: what a function of a real account does here
// must not reach that account.
func (c *Cloud) credentialsEnv() map[string]string {
	who := c.opt.Credentials
	if who.AccessKey == "" || c.kind == KindAWS {
		who = Credentials{AccessKey: localaws.AccessKey, SecretKey: localaws.SecretKey, SessionToken: localaws.SecretKey}
	}
	env := map[string]string{"AWS_ACCESS_KEY_ID": who.AccessKey, "AWS_SECRET_ACCESS_KEY": who.SecretKey}
	if who.SessionToken != "" {
		env["AWS_SESSION_TOKEN"] = who.SessionToken
	}
	return env
}

// stopFunctions ends all environments at once: each may take its two seconds.
func (c *Cloud) stopFunctions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	c.mu.Lock()
	ending := append([]*tenure(nil), c.retired...)
	for _, places := range []map[string]*slot{c.slots, c.versions} {
		for _, s := range places {
			if t := s.replace(s.function(), nil); t != nil {
				ending = append(ending, t)
			}
		}
	}
	c.mu.Unlock()
	failed := make([]error, len(ending))
	var all sync.WaitGroup
	for i, t := range ending {
		all.Add(1)
		go func() {
			defer all.Done()
			failed[i] = t.pool.Close(ctx)
		}()
	}
	all.Wait()
	c.retiring.Wait()
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("stop functions: %w", err)
	}
	return nil
}

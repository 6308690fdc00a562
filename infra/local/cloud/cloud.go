// Package cloud is the whole local run: a local AWS with the app deployed to it, the app's functions in
// a local Lambda, and a collector that takes what they export.
//
// It takes a folder with a cdk.json, or the endpoint of an AWS that is there already, and gives a Cloud that stands until
// Down. Everything that it writes is in one folder of its own, which Down removes. What was deployed is
// taken as AWS's own Lambda API tells it; three things are changed on the way into the local Lambda,
// and nothing else: addresses that lead nowhere on this machine lead to the front, AWS_ENDPOINT_URL and
// credentials are those of the local AWS, and the collector of the functions that have one is ours.
//
// Of an endpoint that was there, nothing is changed but where a MiniStack's functions lead, and that is set back by Down.
// Whatever is deployed while a Cloud stands is taken over, if somebody wants to hear of it.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/control"
	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/destination"
	"github.com/afterglow-lambda/afterglow/infra/local/front"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// Kind is what stands behind the front.
type Kind string

// The kinds of endpoints, from the one that is all ours to the one that nothing may happen to.
const (
	KindOwn       Kind = "a MiniStack of its own" // started and deployed to by us
	KindMiniStack Kind = "a MiniStack"            // was there: its functions are redirected, and set back at the end
	KindOther     Kind = "AWS-compatible"         // is only read
	KindAWS       Kind = "real AWS"               // is only read, and only if that was asked for
)

// Options say what to run and how.
type Options struct {
	Checkout string // folder of go.mod and .afterglow
	App      string // folder of cdk.json; "" means Checkout
	Runs     string // folder for the folders of runs; "" means DefaultRuns of Checkout
	Port     int    // of the AWS endpoint; 0 means a free one
	Log      *progress.Log

	// Endpoint is an AWS-compatible endpoint to take functions from, instead of starting one and deploying App.
	Endpoint    string
	Account     string            // that a local AWS stands for; "" means its default
	Credentials Credentials       // for the endpoint; the region is a local AWS's too
	ReadAWS     bool              // it may be a real account, which is read then
	Code        map[string]string // folders instead of what the endpoint has, by name of function or layer

	// Environments is how many of a function run at once; 0 means DefaultEnvironments. They share this machine's loopback: what
	// listens on a fixed port works in one at a time.
	Environments int

	// RetrySpeed is how many times faster than on Lambda asynchronous invocations are tried again; 0 means 1.
	RetrySpeed float64

	// Nearest has functions run on the nearest version of their runtime where their own is missing, with a line that says so.
	Nearest bool

	// Refused is told of functions that cannot run here. nil means that all have to, or Up fails.
	Refused func(function string, reason error)

	// Changed is told, in a line, what was deployed anew and is taken over. nil means that nothing is looked for.
	Changed func(what string)

	// Lines gets what functions, extensions and platform print, one line at a time; may be nil.
	Lines func(function string, line lambdalocal.Line)

	// Through is front.Options' own; may be nil.
	Through func(base string) (string, error)
}

// Credentials say who asks an endpoint, and in which region.
type Credentials struct {
	Region, AccessKey, SecretKey, SessionToken string
}

// Cloud is a running local AWS with the app in it.
type Cloud struct {
	opt      Options
	kind     Kind
	dir      *runDir
	machine  tools.Machine
	server   *localaws.Server // nil unless KindOwn
	upstream string
	client   *deployed.Client
	sender   *destination.Sender
	front    *front.Front
	receiver *otlptest.Receiver
	lines    *lines
	outputs  map[string]string

	nudge    chan struct{} // a deploy may be going on
	stopped  context.CancelFunc
	watching sync.WaitGroup

	versionsMu sync.Mutex // one version at a time is read

	deploys deploys        // that have passed through the front
	taking  sync.WaitGroup // functions that are taken over for somebody who invokes them
	life    context.Context
	end     context.CancelFunc

	mu       sync.Mutex
	slots    map[string]*slot            // of functions by name
	versions map[string]*slot            // of published versions by name:version
	runtimes map[string]runtimes.Runtime // by the name that functions ask for
	retired  []*tenure                   // that still work
	retiring sync.WaitGroup
	starts   int                      // how often functions were started, for folder names
	turns    map[string]chan struct{} // of who takes a function over, by name
	stands   bool                     // Up is done: what is taken over now is news
	ending   bool                     // Down has begun
	triggers []deployed.Trigger
	told     map[string]string // addresses, by what they are
}

// DefaultRuns is where the runs of a checkout are.
func DefaultRuns(checkout string) string { return filepath.Join(checkout, ".afterglow", "local") }

// ToolsFolder is where the tools of a checkout are installed.
func ToolsFolder(checkout string) string { return filepath.Join(checkout, ".afterglow", "tools") }

// Up sets everything up, step by step. After an error nothing is left.
func Up(ctx context.Context, opt Options) (*Cloud, error) {
	if opt.App == "" {
		opt.App = opt.Checkout
	}
	if opt.Environments <= 0 {
		opt.Environments = DefaultEnvironments
	}
	if opt.Runs == "" {
		opt.Runs = DefaultRuns(opt.Checkout)
	}
	dir, err := newRunDir(ctx, opt.Runs, (&Cloud{opt: opt}).note)
	if err != nil {
		return nil, err
	}
	c := &Cloud{
		opt: opt, dir: dir, kind: KindOwn, nudge: make(chan struct{}, 1), stopped: func() {},
		told: map[string]string{}, turns: map[string]chan struct{}{},
		slots: map[string]*slot{}, versions: map[string]*slot{}, runtimes: map[string]runtimes.Runtime{},
	}
	c.deploys.checked = map[string]int{}
	c.life, c.end = context.WithCancel(context.WithoutCancel(ctx))
	up := c.upOwn
	if opt.Endpoint != "" {
		up = c.upEndpoint
	}
	err = firstError(func() error { return up(ctx) }, func() error { return dir.announce(c.front.ControlURL()) })
	if err != nil {
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		return nil, errors.Join(err, c.Down(down))
	}
	c.standing()
	if opt.Changed != nil && c.kind != KindAWS { // nobody's account is asked every two seconds
		watch, stop := context.WithCancel(context.WithoutCancel(ctx))
		c.stopped = stop
		c.watching.Add(1)
		go func() {
			defer c.watching.Done()
			c.watch(watch)
		}()
	}
	return c, nil
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// open starts what is ours around an endpoint: the front, the collector, the log.
func (c *Cloud) open(ctx context.Context, endpoint deployed.Endpoint) (err error) {
	c.upstream = endpoint.URL
	if c.lines, err = newLines(c.dir, c.opt.Lines); err != nil {
		return err
	}
	if c.receiver, err = otlptest.Start(otlptest.Options{}); err != nil { //nolint:contextcheck // it lives until Down
		return err
	}
	c.client = deployed.NewClient(endpoint)
	c.sender = destination.New(endpoint.URL, endpoint.Region, endpoint.AccessKey, endpoint.SecretKey, endpoint.SessionToken)
	opt := front.Options{
		Upstream: endpoint.URL, Port: c.opt.Port, Through: c.opt.Through, Log: c.say,
		Qualified: c.qualified, Current: c.current, Control: control.Handler(c), Passed: c.passed, Mend: c.plain,
		Deployed: c.client, Send: c.sender.Send, AtOnce: c.opt.Environments, Haste: c.opt.RetrySpeed,
	}
	if c.kind == KindAWS {
		opt.Refuse = func(*http.Request) error {
			return fmt.Errorf("%s is a real account: its functions run here, but nothing is passed on to it", endpoint.URL)
		}
		opt.Current, opt.Deployed, opt.Send = nil, nil, nil // an account is not asked at every invocation, and gets nothing
	}
	c.front, err = front.Start(ctx, opt)
	return err
}

// URL is the AWS endpoint for clients.
func (c *Cloud) URL() string { return c.front.URL() }

// Receiver is the collector that the functions export to.
func (c *Cloud) Receiver() *otlptest.Receiver { return c.receiver }

// Output is an output of the app's stacks, with addresses that work on this machine; "" if there is none.
func (c *Cloud) Output(name string) string { return c.outputs[name] }

// Outputs are all outputs by name.
func (c *Cloud) Outputs() map[string]string { return c.outputs }

// Assembly is the folder of what was synthesized.
func (c *Cloud) Assembly() string { return localaws.CDK{Dir: c.dir.root}.Assembly() }

// Functions are the names of the functions that run.
func (c *Cloud) Functions() []string {
	var names []string
	for _, f := range c.Deployed() {
		if f.Problem == nil {
			names = append(names, f.Name)
		}
	}
	return names
}

// Folder is the run's own, by which other processes find it.
func (c *Cloud) Folder() string { return c.dir.root }

// Kind is what stands behind the front.
func (c *Cloud) Kind() Kind { return c.kind }

// Triggers are what invokes the functions of an endpoint that cannot bring them here.
func (c *Cloud) Triggers() []deployed.Trigger { return c.triggers }

// Journal has what functions, extensions and platform printed.
func (c *Cloud) Journal() *control.Journal { return c.lines.journal }

// Status tells what runs, for other processes.
func (c *Cloud) Status() control.Status {
	status := control.Status{URL: c.URL(), Account: c.opt.Account, Region: c.region(), Endpoint: c.upstream, Kind: string(c.kind), Pid: os.Getpid()}
	if c.kind == KindOwn {
		status.App = c.opt.App
	}
	for _, f := range c.Deployed() {
		shown := control.Function{Name: f.Name, LogicalID: f.LogicalID, Stack: f.Stack, ARN: f.ARN, Runtime: f.Runtime, RunsOn: c.runsOn(f.Runtime)}
		if f.Problem != nil {
			shown.Problem = f.Problem.Error()
		}
		status.Functions = append(status.Functions, shown)
	}
	return status
}

func (c *Cloud) region() string { return c.place().Region }

// place is what a local AWS stands for.
func (c *Cloud) place() localaws.Place {
	return localaws.Place{Account: c.opt.Account, Region: c.opt.Credentials.Region}.OrDefault()
}

// say writes a line of our own into the log.
func (c *Cloud) say(text string) {
	c.lines.take("afterglow", lambdalocal.Line{Time: time.Now(), Source: lambdalocal.SourcePlatform, Text: text})
}

// FunctionsLog is the file that has what functions, extensions and platform print.
func (c *Cloud) FunctionsLog() string { return c.lines.file.Name() }

// NewestLines are the last lines of it.
func (c *Cloud) NewestLines() string { return c.lines.newest() }

// Done is closed when the local AWS has ended, which it should not before Down; never if it is not ours.
func (c *Cloud) Done() <-chan struct{} {
	if c.server == nil {
		return nil
	}
	return c.server.Done()
}

// Down shuts everything down in order: triggers go where they went before, no more invocations, then the functions, with
// Lambda's SHUTDOWN so that extensions flush what they have, the collector after that. It is bounded by ctx and leaves neither
// process nor file.
func (c *Cloud) Down(ctx context.Context) error {
	var failed []error
	c.stopped()
	c.watching.Wait()
	if c.kind == KindMiniStack && c.client != nil {
		failed = append(failed, c.setBack(ctx))
	}
	if c.front != nil { // first, so that nothing is invoked any more
		failed = append(failed, c.front.Close(ctx))
	}
	c.takeNothingMore()
	failed = append(failed, c.stopFunctions(ctx))
	if c.client != nil {
		c.client.Close()
		c.sender.Close()
	}
	if c.receiver != nil {
		failed = append(failed, c.receiver.Close())
	}
	if c.server != nil {
		c.server.Stop()
	}
	failed = append(failed, c.dir.remove())
	return errors.Join(failed...)
}

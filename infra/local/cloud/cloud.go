// Package cloud is the whole local run: a local AWS with the app deployed to it, the app's functions in
// a local Lambda, and a collector that takes what they export.
//
// It takes a checkout with a cdk.json and gives a Cloud that stands until Down. Everything that it
// writes is in one folder of its own, which Down removes. What was deployed is
// taken as AWS's own Lambda API tells it; three things are changed on the way into the local Lambda,
// and nothing else: addresses that lead nowhere on this machine lead to the front, AWS_ENDPOINT_URL and
// credentials are those of the local AWS, and the collector of the functions that have one is ours.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/front"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/infra/local/tools"
	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// Steps is how many steps Up tells of.
const Steps = 9

// Options say what to run and how.
type Options struct {
	Checkout string // folder of go.mod and .afterglow
	App      string // folder of cdk.json; "" means Checkout
	Runs     string // folder for the folders of runs; "" means DefaultRuns of Checkout
	Port     int    // of the AWS endpoint; 0 means a free one
	Log      *progress.Log

	// Lines gets what functions, extensions and platform print, one line at a time; may be nil.
	Lines func(function string, line lambdalocal.Line)

	// Through is front.Options' own; may be nil.
	Through func(base string) (string, error)
}

// Cloud is a running local AWS with the app in it.
type Cloud struct {
	opt      Options
	dir      *runDir
	machine  tools.Machine
	server   *localaws.Server
	client   *deployed.Client
	front    *front.Front
	receiver *otlptest.Receiver
	lines    *lines

	outputs  map[string]string
	deployed []deployed.Function         // as AWS tells them
	runtimes map[string]runtimes.Runtime // by the name that functions ask for
	running  []running                   // as they run
	starts   int                         // how often they were started, for folder names
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
	if opt.Runs == "" {
		opt.Runs = DefaultRuns(opt.Checkout)
	}
	dir, err := newRunDir(opt.Runs)
	if err != nil {
		return nil, err
	}
	c := &Cloud{opt: opt, dir: dir}
	if err := c.up(ctx); err != nil {
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		return nil, errors.Join(err, c.Down(down))
	}
	return c, nil
}

func (c *Cloud) up(ctx context.Context) error {
	log, folder := c.opt.Log, ToolsFolder(c.opt.Checkout)
	var miniStack, cli []string
	return firstError(
		func() error {
			return log.Do("looking for Go, Python 3 and Node.js", func(s *progress.Step) (_ string, err error) {
				c.machine, err = tools.Look(ctx, s)
				return c.machine.String(), err
			})
		},
		func() error {
			return log.Do("installing MiniStack, the local AWS", func(s *progress.Step) (_ string, err error) {
				miniStack, err = tools.MiniStack(ctx, c.machine, folder, s)
				return "MiniStack " + tools.MiniStackVersion, err
			})
		},
		func() error {
			return log.Do("installing the CDK CLI", func(s *progress.Step) (_ string, err error) {
				cli, err = tools.CDK(ctx, c.machine, folder, s)
				return "aws-cdk " + tools.CDKVersion, err
			})
		},
		func() error {
			return log.Do("compiling the app of cdk.json", func(s *progress.Step) (string, error) {
				return localaws.Compile(ctx, c.machine.Go, c.opt.App, c.dir.path("app"), s)
			})
		},
		func() error {
			return log.Do("starting the local AWS on loopback", func(s *progress.Step) (_ string, err error) {
				return c.startAWS(ctx, miniStack)
			})
		},
		func() error {
			return log.Do("cdk bootstrap", func(s *progress.Step) (string, error) {
				return "aws://" + localaws.Account + "/" + localaws.Region, c.cdk(cli, s).Bootstrap(ctx)
			})
		},
		func() error {
			return log.Do("cdk deploy (runs the app, which builds the layer)", func(s *progress.Step) (string, error) {
				return c.deploy(ctx, c.cdk(cli, s))
			})
		},
		func() error {
			return log.Do("reading the functions back through Lambda's API", func(s *progress.Step) (_ string, err error) {
				c.deployed, err = c.client.Functions(ctx, c.dir.path("functions"))
				return fmt.Sprintf("%d functions with code, layers and environment", len(c.deployed)), err
			})
		},
		func() error {
			return log.Do("starting a local Lambda with AWS's runtime clients", func(s *progress.Step) (string, error) {
				return c.serve(ctx, s)
			})
		},
	)
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) startAWS(ctx context.Context, command []string) (string, error) {
	log, err := c.dir.logFile("ministack.log")
	if err != nil {
		return "", err
	}
	if c.lines, err = newLines(c.dir, c.opt.Lines); err != nil {
		return "", err
	}
	if c.server, err = localaws.Start(ctx, localaws.Options{Command: command, Dir: c.dir.path("aws"), Output: log}); err != nil {
		return "", err
	}
	if c.receiver, err = otlptest.Start(otlptest.Options{}); err != nil { //nolint:contextcheck // it lives until Down
		return "", err
	}
	c.front, err = front.Start(ctx, front.Options{
		Upstream: c.server.Endpoint(), Port: c.opt.Port, Through: c.opt.Through,
		Log: func(text string) {
			c.lines.take("front", lambdalocal.Line{Time: time.Now(), Source: lambdalocal.SourcePlatform, Text: text})
		},
	})
	if err != nil {
		return "", err
	}
	c.client = deployed.NewClient(deployed.Endpoint{
		URL: c.server.Endpoint(), Region: localaws.Region, AccessKey: localaws.AccessKey, SecretKey: localaws.SecretKey,
	})
	return c.URL(), nil
}

func (c *Cloud) cdk(command []string, output io.Writer) localaws.CDK {
	log, err := c.dir.logFile("cdk.log")
	if err == nil {
		output = io.MultiWriter(output, log)
	}
	return localaws.CDK{Command: command, Endpoint: c.server.Endpoint(), App: c.opt.App, Dir: c.dir.root, Output: output,
		Cache: filepath.Join(c.opt.Checkout, ".afterglow", "cache")}
}

func (c *Cloud) deploy(ctx context.Context, cdk localaws.CDK) (string, error) {
	// The app's own default is arm64, whatever runs the CDK.
	stacks, err := cdk.Deploy(ctx, "--context", "architecture="+deployed.HostArchitecture())
	if err != nil {
		return "", err
	}
	c.outputs = map[string]string{}
	for _, outputs := range stacks {
		for name, value := range outputs {
			if c.outputs[name], err = c.front.Localise(value); err != nil {
				return "", err
			}
		}
	}
	return "deployed " + strings.Join(slices.Sorted(maps.Keys(stacks)), ", "), nil
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
	for _, f := range c.deployed {
		names = append(names, f.Name)
	}
	return names
}

// FunctionsLog is the file that has what functions, extensions and platform print.
func (c *Cloud) FunctionsLog() string { return c.lines.file.Name() }

// NewestLines are the last lines of it.
func (c *Cloud) NewestLines() string { return c.lines.newest() }

// Done is closed when the local AWS has ended, which it should not before Down.
func (c *Cloud) Done() <-chan struct{} { return c.server.Done() }

// Down shuts everything down in order: no more invocations, then the functions, with Lambda's SHUTDOWN so
// that extensions flush what they have, the collector after that. It is bounded by ctx and leaves neither
// process nor file.
func (c *Cloud) Down(ctx context.Context) error {
	var failed []error
	if c.front != nil { // first, so that nothing is invoked any more
		failed = append(failed, c.front.Close(ctx))
	}
	failed = append(failed, c.stopFunctions(ctx))
	if c.client != nil {
		c.client.Close()
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

package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// Steps is how many steps Up tells of when it starts a local AWS.
const Steps = 9

// upOwn starts a local AWS and deploys the app to it.
func (c *Cloud) upOwn(ctx context.Context) error {
	log, folder := c.opt.Log, ToolsFolder(c.opt.Checkout)
	var miniStack, cli []string
	var functions []deployed.Function
	return firstError(
		c.checkApp,
		func() error {
			return log.Do("looking for Go, Python 3 and Node.js", func(s *progress.Step) (_ string, err error) {
				c.machine, err = tools.Look(ctx)
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
				return "aws://" + c.place().Account + "/" + c.place().Region, explain(c.cdk(cli, s).Bootstrap(ctx))
			})
		},
		func() error {
			return log.Do("cdk deploy (runs the app, which builds the layer)", func(s *progress.Step) (string, error) {
				return c.deploy(ctx, c.cdk(cli, s))
			})
		},
		func() error {
			return log.Do("reading the functions back through Lambda's API", func(s *progress.Step) (_ string, err error) {
				functions, err = c.read(ctx, s)
				return fmt.Sprintf("%d functions with code, layers and environment", len(functions)), err
			})
		},
		func() error {
			return log.Do("starting a local Lambda with AWS's runtime clients", func(s *progress.Step) (string, error) {
				return c.serve(ctx, functions, s)
			})
		},
	)
}

// checkApp looks for the app before anything else is done.
func (c *Cloud) checkApp() error {
	_, err := os.Stat(filepath.Join(c.opt.App, "cdk.json"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no cdk.json in %s: name the folder of a CDK app by --app, or an endpoint by --endpoint", c.opt.App)
	}
	if err != nil {
		return fmt.Errorf("look for cdk.json: %w", err)
	}
	return nil
}

func (c *Cloud) startAWS(ctx context.Context, command []string) (string, error) {
	log, err := c.dir.logFile("ministack.log")
	if err != nil {
		return "", err
	}
	if c.server, err = localaws.Start(ctx, localaws.Options{Command: command, Dir: c.dir.path("aws"), Output: log, Place: c.place()}); err != nil {
		return "", err
	}
	err = c.open(ctx, deployed.Endpoint{
		URL: c.server.Endpoint(), Region: c.region(), AccessKey: localaws.AccessKey, SecretKey: localaws.SecretKey, Code: c.opt.Code,
	})
	if err != nil {
		return "", err
	}
	return c.server.Endpoint(), c.server.Lead(c.front.ProxyBase())
}

func (c *Cloud) cdk(command []string, output io.Writer) localaws.CDK {
	log, err := c.dir.logFile("cdk.log")
	if err == nil {
		output = io.MultiWriter(output, log)
	}
	return localaws.CDK{
		Command: command, Endpoint: c.server.Endpoint(), App: c.opt.App, Dir: c.dir.root, Output: output, Cache: CDKCache(c.opt.Checkout), Place: c.place(),
	}
}

// CDKCache is where the CDK CLI of a checkout keeps what it needs again.
func CDKCache(checkout string) string { return filepath.Join(checkout, ".afterglow", "cache") }

// DeployArguments are what every deploy to a local AWS needs: our example's own default is arm64, whatever runs the CDK.
// An app that does not know the context does not see it.
func DeployArguments() []string {
	return []string{"--context", "architecture=" + deployed.HostArchitecture()}
}

func (c *Cloud) deploy(ctx context.Context, cdk localaws.CDK) (string, error) {
	stacks, err := cdk.Deploy(ctx, DeployArguments()...)
	if err != nil {
		return "", explain(err)
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

// explain adds what to do about an app that is written for an account or a region of its own: the CDK only says that they differ.
func explain(err error) error {
	if err == nil {
		return nil
	}
	for _, sign := range []string{"Need to perform AWS calls for account", "has the environment been bootstrapped", "Has the environment been bootstrapped"} {
		if strings.Contains(err.Error(), sign) {
			return fmt.Errorf("%w\nThe app names an account or a region: have the local AWS stand for them by --account and --region", err)
		}
	}
	return err
}

// read reads all functions but those that a deploy has invoked already, telling of each.
func (c *Cloud) read(ctx context.Context, s *progress.Step) ([]deployed.Function, error) {
	return c.client.Functions(ctx, c.dir.path("functions"), func(seen deployed.Seen) (deployed.Function, bool) {
		fmt.Fprintln(s, seen.Name)
		f, known := c.known(seen.Name)
		return f, known && f.Fingerprint == seen.Fingerprint
	})
}

// note tells the user something beside the steps.
func (c *Cloud) note(text string) {
	if c.opt.Log != nil {
		c.opt.Log.Note("%s", text)
	}
}

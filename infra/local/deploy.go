package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/localaws"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// runDeploy runs `cdk deploy` with the CDK CLI that `up` uses, against what is up: all that the user would have to set for
// a plain `cdk deploy` is set.
func runDeploy(ctx context.Context, c call, args []string) error {
	var runs, app string
	flags := c.flags("deploy", &runs)
	flags.StringVar(&app, "app", "", "`folder` of the cdk.json; the one that is up if not given")
	others, err := parse(flags, args)
	if err != nil {
		return err
	}
	run, err := cloud.Find(runs)
	if err != nil {
		return err
	}
	status, err := run.Status(ctx)
	switch {
	case err != nil:
		return err
	case status.Kind == string(cloud.KindAWS):
		return fmt.Errorf("what is up stands for a real AWS account, which is not deployed to from here")
	case app == "" && status.App != "":
		app = status.App
	case app == "":
		app = "."
	}
	if app, err = filepath.Abs(app); err != nil {
		return fmt.Errorf("find the app: %w", err)
	}
	machine, err := tools.Look(ctx)
	if err != nil {
		return err
	}
	cli, err := tools.CDK(ctx, machine, cloud.ToolsFolder(c.checkout), c.stderr)
	if err != nil {
		return err
	}
	// Not in the folder of the run: that is up's own.
	dir, err := os.MkdirTemp("", "afterglow-deploy-")
	if err != nil {
		return fmt.Errorf("make folder for the deploy: %w", err)
	}
	defer os.RemoveAll(dir)
	_, err = localaws.CDK{
		Command: cli, Endpoint: status.URL, App: app, Dir: dir, Output: io.Writer(c.stdout), Cache: cloud.CDKCache(c.checkout),
		Place: localaws.Place{Account: status.Account, Region: status.Region},
	}.Deploy(ctx, append(cloud.DeployArguments(), others...)...)
	return err
}

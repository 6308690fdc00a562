package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/progress"
	"github.com/afterglow-lambda/afterglow/internal/child"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

// prepared are the runtimes that the tests ask for. Of Python and Java whatever this machine has is taken, and one Java
// is installed where there is none and that can be done; Node.js comes from npm, and Python 3.14 from Maven.
var prepared = []string{"nodejs20.x", "nodejs22.x", "nodejs24.x", "java17", "java21", "java25",
	"python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"}

// nearest are runtimes that the tests ask for too, of which whatever is nearest is taken: no package registry has Ruby 3.4, and PyPI has .NET 8 for Linux on x86-64 alone.
var nearest = []string{"ruby3.4", "dotnet8"}

// preparation is one thing to install.
type preparation struct {
	title string
	do    func(*progress.Step) (string, error)
}

// runPrepare installs what demo and tests need and says so while it lasts. As root on Debian and its kin it alone installs packages
// of the system, too. Tests install it themselves too; but what
// they say is not shown before a package's tests have ended.
func runPrepare(ctx context.Context, c call, args []string) error {
	var runs string
	if err := c.flags("prepare", &runs).Parse(args); err != nil {
		return unparsed(err)
	}
	folder := cloud.ToolsFolder(c.checkout)
	var machine tools.Machine
	steps := []preparation{
		{"looking for Go, Python 3 and Node.js", func(s *progress.Step) (_ string, err error) {
			machine, err = tools.LookOrInstall(ctx, func(what string) { s.Note("%s", what) })
			return machine.String(), err
		}},
		{"installing MiniStack, the local AWS", func(s *progress.Step) (string, error) {
			_, err := tools.MiniStack(ctx, machine, folder, s)
			return "MiniStack " + tools.MiniStackVersion, err
		}},
		{"installing the CDK CLI", func(s *progress.Step) (string, error) {
			_, err := tools.CDK(ctx, machine, folder, s)
			return "aws-cdk " + tools.CDKVersion, err
		}},
		{"installing moto and the AWS CLI, for tests", func(s *progress.Step) (string, error) {
			_, err := tools.Peers(ctx, machine, folder, s)
			if errors.Is(err, tools.ErrOldPython) {
				return err.Error(), nil // the tests that want them say so
			}
			return "", err
		}},
		{"installing linters for recipes, for tests", func(s *progress.Step) (string, error) {
			_, err := tools.RecipeLinters(ctx, machine, folder, s)
			return "", err
		}},
		{"installing AWS's runtime clients", func(s *progress.Step) (string, error) {
			return prepareRuntimes(ctx, c.checkout, s)
		}},
		{"fetching AWS's client for Go, with which the tests build a function", func(s *progress.Step) (string, error) {
			return "", child.Run(ctx, child.Command{Name: "go mod download", Args: []string{machine.Go, "mod", "download", "github.com/aws/aws-lambda-go"},
				Dir: c.checkout, Env: os.Environ(), Output: s})
		}},
	}
	steps = append(steps, conformance(ctx, c.checkout, &machine)...)
	log := progress.New(c.stdout, len(steps))
	for _, step := range steps {
		if err := log.Do(step.title, step.do); err != nil {
			return err
		}
	}
	return nil
}

func prepareRuntimes(ctx context.Context, checkout string, s *progress.Step) (string, error) {
	var found []string
	opt := runtimes.Options{Root: filepath.Join(checkout, ".afterglow", "runtimes"), Progress: s,
		SystemPackages: func(what string) { s.Note("%s", what) }}
	for _, name := range slices.Concat(prepared, nearest) {
		find := runtimes.Find
		if slices.Contains(nearest, name) {
			find = func(ctx context.Context, name string, opt runtimes.Options) (runtimes.Runtime, error) {
				rt, note, err := runtimes.Nearest(ctx, name, opt)
				if note != "" {
					s.Note("%s", note)
				}
				return rt, err
			}
		}
		rt, err := find(ctx, name, opt)
		switch {
		case err == nil:
			found = append(found, rt.Name)
		case errors.Is(err, runtimes.ErrMissing):
			s.Note("%s", strings.SplitN(err.Error(), "\n", 2)[0])
		default:
			return "", fmt.Errorf("install %s: %w", name, err)
		}
	}
	return strings.Join(found, ", "), nil
}

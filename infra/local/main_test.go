package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/afterglow-lambda/afterglow/infra/local/cloud"
	"github.com/afterglow-lambda/afterglow/infra/local/deployed"
	"github.com/afterglow-lambda/afterglow/internal/child"
	"github.com/afterglow-lambda/afterglow/internal/tools"
)

func TestMain(m *testing.M) {
	if err := child.Adopt(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	for _, command := range child.Sweep() {
		fmt.Fprintln(os.Stderr, "left by a test:", command)
		code = 1
	}
	os.Exit(code)
}

// needMachine skips a test on a machine that lacks Go, Python or Node.js; CI may not lack them.
func needMachine(t *testing.T) {
	t.Helper()
	if _, err := tools.Look(context.Background()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
}

// A reader that has seen enough is no error, as for any filter; what else fails is.
func TestFollowed(t *testing.T) {
	gone := fmt.Errorf("read the run's answer: %w", &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE})
	other := errors.New("other")
	for _, follow := range []bool{true, false} {
		if err := followed(t.Context(), follow, gone); err != nil {
			t.Errorf("following %t: got %v", follow, err)
		}
		if err := followed(t.Context(), follow, other); !errors.Is(err, other) {
			t.Errorf("following %t: got %v", follow, err)
		}
	}
}

func TestCalled(t *testing.T) {
	got := called(map[string]string{"Url": "http://127.0.0.1:1/", "Table": "t"}, []deployed.Address{{What: "REST API shop, stage prod", URL: "http://127.0.0.1:2/prod/"}})
	const want = "\nTo be called, with curl or a browser, at\n  http://127.0.0.1:2/prod/  REST API shop, stage prod\n" +
		"\nOutputs of the app, with this machine's addresses\n  Table = t\n  Url = http://127.0.0.1:1/\n"
	if got != want || called(nil, nil) != "" {
		t.Errorf("got %q", got)
	}
}

// What other terminals are told to run names the run, if that is not where they look anyway.
func TestPrintedCommandsNameTheRun(t *testing.T) {
	u := up{call: call{checkout: "/c"}, opt: cloud.Options{Runs: "/my runs", App: "/c"}}
	if got := u.runsFlag() + u.appFlag(); got != " --runs '/my runs'" {
		t.Errorf("got %q", got)
	}
	u.opt.Runs, u.opt.App = cloud.DefaultRuns("/c"), "/a/it's"
	if got := u.runsFlag() + u.appFlag(); got != ` --app '/a/it'\''s'` {
		t.Errorf("got %q", got)
	}
}

func TestCommands(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"none", nil, misused, "", "usage:"},
		{"help", []string{"help"}, succeeded, "usage:", ""},
		{"unknown", []string{"dance"}, misused, "", `no command "dance"`},
		{"help of a command", []string{"up", "--help"}, succeeded, "", "-endpoint"},
		{"help of one more", []string{"prepare", "-h"}, succeeded, "", "-runs"},
		{"a flag that is unknown", []string{"demo", "--fast"}, misused, "", "flag provided but not defined"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			ctx := context.Background()
			if code := run(ctx, ctx, test.args, strings.NewReader(""), &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("got stdout %q and stderr %q", stdout.String(), stderr.String())
			}
		})
	}
}

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/infra/local/child"
	"github.com/afterglow-lambda/afterglow/infra/local/tools"
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

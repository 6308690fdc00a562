//go:build linux

package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// rubyRuntime is the one of Lambda's that Debian has.
const rubyRuntime = "ruby3.3"

func ruby() language {
	return language{
		name: "ruby", libraries: []string{"net/http"}, warmup: 3,
		mark:    marks{call: 60 * time.Microsecond, init: 8 * time.Millisecond},
		noOther: "its gems are at RubyGems alone, which cannot be reached from where this is run; Debian has none of them",
		build:   buildRuby,
	}
}

func buildRuby(ctx context.Context, shop *workshop) (program, error) {
	rt, err := runtimes.Find(ctx, rubyRuntime, runtimes.Options{Progress: shop.progress})
	if err != nil {
		return program{}, err
	}
	version, err := exec.CommandContext(ctx, filepath.Join(rt.Lang, "bin", "ruby"), "-e", "print RUBY_VERSION").Output()
	if err != nil {
		return program{}, err
	}
	return program{
		title: "Ruby " + strings.TrimSpace(string(version)), rt: rt, code: filepath.Join(shop.programs, "ruby"), caller: "caller.handler", idle: "idle.handler",
	}, nil
}

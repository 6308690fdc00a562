//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// newestDotnet is that of those which registries have.
const newestDotnet = "dotnet9"

func dotnet() language {
	return language{
		name: "dotnet", libraries: []string{"HttpClient"},
		warmup:    60, // the JIT compiles what was called thirty times a second time, in the background
		mark:      marks{init: 25 * time.Millisecond},
		noOther:   "its packages are at NuGet alone, which cannot be reached from where this is run",
		noAnswers: "the hook keeps no bodies of answers",
		build:     buildDotnet,
	}
}

func buildDotnet(ctx context.Context, shop *workshop) (program, error) {
	rt, err := runtimes.Find(ctx, newestDotnet, runtimes.Options{Progress: shop.progress})
	if err != nil {
		return program{}, err
	}
	task, err := os.MkdirTemp(shop.dir, "dotnet-")
	if err != nil {
		return program{}, err
	}
	c := runtimes.CSharp{Out: filepath.Join(task, "app.dll"), Sources: []string{filepath.Join(shop.programs, "dotnet", "Caller.cs")}, References: []string{filepath.Join(rt.Dir, "Amazon.Lambda.Core.dll")}}
	if err := c.Compile(ctx, runtimes.Options{Progress: shop.progress}); err != nil {
		return program{}, err
	}
	for name, text := range map[string]string{ // what `dotnet publish` makes
		"app.deps.json": `{"runtimeTarget":{"name":".NETCoreApp,Version=v3.1"},
			"targets":{".NETCoreApp,Version=v3.1":{"app/1.0.0":{"runtime":{"app.dll":{}}}}},
			"libraries":{"app/1.0.0":{"type":"project","serviceable":false,"sha512":""}}}`,
		"app.runtimeconfig.json": `{"runtimeOptions":{"rollForward":"LatestMajor","framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(task, name), []byte(text), 0o644); err != nil { //nolint:gosec // no secret
			return program{}, err
		}
	}
	return program{title: ".NET 9", rt: rt, code: task, caller: "app::Caller::Handle", idle: "app::Idle::Handle"}, nil
}

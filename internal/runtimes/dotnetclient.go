package runtimes

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// dotnetFiles are our client and the interface that functions are compiled against.
//
//go:embed clients/dotnet
var dotnetFiles embed.FS

// makeDotnetClient fills what becomes /var/runtime: the program that Lambda's bootstrap starts, the interface
// for functions that bring none, and AWS's own client if there is one.
func (in *installer) makeDotnetClient(ctx context.Context, core string, published publishedClient, dir string) error {
	sources := filepath.Join(filepath.Dir(dir), "sources")
	files, err := fs.Sub(dotnetFiles, "clients/dotnet")
	if err != nil {
		return fmt.Errorf("read client: %w", err)
	}
	if err := os.CopyFS(sources, files); err != nil {
		return fmt.Errorf("write client: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, c := range []CSharp{
		{Out: filepath.Join(dir, lambdaCore)},
		{Out: filepath.Join(dir, runtimeSupport), Program: true, References: []string{filepath.Join(dir, lambdaCore)}},
	} {
		folder := "core"
		if c.Program {
			folder = "client"
		}
		if c.Sources, err = filepath.Glob(filepath.Join(globQuote(sources), folder, "*.cs")); err != nil {
			return fmt.Errorf("list sources: %w", err)
		}
		if err := in.compile(ctx, core, c); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(sources); err != nil {
		return fmt.Errorf("remove what only the build needed: %w", err)
	}
	if published.client == "" {
		in.say("AWS's .NET client is not on this machine (NuGet has it as Amazon.Lambda.RuntimeSupport): using a client of our own")
		return nil
	}
	return published.copyTo(dir)
}

// The names of the two assemblies, which are contracts: of the client and of what functions refer to.
const (
	runtimeSupport = "Amazon.Lambda.RuntimeSupport.dll"
	lambdaCore     = "Amazon.Lambda.Core.dll"
)

// publishedClient is AWS's client in NuGet's folder on this machine; client is "" if there is none.
type publishedClient struct {
	client string // the path of Amazon.Lambda.RuntimeSupport.dll
	core   string // and of the Amazon.Lambda.Core.dll that goes with it; "" if there is none
}

// locatePublishedClient finds the newest one that runs on a major version of .NET.
func locatePublishedClient(major int) publishedClient {
	packages := os.Getenv("NUGET_PACKAGES")
	if packages == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return publishedClient{}
		}
		packages = filepath.Join(home, ".nuget", "packages")
	}
	p := publishedClient{client: newestAssembly(packages, runtimeSupport, major)}
	if p.client != "" {
		p.core = newestAssembly(packages, lambdaCore, major)
	}
	return p
}

// newestAssembly is the path of an assembly in its newest package, in the newest form that a major version of
// .NET runs; "" if there is none.
func newestAssembly(packages, assembly string, major int) string {
	dir := filepath.Join(packages, strings.ToLower(strings.TrimSuffix(assembly, ".dll")))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	best, bestVersion := "", []int(nil)
	for _, e := range entries {
		version, ok := versionNumbers(e.Name())
		if !ok || best != "" && slices.Compare(version, bestVersion) < 0 {
			continue
		}
		for _, form := range packageForms(major) {
			path := filepath.Join(dir, e.Name(), "lib", form, assembly)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				best, bestVersion = path, version
				break
			}
		}
	}
	return best
}

// packageForms are NuGet's names for what a major version of .NET runs, newest first.
func packageForms(major int) []string {
	var forms []string
	for n := major; n >= 5; n-- { // net5.0 was the first one of this name
		forms = append(forms, fmt.Sprintf("net%d.0", n))
	}
	return append(forms, "netcoreapp3.1", "netstandard2.0")
}

// copyTo puts AWS's client where our program looks for it.
func (p publishedClient) copyTo(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "published"), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	copies := map[string]string{p.client: filepath.Join(dir, "published", runtimeSupport)}
	if p.core != "" {
		copies[p.core] = filepath.Join(dir, lambdaCore)
	}
	for from, to := range copies {
		b, err := os.ReadFile(from)
		if err != nil {
			return fmt.Errorf("copy AWS's .NET client: %w", err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			return fmt.Errorf("copy AWS's .NET client: %w", err)
		}
	}
	return nil
}

// dotnetStamp is everything that an installation depends on.
func dotnetStamp(machine dotnet, published publishedClient) (string, error) {
	parts := []string{coreCLRPackage, "machine " + machine.root + " " + machine.version + " " + machine.asp, "published " + published.client + " " + published.core}
	err := fs.WalkDir(dotnetFiles, "clients/dotnet", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := dotnetFiles.ReadFile(path)
		parts = append(parts, path, string(b))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read client: %w", err)
	}
	return strings.Join(parts, "\n"), nil
}

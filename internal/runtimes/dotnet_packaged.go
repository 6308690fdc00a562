package runtimes

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
)

// packaged is a .NET that a program on a registry brings along: whole, and in files of its own.
type packaged struct {
	version string
	pin     string // of the package, with its digest, which pip or npm checks
	program string // the folder of the description that lists what belongs to .NET, and the description's name without its end
	also    string // an assembly that the list lacks, because the program brings it from elsewhere
	origin  string // for who waits
	unpack  func(ctx context.Context, in *installer, p packaged, dir string) error
}

// packagedDotnets have .NET 8 of Microsoft's artifacts-keyring, and .NET 9 of an early MCP server for Azure: later ones, with .NET 10, are
// single files whose framework is trimmed.
func packagedDotnets() map[string]packaged {
	return map[string]packaged{
		"8": {
			version: "8.0.15", program: "CredentialProvider.Microsoft", origin: "PyPI (35 MB)", unpack: unpackFromWheel,
			pin: "artifacts-keyring==1.0.0 --hash=sha256:efd79b4122971679bbc58cf5aa5989346161fb74bcb7d4bbb4a4d2aeb696c299",
		},
		"9": {
			version: "9.0.1", program: "azmcp", also: "System.Formats.Asn1.dll", origin: "npm (57 MB)", unpack: unpackFromNpm,
			pin: `{"name": "dotnet", "lockfileVersion": 3, "packages": {
				"": {"dependencies": {"@azure/mcp-linux-x64": "0.1.0"}},
				"node_modules/@azure/mcp-linux-x64": {"version": "0.1.0",
					"integrity": "sha512-PdtdmolYddEK1NldaB75sAmGQURLFVLACfwgh+TEjYltbFT4uSL0YqZBrR55SZ5S0/MtKaMCJmbYcvB/VpMfkA=="}}}`,
		},
	}
}

const (
	netCoreApp     = "Microsoft.NETCore.App"
	libraryHostFxr = "libhostfxr.so"
)

// isPackaged tells whether a registry has a version for this machine.
func isPackaged(version string) bool {
	_, ok := packagedDotnets()[version]
	return ok && runtime.GOOS == "linux" && runtime.GOARCH == "amd64"
}

// packagedDotnet returns a registry's .NET, laid out as an installation is. core has the program dotnet, which starts any newer version.
func (in *installer) packagedDotnet(ctx context.Context, version, core string) (dotnet, error) {
	p := packagedDotnets()[version]
	dir, err := in.ensure(ctx, "dotnet"+p.version, p.pin, func(ctx context.Context, tmp string) error {
		in.say("installing .NET %s from %s", p.version, p.origin)
		if err := p.unpack(ctx, in, p, tmp); err != nil {
			return err
		}
		return copyFile(os.DirFS(filepath.Join(core, "bin")), "dotnet", filepath.Join(tmp, "dotnet"))
	})
	return dotnet{root: dir, version: p.version}, err
}

// unpackFromWheel takes .NET out of a wheel of PyPI's.
func unpackFromWheel(ctx context.Context, in *installer, p packaged, dir string) error {
	platform := []string{"--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"}
	return in.fromWheel(ctx, dir, p.pin, platform, func(wheel, dir string) error {
		archive, err := zip.OpenReader(wheel)
		if err != nil {
			return fmt.Errorf("open wheel: %w", err)
		}
		defer func() { _ = archive.Close() }() // it was only read
		return p.layOut(archive, dir)
	})
}

// unpackFromNpm takes .NET out of a package of npm's, which is installed by a lock file.
func unpackFromNpm(ctx context.Context, in *installer, p packaged, dir string) error {
	if err := in.needTools(ctx, []tool{{program: "npm"}}); err != nil {
		return err
	}
	tmp := filepath.Join(dir, "package")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	var lock struct{ Packages map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(p.pin), &lock); err != nil {
		return fmt.Errorf("read pin: %w", err)
	}
	for name, content := range map[string][]byte{"package.json": lock.Packages[""], "package-lock.json": []byte(p.pin)} {
		if err := write0644(filepath.Join(tmp, name), content); err != nil {
			return err
		}
	}
	if err := in.run(ctx, tmp, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		return err
	}
	if err := p.layOut(os.DirFS(tmp), dir); err != nil {
		return err
	}
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("remove what only the installation needed: %w", err)
	}
	return nil
}

// assets are files of a description, by name, with what is said of each.
type assets map[string]json.RawMessage

// layOut puts what belongs to .NET where an installation has it, and describes it: without a description the host does not find it.
func (p packaged) layOut(files fs.FS, dir string) error {
	folder, err := p.folder(files)
	if err != nil {
		return err
	}
	parts, err := p.parts(folder)
	if err != nil {
		return err
	}
	shared := filepath.Join(dir, "shared", netCoreApp, p.version)
	for _, kind := range parts {
		for name := range kind {
			if _, err := fs.Stat(folder, name); err != nil { // one that is of use to tracers alone is listed and left out
				delete(kind, name)
				continue
			}
			to := filepath.Join(shared, name)
			if name == libraryHostFxr {
				to = filepath.Join(dir, "host", "fxr", p.version, name)
			}
			if err := copyFile(folder, name, to); err != nil {
				return err
			}
		}
	}
	name, target := netCoreApp+".Runtime.linux-x64/"+p.version, ".NETCoreApp,Version=v"+p.version[:3]+"/linux-x64"
	described, err := json.Marshal(map[string]any{
		"runtimeTarget": map[string]string{"name": target},
		"targets":       map[string]any{target: map[string]any{name: parts}},
		"libraries":     map[string]any{name: map[string]any{"type": "package", "serviceable": true, "sha512": ""}},
	})
	if err != nil {
		return fmt.Errorf("describe .NET: %w", err)
	}
	return write0644(filepath.Join(shared, netCoreApp+".deps.json"), described)
}

// folder is where a package has the program and .NET.
func (p packaged) folder(files fs.FS) (fs.FS, error) {
	var found fs.FS
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != libraryHostFxr {
			return err
		}
		if _, err := fs.Stat(files, path.Join(path.Dir(name), p.program+".deps.json")); err != nil {
			return nil //nolint:nilerr // another program's
		}
		found, err = fs.Sub(files, path.Dir(name))
		return err
	})
	if err == nil && found == nil {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("look for %s beside %s in the package: %w", libraryHostFxr, p.program, err)
	}
	return found, nil
}

// parts lists what belongs to .NET, by kind: "runtime" and "native".
func (p packaged) parts(folder fs.FS) (map[string]assets, error) {
	content, err := fs.ReadFile(folder, p.program+".deps.json")
	if err != nil {
		return nil, fmt.Errorf("read what the package has: %w", err)
	}
	var d struct {
		Targets map[string]map[string]struct{ Runtime, Native assets } `json:"targets"`
	}
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, fmt.Errorf("read what the package has: %w", err)
	}
	pack := "runtimepack." + netCoreApp + ".Runtime.linux-x64/" + p.version
	for _, target := range d.Targets {
		if have, ok := target[pack]; ok {
			if p.also != "" {
				have.Runtime[p.also] = json.RawMessage("{}")
			}
			return map[string]assets{"runtime": have.Runtime, "native": have.Native}, nil
		}
	}
	return nil, fmt.Errorf("look for %s in the package: %w", pack, os.ErrNotExist)
}

// copyFile copies a program or a library.
func copyFile(from fs.FS, name, to string) error {
	content, err := fs.ReadFile(from, name)
	if err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(to, content, 0o755); err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	return nil
}

func write0644(file string, content []byte) error {
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return fmt.Errorf("describe .NET: %w", err)
	}
	return nil
}

package layer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	goversion "go/version"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

const (
	modulePath    = "github.com/afterglow-lambda/afterglow"
	extensionPath = "extension" // the extension's package, relative to the module
	licenseFile   = "LICENSE"
)

// A moduleSource is the directory of this module's source: this repository, a checkout that a replace directive names, or a
// read-only directory of the module cache.
type moduleSource struct {
	dir string
}

// findSource asks the go command. A consumer's go.sum lacks the sums of packages that only the extension needs, and a vendored
// consumer lacks their files, so the extension is always built inside this module's own directory, with its own go.mod.
func findSource(ctx context.Context) (moduleSource, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return moduleSource{}, errNoGo
	}
	dir, listErr := listModule(ctx)
	if listErr == nil && dir != "" {
		return moduleSource{dir}, nil
	}
	if listErr != nil {
		if err := tooOld(ctx); err != nil {
			return moduleSource{}, errors.Join(err, listErr)
		}
	}
	// A vendored project names the module but has only some of its files, and a compiled app may run anywhere: the build info
	// tells the version, the module cache or proxy has the rest.
	version := linkedVersion()
	if version == "" {
		return moduleSource{}, errors.Join(listErr,
			fmt.Errorf("run the app from a directory inside the Go module that requires %s", modulePath))
	}
	dir, err := downloadModule(ctx, version)
	if err != nil {
		return moduleSource{}, errors.Join(listErr, err, fmt.Errorf("the source of %[1]s %[2]s is neither in the module cache nor to be had from GOPROXY, and a vendor directory "+
			"has only a part of it: run `go mod download %[1]s@%[2]s` where the network can be reached, keep the module cache, or take the layer from elsewhere (LayerFromArn)", modulePath, version))
	}
	return moduleSource{dir}, nil
}

// listModule gives the module's directory as the Go module around the working directory sees it, "" if it is not in the cache. The user's flags may say which go.mod
// is meant, and are tried first; flags that go list does not understand, or that mean another module, are none of ours.
func listModule(ctx context.Context) (string, error) {
	// The flag goes before a vendor directory and before what GOFLAGS says: neither knows the directory.
	args := []string{"list", "-mod=readonly", "-m", "-f", "{{.Dir}}", modulePath}
	out, err := goCommand(ctx, "", nil, args...)
	if err != nil {
		out, err = goCommand(ctx, "", peaceful(), args...)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// peaceful is the user's environment without what changes how the go command works: as for the build, but with the workspace, which may say where the module is. The
// two that are set go before what `go env -w` keeps, which a variable without a value would not.
func peaceful() []string {
	clean := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return neutralised.MatchString(entry) && !strings.HasPrefix(entry, "GOWORK=")
	})
	return append(clean, "GOFLAGS=-mod=readonly", "GO111MODULE=on")
}

// oldestGo is what go.mod asks for. It has to be known where the module's directory is not: a go command that is older refuses to say where.
const oldestGo = "go1.25.0"

// tooOld gives an error if that is why the go command fails.
func tooOld(ctx context.Context) error {
	out, err := goCommand(ctx, "", peaceful(), "env", "GOVERSION")
	if err != nil {
		return fmt.Errorf("ask the go command on PATH for its version: %w", err)
	}
	return refuseOld(strings.TrimSpace(string(out)), oldestGo)
}

// refuseOld gives an error if one version of Go is older than another. What is no release, such as a developer's own, passes.
func refuseOld(found, needed string) error {
	if goversion.IsValid(needed) && goversion.IsValid(found) && goversion.Compare(found, needed) < 0 {
		return fmt.Errorf("the go command on PATH is %s and Afterglow needs %s: install a newer Go (https://go.dev/dl), or set GOTOOLCHAIN=auto", found, needed)
	}
	return nil
}

func downloadModule(ctx context.Context, version string) (string, error) {
	out, err := goCommand(ctx, "", peaceful(), "mod", "download", "-json", modulePath+"@"+version)
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", fmt.Errorf("read go mod download: %w", err)
	}
	return module.Dir, nil
}

// linkedVersion is the version of this module that the running program was linked with, "" if it is not a released one.
func linkedVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == modulePath && module.Replace == nil {
			return module.Version
		}
	}
	return ""
}

func (s moduleSource) license() ([]byte, error) {
	return os.ReadFile(filepath.Join(s.dir, licenseFile))
}

// digest covers everything of this module that the extension is made of: the extension's directory, the packages of ours that
// it imports, and go.mod and go.sum, which pin what is not ours.
func (s moduleSource) digest() (string, error) {
	h := sha256.New()
	packages, err := s.packages()
	if err != nil {
		return "", err
	}
	names := []string{"go.mod", "go.sum"}
	for _, pkg := range packages {
		files, err := s.files(pkg)
		if err != nil {
			return "", err
		}
		names = append(names, files...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		data, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(name)))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", name, len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// packages follows the imports from the extension through this module. The go command could tell the same, but a warm synth
// would wait for it each time.
func (s moduleSource) packages() ([]string, error) {
	seen := map[string]bool{}
	queue := []string{extensionPath}
	for len(queue) > 0 {
		pkg := queue[0]
		queue = queue[1:]
		if seen[pkg] {
			continue
		}
		seen[pkg] = true
		sources, err := filepath.Glob(filepath.Join(s.dir, filepath.FromSlash(pkg), "*.go"))
		if err != nil {
			return nil, err
		}
		for _, name := range sources {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				continue // the compiler tells it better
			}
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if own, ok := strings.CutPrefix(imported, modulePath+"/"); err == nil && ok {
					queue = append(queue, own)
				}
			}
		}
	}
	var packages []string
	for pkg := range seen {
		packages = append(packages, pkg)
	}
	slices.Sort(packages)
	return packages, nil
}

// files lists what is in a package's directory and below it, tests left out. Below it because of what it may embed.
func (s moduleSource) files(pkg string) ([]string, error) {
	var names []string
	root := os.DirFS(s.dir)
	err := fs.WalkDir(root, pkg, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path.Base(name) == "testdata" || strings.HasPrefix(path.Base(name), ".")):
			return fs.SkipDir
		case entry.Type().IsRegular() && !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(path.Base(name), "."):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	return names, nil
}

var errNoGo = errors.New("there is no go command on PATH; Afterglow builds its extension with the Go toolchain when the app is " +
	"synthesised: install Go (https://go.dev/dl) where cdk runs, or deploy the zips that `make layer` writes")

// goCommand runs the go command. Its error holds what the command said.
func goCommand(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = dir
	command.Env = env
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, tail(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

// maxOutput is what is shown of a failed command: enough for the compiler's ten errors, not for a whole dependency tree.
const maxOutput = 8 << 10

func tail(output []byte) []byte {
	output = bytes.TrimSpace(output)
	if len(output) > maxOutput {
		return append([]byte("[…] "), output[len(output)-maxOutput:]...)
	}
	return output
}

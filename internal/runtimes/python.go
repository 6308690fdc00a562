package runtimes

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"time"
)

// pythonBootstrap becomes /var/runtime/bootstrap.py.
//
//go:embed python/bootstrap.py
var pythonBootstrap []byte

// pythonPins are AWS's runtime client and what the managed runtime has beside it: the AWS SDK and what
// both need. They are complete, so that nothing is resolved at installation.
func pythonPins(version string) []string {
	if version == "3.9" { // the last versions that take it
		return []string{
			"awslambdaric==4.0.4", "boto3==1.42.97", "botocore==1.42.97", "s3transfer==0.16.1",
			"jmespath==1.1.0", "python-dateutil==2.9.0.post0", "six==1.17.0", "urllib3==1.26.20",
			"simplejson==4.3.0", "snapshot-restore-py==1.0.0",
		}
	}
	return []string{
		"awslambdaric==4.2.2", "boto3==1.43.106", "botocore==1.43.106", "s3transfer==0.19.3",
		"jmespath==1.1.0", "python-dateutil==2.9.0.post0", "six==1.17.0", "urllib3==2.8.0",
		"simplejson==4.3.0", "snapshot-restore-py==1.0.0",
	}
}

// pythonLayout is raised when something of ours beside the pinned packages changes: checkouts of different age
// may share the folder of runtimes, and each keeps its own.
const pythonLayout = "-2"

func pythonVersions() []string { return []string{"3.9", "3.10", "3.11", "3.12", "3.13", "3.14"} }

// python is an interpreter of this machine.
type python struct {
	Version  string // "3.13"
	Full     string // "3.13.0"
	Prefix   string // the folder whose bin has it; not a virtual environment's
	Modified time.Time
}

func (p python) path() string { return filepath.Join(p.Prefix, "bin", "python"+p.Version) }

func findPython(ctx context.Context, version string, opt Options) (Runtime, error) {
	if !slices.Contains(pythonVersions(), version) {
		return Runtime{}, noSuchVersion(familyPython, "Python", version, pythonVersions())
	}
	in, err := newInstaller(opt)
	if err != nil {
		return Runtime{}, err
	}
	name := join(familyPython, version)
	folder := name + pythonLayout
	interpreter, ok := in.recordedPython(folder)
	if !ok {
		if interpreter, err = locatePython(ctx, version); err != nil {
			interpreter, err = in.fetchPython(ctx, version, err)
		}
		if err != nil {
			return Runtime{}, err
		}
	}
	pins := pythonPins(version)
	// The interpreter belongs to the stamp: byte code and native parts are made for its version.
	stamp := strings.Join(append(pins, "interpreter "+interpreter.Full+" "+interpreter.Prefix, runtime.GOOS+" "+runtime.GOARCH, string(pythonBootstrap)), "\n")
	dir, err := in.ensure(ctx, folder, stamp, func(ctx context.Context, tmp string) error {
		if err := in.installPython(ctx, interpreter, pins, filepath.Join(tmp, "runtime")); err != nil {
			return err
		}
		return recordPython(tmp, interpreter)
	})
	if err != nil {
		return Runtime{}, err
	}
	return Runtime{
		Name:    name,
		Command: []string{"/var/lang/bin/python" + version, "/var/runtime/bootstrap.py"},
		Dir:     filepath.Join(dir, "runtime"),
		Lang:    interpreter.Prefix,
	}, nil
}

// interpreterFile in an installed runtime holds the interpreter that was found for it. To find it anew
// would mean to start several programs, some of them slow shims of version managers.
const interpreterFile = "interpreter.json"

func recordPython(dir string, p python) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("record interpreter: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, interpreterFile), b, 0o644); err != nil {
		return fmt.Errorf("record interpreter: %w", err)
	}
	return nil
}

// recordedPython is the interpreter of an earlier installation if it has not changed since.
func (in *installer) recordedPython(folder string) (python, bool) {
	var p python
	b, err := os.ReadFile(filepath.Join(in.root, folder, interpreterFile))
	if err != nil || json.Unmarshal(b, &p) != nil {
		return python{}, false
	}
	info, err := os.Stat(p.path())
	return p, err == nil && info.ModTime().Equal(p.Modified)
}

func (in *installer) installPython(ctx context.Context, p python, pins []string, dir string) error {
	argv := []string{p.path(), "-m", "pip", "install", "--quiet", "--no-deps", "--target", dir}
	if runtime.GOOS == "linux" {
		// AWS has wheels for Linux only; building one would need a compiler and CMake.
		argv = append(argv, "--only-binary=:all:")
	}
	in.say("installing AWS's Python client and SDK with pip: %s", strings.Join(pins[:2], ", "))
	if err := in.run(ctx, "", nil, append(argv, pins...)...); err != nil {
		if strings.Contains(err.Error(), "No module named pip") {
			return fmt.Errorf("pip of %s: %w; install with: sudo apt-get install -y python3-pip", p.path(), ErrMissing)
		}
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "bootstrap.py"), pythonBootstrap, 0o644); err != nil {
		return fmt.Errorf("write bootstrap: %w", err)
	}
	return nil
}

// locatePython looks for exactly this version on the PATH, in the folders of version managers and in
// the system's.
func locatePython(ctx context.Context, version string) (python, error) {
	program := "python" + version
	var candidates, shims []string
	for _, name := range []string{program, "python3"} {
		p, err := exec.LookPath(name)
		switch {
		case err != nil:
		case strings.Contains(p, "/shims/"): // a version manager's script: slow, and for its own idea of a version
			shims = append(shims, p)
		default:
			candidates = append(candidates, p)
		}
	}
	candidates = append(candidates, managedPythons(version)...)
	for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"} {
		candidates = append(candidates, filepath.Join(dir, program))
	}
	for _, c := range append(candidates, shims...) {
		if p, ok := askPython(ctx, c); ok && p.Version == version {
			return p, nil
		}
	}
	return python{}, fmt.Errorf("interpreter of Python %s: %w; install with: pyenv install %s (or: %s)", version, ErrMissing, version,
		sudo(installCommand([]tool{{program: program, deb: program + "-venv", darwin: "python@" + version}})))
}

// managedPythons are the interpreters that pyenv and uv have installed, newest first.
func managedPythons(version string) []string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/nonexistent"
	}
	pyenv := os.Getenv("PYENV_ROOT")
	if pyenv == "" {
		pyenv = filepath.Join(home, ".pyenv")
	}
	var found []string
	for _, pattern := range []string{
		filepath.Join(pyenv, "versions", version+".*", "bin", "python"+version),
		filepath.Join(home, ".local", "share", "uv", "python", "cpython-"+version+".*", "bin", "python"+version),
	} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			continue // a home with a bracket in its name; the PATH is still looked at
		}
		sort.Sort(sort.Reverse(sort.StringSlice(matches)))
		found = append(found, matches...)
	}
	return found
}

// askPython asks a program what it is. Shims of version managers exist for versions that they then
// refuse to run, and an interpreter of a virtual environment names the one that it was made from.
func askPython(ctx context.Context, path string) (python, bool) {
	const question = `import sys; print("%d.%d" % sys.version_info[:2], sys.version.split()[0], getattr(sys, "base_prefix", sys.prefix), sep="\n")`
	cmd := exec.CommandContext(ctx, path, "-I", "-c", question)
	out, err := cmd.Output()
	if err != nil {
		return python{}, false
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 3 {
		return python{}, false
	}
	p := python{Version: lines[0], Full: lines[1], Prefix: lines[2]}
	info, err := os.Stat(p.path())
	if err != nil {
		return python{}, false
	}
	p.Modified = info.ModTime()
	return p, true
}

// pythonsHere are the known versions that this machine has, or can have.
func pythonsHere(ctx context.Context) []string {
	var here []string
	for _, v := range pythonVersions() {
		_, err := locatePython(ctx, v)
		if _, _, ok := pythonBuildOf(v); ok || err == nil {
			here = append(here, v)
		}
	}
	return here
}

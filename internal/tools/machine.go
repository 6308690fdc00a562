package tools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/afterglow-lambda/afterglow/internal/apt"
	"github.com/afterglow-lambda/afterglow/internal/child"
)

// oldestPython and oldestNode are what MiniStack and the CDK CLI ask for.
const (
	oldestPython = "3.10"
	oldestNode   = "18.0"
)

// Machine is what a machine must bring itself.
type Machine struct {
	Go, Python, Node, Npm                 string // programs, by absolute path
	GoVersion, PythonVersion, NodeVersion string
}

// String names the versions.
func (m Machine) String() string {
	return fmt.Sprintf("Go %s, Python %s, Node.js %s", m.GoVersion, m.PythonVersion, m.NodeVersion)
}

// Look finds Go, a Python that can make virtual environments, and Node.js. Its error names everything
// that is missing, and how to get it.
func Look(ctx context.Context) (Machine, error) { return LookOrInstall(ctx, nil) }

// LookOrInstall is Look; but what Debian keeps in a package beside Python is installed as root, which system is told before.
func LookOrInstall(ctx context.Context, system func(what string)) (Machine, error) {
	var m Machine
	var missing []error
	var err error
	if m.Go, m.GoVersion, err = program(ctx, "go", "version"); err != nil {
		missing = append(missing, fmt.Errorf("go: %w; see https://go.dev/doc/install", err))
	}
	if m.Python, m.PythonVersion, err = python(ctx, system); err != nil {
		missing = append(missing, err)
	}
	if m.Node, m.NodeVersion, err = program(ctx, "node", "--version"); err != nil {
		missing = append(missing, fmt.Errorf("node: %w; see https://nodejs.org/en/download", err))
	} else if older(m.NodeVersion, oldestNode) {
		missing = append(missing, fmt.Errorf("node: %s is %s, the CDK CLI wants %s or newer", m.Node, m.NodeVersion, oldestNode))
	}
	if m.Npm, err = exec.LookPath("npm"); err != nil {
		missing = append(missing, errors.New("npm: not found; it comes with Node.js (Debian: apt-get install npm)"))
	}
	if len(missing) > 0 {
		return Machine{}, fmt.Errorf("this machine lacks:\n%w", errors.Join(missing...))
	}
	return m, nil
}

var versionNumber = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// older compares major and minor numbers.
func older(version, than string) bool {
	var have, want [2]int
	_, _ = fmt.Sscanf(version, "%d.%d", &have[0], &have[1])
	_, _ = fmt.Sscanf(than, "%d.%d", &want[0], &want[1])
	return have[0] < want[0] || have[0] == want[0] && have[1] < want[1]
}

// program finds a program and asks it for its version.
func program(ctx context.Context, name string, ask ...string) (path, version string, err error) {
	path, err = exec.LookPath(name)
	if err != nil {
		return "", "", fmt.Errorf("%s not found", name)
	}
	var out strings.Builder
	err = child.Run(ctx, child.Command{Name: name, Args: append([]string{path}, ask...), Env: os.Environ(), Output: &out})
	if err != nil {
		return "", "", err
	}
	version = versionNumber.FindString(out.String())
	if version == "" {
		return "", "", fmt.Errorf("%s does not tell its version: %q", path, out.String())
	}
	return path, version, nil
}

// python finds the first Python that is new enough, and lets it have virtual environments.
func python(ctx context.Context, system func(string)) (path, version string, err error) {
	found := "none found"
	for _, name := range []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"} {
		path, version, err = program(ctx, name, "--version")
		if ctx.Err() != nil {
			return "", "", ctx.Err()
		}
		if err != nil {
			continue
		}
		if older(version, oldestPython) {
			found = fmt.Sprintf("%s is %s", path, version)
			continue
		}
		return path, version, ensureVenv(ctx, path, os.Geteuid() == 0, system)
	}
	return "", "", fmt.Errorf("python 3: %s, MiniStack wants %s or newer; see https://www.python.org/downloads", found, oldestPython)
}

// ensureVenv sees to it that a Python can make virtual environments. Debian keeps that in a package
// of its own, which is installed where we may.
func ensureVenv(ctx context.Context, python string, root bool, system func(string)) error {
	canVenv := child.Command{Name: "python3 venv", Args: []string{python, "-c", "import ensurepip, venv"}, Env: os.Environ()}
	if child.Run(ctx, canVenv) == nil {
		return nil
	}
	const missing = "python3-venv"
	remedy := strings.Join(apt.Command(missing), " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("python venv: %s cannot make virtual environments; install its venv and ensurepip modules", python)
	}
	if !root || system == nil {
		return fmt.Errorf("python venv: %s cannot make virtual environments; run: sudo %s", python, remedy)
	}
	system("installing a package of the system, as root: " + remedy)
	if err := apt.Install(ctx, missing); err != nil {
		return fmt.Errorf("python venv: %w", err)
	}
	return child.Run(ctx, canVenv)
}

package runtimes

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/afterglow-lambda/afterglow/internal/apt"
)

// tool is a program that an installation needs, with the package that brings it. "" means that the
// package has the program's name.
type tool struct {
	program          string
	deb, rpm, darwin string
}

// needTools says which tools are missing and which command installs them. It installs them itself only where that was asked
// for and can be done, as root on Debian and its kin.
func (in *installer) needTools(ctx context.Context, tools []tool) error {
	missing := missingTools(tools)
	if len(missing) == 0 {
		return nil
	}
	command := installCommand(missing)
	if !in.installsPackages() {
		return fmt.Errorf("%s: %w; install with: %s", names(missing), ErrMissing, sudo(command))
	}
	in.system(fmt.Sprintf("installing packages of the system, as root: %s", strings.Join(command, " ")))
	if err := apt.Install(ctx, debs(missing)...); err != nil {
		return fmt.Errorf("%s: %w; %w", names(missing), ErrMissing, err)
	}
	if missing = missingTools(tools); len(missing) > 0 {
		return fmt.Errorf("%s: %w, even after %s", names(missing), ErrMissing, strings.Join(command, " "))
	}
	return nil
}

// installsPackages tells whether packages of the system may and can be installed.
func (in *installer) installsPackages() bool {
	_, err := exec.LookPath("apt-get")
	return in.system != nil && os.Geteuid() == 0 && runtime.GOOS == "linux" && err == nil
}

func debs(missing []tool) []string {
	var packages []string
	for _, t := range missing {
		packages = append(packages, cmp.Or(t.deb, t.program))
	}
	return packages
}

func missingTools(tools []tool) []tool {
	var missing []tool
	for _, t := range tools {
		if _, err := exec.LookPath(t.program); err != nil {
			missing = append(missing, t)
		}
	}
	return missing
}

// installCommand is what a person would run on this machine.
func installCommand(missing []tool) []string {
	pick, command := func(t tool) string { return t.rpm }, []string{"dnf", "install", "-y"}
	if runtime.GOOS == "darwin" {
		pick, command = func(t tool) string { return t.darwin }, []string{"brew", "install"}
	} else if _, err := exec.LookPath("apt-get"); err == nil {
		return apt.Command(debs(missing)...)
	}
	for _, t := range missing {
		command = append(command, cmp.Or(pick(t), t.program))
	}
	return command
}

func sudo(command []string) string {
	if command[0] == "brew" {
		return strings.Join(command, " ")
	}
	return "sudo " + strings.Join(command, " ")
}

func names(tools []tool) string {
	var out []string
	for _, t := range tools {
		out = append(out, t.program)
	}
	return strings.Join(out, ", ")
}

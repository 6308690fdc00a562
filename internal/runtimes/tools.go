package runtimes

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// tool is a program that an installation needs, with the package that brings it. "" means that the
// package has the program's name.
type tool struct {
	program          string
	deb, rpm, darwin string
}

// needTools installs missing tools where that can be done without asking, as root on Debian and its
// kin, and else says which command does it.
func (in *installer) needTools(ctx context.Context, tools []tool) error {
	missing := missingTools(tools)
	if len(missing) == 0 {
		return nil
	}
	command := installCommand(missing)
	if os.Geteuid() != 0 || command[0] != "apt-get" {
		return fmt.Errorf("%s: %w; install with: %s", names(missing), ErrMissing, sudo(command))
	}
	in.say("installing %s: %s", names(missing), strings.Join(command, " "))
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	if err := in.run(ctx, "", env, command...); err != nil {
		// A fresh machine knows no packages yet.
		if err := in.run(ctx, "", env, "apt-get", "update"); err != nil {
			return fmt.Errorf("update package lists: %w", err)
		}
		if err := in.run(ctx, "", env, command...); err != nil {
			return fmt.Errorf("install tools: %w", err)
		}
	}
	if missing = missingTools(tools); len(missing) > 0 {
		return fmt.Errorf("%s: %w, even after %s", names(missing), ErrMissing, strings.Join(command, " "))
	}
	return nil
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

func installCommand(missing []tool) []string {
	pick, command := func(t tool) string { return t.deb }, []string{
		// Another apt may be at work; it will be done in a while.
		"apt-get", "install", "-y", "-o", "DPkg::Lock::Timeout=300",
	}
	if runtime.GOOS == "darwin" {
		pick, command = func(t tool) string { return t.darwin }, []string{"brew", "install"}
	} else if _, err := exec.LookPath("apt-get"); err != nil {
		pick, command = func(t tool) string { return t.rpm }, []string{"dnf", "install", "-y"}
	}
	for _, t := range missing {
		name := pick(t)
		if name == "" {
			name = t.program
		}
		command = append(command, name)
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

// Package apt installs packages of Debian and its kin, and only what is missing.
//
// It takes names of packages and gives them installed, or an error that names the command that a person would run. It never
// upgrades or removes what is installed: where that would be needed, nothing is done. Whoever calls it runs as root and has said so.
package apt

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	// patience is how long another apt may be at work, in seconds.
	patience = "300"
	// outputTail is how much of apt's output an error carries: the last lines have the reason.
	outputTail = 3000
)

// Command installs packages, as a person would be told to.
func Command(packages ...string) []string {
	return append([]string{"apt-get", "install", "-y", "--no-upgrade"}, packages...)
}

// touches is how a simulation tells of a package that is installed already: `Inst libc6 [2.36-9] (2.36-10 …)` is an upgrade,
// `Remv mawk [1.3]` a removal. What is new has no version in brackets (apt-get(8), --simulate).
var touches = regexp.MustCompile(`(?m)^(?:Inst (\S+) \[|Remv (\S+) )`)

// Install installs packages.
func Install(ctx context.Context, packages ...string) error {
	plan, err := run(ctx, append(Command(packages...), "--simulate")...)
	if err != nil {
		// A fresh machine knows no packages yet.
		if _, err := run(ctx, "apt-get", "update"); err != nil {
			return fmt.Errorf("update package lists: %w", err)
		}
		if plan, err = run(ctx, append(Command(packages...), "--simulate")...); err != nil {
			return fmt.Errorf("plan an installation: %w", err)
		}
	}
	var touched []string
	for _, found := range touches.FindAllStringSubmatch(plan, -1) {
		touched = append(touched, found[1]+found[2])
	}
	if len(touched) > 0 {
		return fmt.Errorf("install %s: that would upgrade or remove %s, which are this machine's own: if you want that, run %s",
			strings.Join(packages, ", "), strings.Join(touched, ", "), strings.Join(Command(packages...), " "))
	}
	if _, err := run(ctx, append(Command(packages...), "-o", "DPkg::Lock::Timeout="+patience)...); err != nil {
		return fmt.Errorf("install %s: %w", strings.Join(packages, ", "), err)
	}
	return nil
}

func run(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	// Its own process group: what it starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		text := out.Bytes()
		return "", fmt.Errorf("run %s: %w\n%s", strings.Join(argv, " "), err, bytes.TrimSpace(text[max(0, len(text)-outputTail):]))
	}
	return out.String(), nil
}

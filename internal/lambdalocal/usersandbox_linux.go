package lambdalocal

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// userSandbox is a mount namespace inside a user namespace, for those who are not root. Its first process
// makes the mounts, starts the second one, and waits; the others enter the second one's namespaces by nsenter.
//
// There are two user namespaces, one in the other. In the outer one this user is root, who can mount. In the inner one
// it is itself, without any rights over what was mounted, which is locked there (mount_namespaces(7)): a function can
// neither write to its code nor see what is beneath, not even as root of a namespace that it makes itself.
//
// This process cannot enter a user namespace itself, because it has more than one thread, and a process
// namespace would make every nsenter a parent of what was asked for. So there is none: what a function
// leaves behind is found by its mark. If this process is killed, the kernel kills those that it
// started, and the first process, whose pipe breaks, all others.
type userSandbox struct {
	*limits
	why     string // there is no better one; "" if nothing better was tried
	made    []string
	run     *starter
	first   *exec.Cmd
	hold    *os.File
	inner   int // the second process
	nsenter string
	drop    dropper
}

func newUserSandbox(fn Function, opt Options, l layout, lim *limits, why string) (*userSandbox, error) {
	s := &userSandbox{limits: lim, why: why, run: newStarter()}
	err := s.findPrograms()
	var plan mountPlan
	if err == nil {
		plan, err = planRoot(fn, opt, l, nil)
	}
	if err == nil {
		plan.temp(l, nil)
		s.made, err = plan.makeSkeleton()
	}
	if err == nil {
		err = s.startFirst(plan)
	}
	if err != nil {
		s.run.stop()
		return nil, errors.Join(err, l.removeSkeleton(s.made))
	}
	return s, nil
}

func (s *userSandbox) findPrograms() (err error) {
	if s.nsenter, err = exec.LookPath("nsenter"); err != nil {
		return fmt.Errorf("%w: %w", errNotAllowed, err)
	}
	s.drop, err = newDropper(os.Geteuid())
	return err
}

// startFirst starts the process that makes the mounts and holds the namespaces. When its pipe breaks, it
// kills whoever has the mark. The old root is laid over /tmp for a moment, because there has to be a place for it.
func (s *userSandbox) startFirst(plan mountPlan) error {
	script := plan.script() + fmt.Sprintf(`
cd %s
pivot_root . tmp
umount -l tmp
cd /
exec 3<&0
unshare --user --map-user=%d --map-group=%d --mount sh -c 'echo $$; exec cat >/dev/null' <&3 &
exec >/dev/null
wait $!
set +e
`, quote(plan.root), os.Geteuid(), os.Getegid()) + s.killMarked() + removeFolders
	theirs, hold, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer theirs.Close()
	ready, out, err := os.Pipe()
	if err != nil {
		hold.Close()
		return fmt.Errorf("make pipe: %w", err)
	}
	defer ready.Close()
	var complaint strings.Builder
	// It outlives any context: it is ended by endFirst.
	cmd := &exec.Cmd{
		Path: "/bin/sh", Args: append([]string{"sh", "-c", script, "sh"}, s.folders()...), Stdin: theirs, Stdout: out, Stderr: &complaint,
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		SysProcAttr: &syscall.SysProcAttr{
			Setpgid:     true,
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		},
	}
	err = s.run.do(cmd.Start)
	out.Close()
	if err != nil {
		hold.Close()
		return fmt.Errorf("%w: start first process: %w", errNotAllowed, err)
	}
	s.first, s.hold = cmd, hold
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err == nil {
		s.inner, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		s.endFirst() // which ends who writes the complaint
		return fmt.Errorf("%w: first process said %q, %q", errNotAllowed, line, complaint.String())
	}
	return nil
}

// start puts nsenter and what drops rights before the command; each execs the next one, so that the process
// that was started is in the end the command.
func (s *userSandbox) start(cmd *exec.Cmd) error {
	s.drop.wrap(cmd)
	target := strconv.Itoa(s.inner)
	cmd.Args = append([]string{
		s.nsenter, "--target", target, "--user", "--preserve-credentials", "--mount", "--wd=/proc/" + target + "/root" + cmd.Dir, "--",
	}, cmd.Args...)
	cmd.Path, cmd.Dir = s.nsenter, "/"
	endWithParent(cmd.SysProcAttr)
	return s.limits.start(s.run, cmd)
}

func (s *userSandbox) strays(groups map[int]bool) []int {
	if found, ok := s.members(groups); ok {
		return found
	}
	return s.marked(groups)
}

func (s *userSandbox) leftOut() string {
	why := ""
	if s.why != "" {
		why = " (" + s.why + ")"
	}
	return "without root there is no process namespace (/proc shows this machine's processes), no user of its own and no limit of /tmp's size" + why
}

func (s *userSandbox) skeleton() []string { return s.made }

func (s *userSandbox) endFirst() {
	// Its group: the shell and the second process that it waits for.
	_ = syscall.Kill(-s.first.Process.Pid, syscall.SIGKILL)
	_ = s.first.Wait()
	s.hold.Close()
}

func (s *userSandbox) close() error {
	s.endFirst()
	s.run.stop()
	return nil
}

// script is the plan as shell commands.
func (p mountPlan) script() string {
	var b strings.Builder
	b.WriteString("set -e\nmount --make-rprivate /\n")
	fmt.Fprintf(&b, "mount --bind %[1]s %[1]s\nmount --make-unbindable %[1]s\n", quote(p.root))
	for _, s := range p.steps {
		switch s.kind {
		case bindFolder, bindFile, coverFile, bindDevice:
			fmt.Fprintf(&b, "mount --rbind %s %s\n", quote(s.source), quote(s.target))
			if !s.write && s.kind != bindDevice {
				// Where the kernel does not let an ordinary user, the files' own permissions stand.
				fmt.Fprintf(&b, "mount -o remount,bind,ro %s 2>/dev/null || true\n", quote(s.target))
			}
		}
	}
	fmt.Fprintf(&b, "mount --rbind /proc %s\n", quote(p.root+"/proc"))
	fmt.Fprintf(&b, "mount -o remount,bind,ro %s\n", quote(p.root))
	return b.String()
}

// quote makes one word of a shell's out of anything.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

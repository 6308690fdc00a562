package lambdalocal

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// newSandbox makes the most private sandbox that this machine allows.
func newSandbox(fn Function, opt Options, l layout, lim *limits) (sandbox, error) {
	if opt.byPath {
		return newPathSandbox(fn, opt, l, lim, "asked for")
	}
	var err error
	if os.Geteuid() == 0 {
		var box *rootSandbox
		if box, err = newRootSandbox(fn, opt, l, lim); err == nil {
			return box, nil
		}
	} else {
		var box *userSandbox
		if box, err = newUserSandbox(fn, opt, l, lim); err == nil {
			return box, nil
		}
	}
	if !errors.Is(err, errNotAllowed) {
		return nil, err
	}
	return newPathSandbox(fn, opt, l, lim, strings.ReplaceAll(err.Error(), "\n", " "))
}

// errNotAllowed says that the kernel refuses namespaces to this process.
var errNotAllowed = errors.New("namespaces are not allowed")

// rootSandbox is a mount and a process namespace of its own, made as root. One thread of this process is
// in the mount namespace and starts everything from there; no mount is ever seen outside.
//
// The process namespace's first process does nothing but hold a pipe whose other end is here. When this
// process ends, however it ends, the pipe breaks, the first process ends, and the kernel kills all that
// is left in the namespace, whatever group or session it has moved to.
type rootSandbox struct {
	*limits
	root  string
	made  []string
	run   *starter
	first *exec.Cmd
	hold  *os.File // the pipe's end
	pids  string   // identity of the process namespace
}

func newRootSandbox(fn Function, opt Options, l layout, lim *limits) (*rootSandbox, error) {
	plan, err := planRoot(fn, opt, l)
	if err != nil {
		return nil, err
	}
	s := &rootSandbox{limits: lim, root: l.root, run: newStarter()}
	s.made, err = plan.makeSkeleton()
	if err == nil {
		err = s.run.do(func() error { return s.enter(plan) })
	}
	if err == nil {
		err = s.startFirst(filepath.Join(l.root, "proc"))
	}
	if err != nil {
		s.run.stop() // with the thread go the namespaces
		return nil, errors.Join(err, l.removeSkeleton(s.made))
	}
	return s, nil
}

// enter takes the calling thread into new namespaces and mounts the private root there.
func (s *rootSandbox) enter(plan mountPlan) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("%w: %w", errNotAllowed, err)
	}
	// Without this, a mount made here would appear on the whole machine where its tree is shared.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("%w: make mounts private: %w", errNotAllowed, err)
	}
	return plan.mount()
}

// startFirst starts the first process of a new process namespace, waits until it has mounted the /proc
// that belongs to it, and makes the thread's later children members of it. The thread does not simply
// unshare its process namespace, because the first child of a thread need not be ours: the os package
// forks one of its own to try what the kernel can do, and a namespace dies with its first process.
//
// The first process spends its life in the shell's wait, which reaps whatever children come to it: orphans
// do not stay zombies.
func (s *rootSandbox) startFirst(proc string) error {
	const script = `mount -t proc proc "$0" || mount --rbind /proc "$0"; echo up; exec 3<&0 >/dev/null; cat <&3 & wait $!`
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
	// It outlives any context: it is ended by endFirst.
	cmd := &exec.Cmd{
		Path: "/bin/sh", Args: []string{"sh", "-c", script, proc}, Stdin: theirs, Stdout: out,
		Env:         []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Cloneflags: syscall.CLONE_NEWPID},
	}
	err = s.run.do(cmd.Start)
	out.Close()
	if err != nil {
		hold.Close()
		return fmt.Errorf("%w: start first process: %w", errNotAllowed, err)
	}
	s.first, s.hold = cmd, hold
	if line, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		s.endFirst()
		return fmt.Errorf("%w: first process said %q: %w", errNotAllowed, line, err)
	}
	namespace := fmt.Sprintf("/proc/%d/ns/pid", cmd.Process.Pid)
	if s.pids, err = os.Readlink(namespace); err == nil {
		err = s.run.do(func() error { return join(namespace) })
	}
	if err != nil {
		s.endFirst()
		return fmt.Errorf("%w: join process namespace: %w", errNotAllowed, err)
	}
	return nil
}

// join makes later children of the calling thread members of a process namespace.
func join(namespace string) error {
	f, err := os.Open(namespace)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Setns(int(f.Fd()), unix.CLONE_NEWPID)
}

func (s *rootSandbox) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr.Chroot = s.root
	return s.limits.start(s.run, cmd)
}

func (s *rootSandbox) strays(groups map[int]bool) []int {
	return straysOf("pid", s.pids, s.first.Process.Pid, groups)
}

// straysOf are the processes that are in a namespace and in none of the groups, nor in that of the
// namespace's first process.
func straysOf(kind, identity string, first int, groups map[int]bool) []int {
	return straysThat(func(pid string) bool {
		ns, err := os.Readlink("/proc/" + pid + "/ns/" + kind)
		return err == nil && ns == identity
	}, func(group int) bool { return group == first || groups[group] })
}

// straysWith are the processes that were started with an environment variable and are in none of the
// groups.
func straysWith(variable string, groups map[int]bool) []int {
	if variable == "" {
		return nil // nothing was started yet
	}
	return straysThat(func(pid string) bool {
		environ, err := os.ReadFile("/proc/" + pid + "/environ")
		return err == nil && strings.Contains("\x00"+string(environ), "\x00"+variable+"\x00")
	}, func(group int) bool { return groups[group] })
}

// straysThat looks at all processes of the machine.
func straysThat(ours func(pid string) bool, known func(group int) bool) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || !ours(e.Name()) {
			continue
		}
		if group, err := unix.Getpgid(pid); err == nil && !known(group) && !zombie(pid) {
			found = append(found, pid)
		}
	}
	return found
}

// zombie tells whether a process has ended and only waits to be reaped. Its state is the field after its
// name, which may have anything in it but ends with the last parenthesis.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // gone
	}
	return strings.HasPrefix(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " Z")
}

func (s *rootSandbox) leftOut() string { return "" }

func (s *rootSandbox) skeleton() []string { return s.made }

// endFirst kills the first process, and the kernel everything else in the namespace with it.
func (s *rootSandbox) endFirst() {
	_ = s.first.Process.Kill()
	_ = s.first.Wait()
	s.hold.Close()
}

func (s *rootSandbox) close() error {
	s.endFirst()
	s.run.stop()
	// The folders are about to be removed. Should a mount have come out of the namespace, they are not
	// what they seem, and nothing may be removed.
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("look for mounts left behind: %w", err)
	}
	if strings.Contains(string(mounts), " "+s.root) {
		s.made = nil
		return fmt.Errorf("mounts were left behind below %s; it is not removed", s.root)
	}
	return nil
}

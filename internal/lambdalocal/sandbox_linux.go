package lambdalocal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// newSandbox makes the most private sandbox that this machine allows. Whether it allows one, only a trial tells: root
// may lack capabilities, or be root in a user namespace that has no other user.
func newSandbox(ctx context.Context, fn Function, opt Options, l layout, lim *limits) (sandbox, error) {
	if opt.byPath {
		return newPathSandbox(fn, opt, l, lim, "asked for")
	}
	lambda, self := lambdaUser(), user{name: "root", uid: os.Geteuid(), gid: os.Getegid()}
	var reasons []string
	why := func() string { return strings.ReplaceAll(strings.Join(reasons, "; "), "\n", " ") }
	asRoot := func(u user, disk bool) func() (sandbox, error) {
		return func() (sandbox, error) { return newRootSandbox(fn, opt, l, lim, u, disk, why()) }
	}
	kinds := []func() (sandbox, error){func() (sandbox, error) { return newUserSandbox(fn, opt, l, lim, why()) }}
	if os.Geteuid() == 0 {
		kinds = append([]func() (sandbox, error){asRoot(lambda, true), asRoot(self, true), asRoot(self, false)}, kinds...)
	}
	for _, open := range kinds {
		box, err := open()
		if err == nil {
			if err = try(ctx, box); err == nil {
				return box, nil
			}
			err = errors.Join(err, box.close(), l.removeSkeleton(box.skeleton()))
		}
		if !errors.Is(err, errNotAllowed) {
			return nil, err
		}
		if reason := err.Error(); !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
		if err := l.fill(); err != nil { // what the next one begins with
			return nil, err
		}
	}
	return newPathSandbox(fn, opt, l, lim, why())
}

// errNotAllowed says that this process may not make a kind of sandbox.
var errNotAllowed = errors.New("not allowed here")

// errNoDisk says why /tmp has no limit where a disk has been tried: root of a user namespace may mount none.
var errNoDisk = errors.New("no disk can be mounted")

// rootSandbox is a mount and a process namespace of its own, made as root. One thread of this process is
// in the mount namespace and starts everything from there; no mount is ever seen outside.
//
// The process namespace's first process does nothing but hold a pipe whose other end is here. When this
// process ends, however it ends, the pipe breaks, the first process kills all that is left in the namespace,
// whatever group or session it has moved to, removes the control groups, and ends.
type rootSandbox struct {
	*limits
	layout layout
	keep   bool // the content of /tmp
	user   user // not Lambda's where there is no other user than this process's own; see drop
	drop   dropper
	root   string
	made   []string
	run    *starter
	first  *exec.Cmd
	hold   *os.File // the pipe's end
	pids   string   // identity of the process namespace
	temp   string   // where the disk of /tmp can be reached from outside; "" if it is a folder
	notes  []string
}

func newRootSandbox(fn Function, opt Options, l layout, lim *limits, u user, withDisk bool, why string) (*rootSandbox, error) {
	s := &rootSandbox{limits: lim, layout: l, keep: opt.Keep, user: u, root: l.root}
	if why != "" {
		s.notes = append(s.notes, "no user of its own, the function is root without capabilities ("+why+")")
	}
	plan, err := s.plan(fn, opt)
	if err != nil {
		return nil, err
	}
	var tmp *disk
	err = errNoDisk
	if withDisk {
		tmp, err = newDisk(l.dir, fn.EphemeralMB, s.user)
	}
	defer tmp.close() // the mount has it then
	if err != nil {
		s.notes = append(s.notes, fmt.Sprintf("/tmp has no limit (%v)", err))
		if err := os.Chown(l.tmp, s.user.uid, s.user.gid); err != nil {
			return nil, fmt.Errorf("%w: give /tmp to %s: %w", errNotAllowed, s.user.name, err)
		}
	}
	plan.temp(l, tmp)
	s.run = newStarter()
	s.made, err = plan.makeSkeleton()
	if err == nil {
		err = s.run.do(func() error { return s.enter(plan) })
	}
	if err == nil {
		err = s.startFirst(filepath.Join(l.root, "proc"))
	}
	if err == nil && tmp != nil {
		s.temp = fmt.Sprintf("/proc/%d/root%s", s.first.Process.Pid, filepath.Join(l.root, "tmp"))
		if err = l.linkTemp(s.temp); err != nil {
			s.endFirst()
		}
	}
	if err != nil {
		s.run.stop() // with the thread go the namespaces
		return nil, errors.Join(err, l.removeSkeleton(s.made))
	}
	return s, nil
}

// plan is the private root for the sandbox's user. Where that is this process's own, it has to do without its rights.
func (s *rootSandbox) plan(fn Function, opt Options) (mountPlan, error) {
	if s.user.uid == os.Geteuid() {
		var err error
		if s.drop, err = newDropper(s.user.uid); err != nil {
			return mountPlan{}, err
		}
		return planRoot(fn, opt, s.layout, nil)
	}
	plan, err := planRoot(fn, opt, s.layout, &s.user)
	if err != nil {
		return mountPlan{}, err
	}
	if err := plan.cover(s.user, s.layout.etc); err != nil {
		return mountPlan{}, err
	}
	if n, file := unreadable(map[string]string{"/var/task": fn.Code, "/opt": s.layout.optSource(fn)}); n > 0 {
		s.notes = append(s.notes, fmt.Sprintf(
			"the function's user cannot read %d of its files, nor could it on Lambda, which keeps modes: chmod o+r %s", n, file))
	}
	return plan, nil
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
	if err := plan.mount(); err != nil {
		return fmt.Errorf("%w: %w", errNotAllowed, err)
	}
	return nil
}

// startFirst starts the first process of a new process namespace, waits until it has mounted the /proc
// that belongs to it, and makes the thread's later children members of it. The thread does not simply
// unshare its process namespace, because the first child of a thread need not be ours: the os package
// forks one of its own to try what the kernel can do, and a namespace dies with its first process.
//
// The first process spends its life in the shell's wait, which reaps whatever children come to it: orphans
// do not stay zombies.
func (s *rootSandbox) startFirst(proc string) error {
	const script = `mount -t proc proc "$0" || mount --rbind /proc "$0"; echo up; exec 3<&0 >/dev/null; cat <&3 & wait $!
kill -9 -1
` + removeFolders
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
		Path: "/bin/sh", Args: append([]string{"sh", "-c", script, proc}, s.folders()...), Stdin: theirs, Stdout: out,
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

// removeFolders is the end of a first process that has outlived this one: it removes the groups that its arguments
// name. They are empty only when the processes that it has killed have ended.
const removeFolders = `
try=0
while [ $# -gt 0 ] && [ $try -lt 500 ]; do
	if rmdir "$1" 2>/dev/null || [ ! -d "$1" ]; then shift; else try=$((try + 1)); sleep 0.01; fi
done
`

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
	if s.drop != nil {
		s.drop.wrap(cmd)
		return s.limits.start(s.run, cmd)
	}
	cmd.SysProcAttr.Credential = s.user.credential()
	outputs := []any{cmd.Stdout, cmd.Stderr}
	for _, f := range cmd.ExtraFiles {
		outputs = append(outputs, f)
	}
	if err := s.user.giveOutputs(outputs...); err != nil {
		return err
	}
	return s.limits.start(s.run, cmd)
}

func (s *rootSandbox) strays(groups map[int]bool) []int {
	if found, ok := s.members(groups); ok {
		return found
	}
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

func (s *rootSandbox) leftOut() string { return strings.Join(s.notes, "; ") }

func (s *rootSandbox) skeleton() []string { return s.made }

// endFirst kills the first process, and the kernel everything else in the namespace with it.
func (s *rootSandbox) endFirst() {
	_ = s.first.Process.Kill()
	_ = s.first.Wait()
	s.hold.Close()
}

func (s *rootSandbox) close() error {
	var kept error
	if s.temp != "" && s.keep {
		kept = s.layout.keepTemp(s.temp) // before it goes with the namespace
	}
	s.endFirst()
	s.run.stop()
	if kept != nil {
		return kept
	}
	if err := mountedBelow(s.root); err != nil { // should a mount have come out of the namespace
		s.made = nil
		return err
	}
	return nil
}

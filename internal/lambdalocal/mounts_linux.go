package lambdalocal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountPlan is a private root: empty folders in the working directory, onto each of which something is
// mounted. Because the whole root is made anew, /var/task and the like need not exist on this machine,
// and nothing is lost that lives below this machine's /tmp: it is mounted before it goes out of sight.
type mountPlan struct {
	root  string
	user  *user // whom all this is for; nil for the one who runs this process
	steps []mountStep
}

// mountStep makes one entry of the private root.
type mountStep struct {
	kind   stepKind
	source string // what is mounted, or where the link points to
	target string
	write  bool // else read-only
}

type stepKind int

const (
	makeFolder stepKind = iota
	makeLink
	bindFolder
	bindFile
	coverFile // bindFile over a file that an earlier step has brought
	bindDevice
	mountDisk
)

// planRoot describes the root that a function sees: this machine's system folders read-only, and Lambda's
// own in their places (reference: lambda-platform.md 5.8).
func planRoot(fn Function, opt Options, l layout, u *user) (mountPlan, error) {
	plan := mountPlan{root: l.root, user: u}
	ours := map[string]bool{
		"/tmp": true, "/opt": true, "/proc": true, "/dev": true, "/var": true, "/lost+found": true,
		"/var/task": true, "/var/runtime": true, "/var/lang": true, "/var/lost+found": true,
	}
	for link := range opt.Runtime.Links {
		ours[link] = true
	}
	if err := plan.folder("/", ours); err != nil {
		return mountPlan{}, err
	}
	plan.add(makeFolder, "", "/proc")
	plan.devices()
	plan.add(makeFolder, "", "/var")
	if err := plan.folder("/var", ours); err != nil {
		return mountPlan{}, err
	}
	for link, to := range opt.Runtime.Links {
		plan.add(makeLink, to, link)
	}
	if len(fn.Layers) != 1 {
		if err := l.mergeLayers(fn.Layers); err != nil {
			return mountPlan{}, err
		}
	}
	for _, own := range []struct{ source, target string }{
		{fn.Code, "/var/task"}, {opt.Runtime.Dir, "/var/runtime"}, {opt.Runtime.Lang, "/var/lang"}, {l.optSource(fn), "/opt"},
	} {
		if own.source == "" {
			continue
		}
		if err := plan.own(own.source, own.target); err != nil {
			return mountPlan{}, err
		}
	}
	if err := l.writeHosts(hostsFile); err != nil {
		return mountPlan{}, err
	}
	plan.add(coverFile, l.hosts, hostsFile)
	return plan, nil
}

// devices are those that a program expects to be everywhere, and no others: above all no /dev/shm, so that POSIX
// shared memory and semaphores fail as on Lambda (reference 5.8).
func (p *mountPlan) devices() {
	p.add(makeFolder, "", "/dev")
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if _, err := os.Stat("/dev/" + name); err == nil {
			p.add(bindDevice, "/dev/"+name, "/dev/"+name)
		}
	}
	for link, to := range map[string]string{"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"} {
		p.add(makeLink, "/proc/self/fd"+to, "/dev/"+link)
	}
}

// own plans one of Lambda's own folders.
func (p *mountPlan) own(source, target string) error {
	source, err := filepath.Abs(source)
	if err != nil {
		return fmt.Errorf("resolve %s: %w", source, err)
	}
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("find what becomes %s: %w", target, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("what becomes %s is no folder: %s", target, source)
	}
	// On Lambda these folders are everybody's to read, whatever the modes of what is in them. A folder made by
	// os.MkdirTemp or with a narrow umask is not; then its entries are mounted into one that is.
	if p.user == nil || info.Mode().Perm()&0o005 == 0o005 {
		p.add(bindFolder, source, target)
		return nil
	}
	p.add(makeFolder, "", target)
	return p.entries(source, target, nil)
}

// temp plans /tmp: a disk, or else a folder.
func (p *mountPlan) temp(l layout, d *disk) {
	kind, source := bindFolder, l.tmp
	if d != nil {
		kind, source = mountDisk, d.path
	}
	p.add(kind, source, "/tmp")
	p.steps[len(p.steps)-1].write = true
}

func (p *mountPlan) add(kind stepKind, source, target string) {
	p.steps = append(p.steps, mountStep{kind: kind, source: source, target: filepath.Join(p.root, target)})
}

// folder plans all entries of one of this machine's folders but some.
func (p *mountPlan) folder(dir string, but map[string]bool) error { return p.entries(dir, dir, but) }

func (p *mountPlan) entries(dir, target string, but map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if but[path] {
			continue
		}
		switch {
		case e.IsDir():
			p.add(bindFolder, path, filepath.Join(target, e.Name()))
		case e.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return fmt.Errorf("read link: %w", err)
			}
			p.add(makeLink, link, filepath.Join(target, e.Name()))
		case e.Type().IsRegular():
			p.add(bindFile, path, filepath.Join(target, e.Name()))
		}
	}
	return nil
}

// makeSkeleton makes the empty folders, files and links, and returns them in the order made.
func (p mountPlan) makeSkeleton() (made []string, err error) {
	if err := makeDir(p.root); err != nil {
		return nil, fmt.Errorf("make root: %w", err)
	}
	made = append(made, p.root)
	for _, s := range p.steps {
		if s.kind == coverFile {
			continue
		}
		if err := s.make(); err != nil {
			return made, fmt.Errorf("make %s: %w", s.target, err)
		}
		made = append(made, s.target)
		if parent := filepath.Dir(s.target); parent != p.root && !contains(made, parent) {
			return made, fmt.Errorf("make %s: its folder is not planned", s.target)
		}
	}
	return made, nil
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

func (s mountStep) make() error {
	switch s.kind {
	case makeLink:
		return os.Symlink(s.source, s.target)
	case bindFile, bindDevice:
		f, err := os.OpenFile(s.target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return f.Close()
	default:
		return makeDir(s.target)
	}
}

// mount does the mounts of the plan in the calling thread's namespace.
func (p mountPlan) mount() error {
	// The root becomes a mount that no recursive bind copies: the folder that the working directory is in
	// is bound below it as well.
	if err := unix.Mount(p.root, p.root, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount root: %w", err)
	}
	if err := unix.Mount("", p.root, "", unix.MS_UNBINDABLE, ""); err != nil {
		return fmt.Errorf("mount root: %w", err)
	}
	for _, s := range p.steps {
		if err := s.mount(); err != nil {
			return fmt.Errorf("mount %s: %w", s.target, err)
		}
	}
	if err := unix.Mount("", p.root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make root read-only: %w", err)
	}
	return nil
}

func (s mountStep) mount() error {
	switch s.kind {
	case makeFolder, makeLink:
		return nil
	case mountDisk:
		return mountTemp(s.source, s.target)
	}
	if err := unix.Mount(s.source, s.target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if s.write || s.kind == bindDevice { // a device's own permissions say who may write to it
		return nil
	}
	if err := makeReadOnly(s.target); err != nil {
		return fmt.Errorf("make read-only: %w", err)
	}
	return nil
}

// makeReadOnly makes a mount and those below it read-only; kernels before 5.12 only the mount itself.
func makeReadOnly(target string) error {
	err := unix.MountSetattr(-1, target, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if errors.Is(err, unix.ENOSYS) {
		return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	}
	return err
}

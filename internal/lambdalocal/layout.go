package lambdalocal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// layout is the folders of one environment on this machine.
type layout struct {
	dir   string // Options.Dir
	tmp   string // becomes /tmp; survives resets
	opt   string // becomes /opt
	root  string // the empty folders that a private root is mounted on
	here  string // what lies below a private root, where there is none
	hosts string // becomes /etc/hosts
	etc   string // has what becomes other files of /etc
	lock  *os.File
}

func newLayout(dir string) (layout, error) {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "lambdalocal-*"); err != nil {
			return layout{}, fmt.Errorf("make working directory: %w", err)
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, fmt.Errorf("resolve working directory: %w", err)
	}
	l := layout{dir: dir, tmp: filepath.Join(dir, "tmp"), opt: filepath.Join(dir, "opt"), root: filepath.Join(dir, "root"), here: filepath.Join(dir, "here"), hosts: filepath.Join(dir, "hosts"), etc: filepath.Join(dir, "etc")}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return layout{}, fmt.Errorf("make working directory: %w", err)
	}
	if l.lock, err = lockDir(dir); err != nil {
		return layout{}, err
	}
	if err := l.fill(); err != nil {
		return layout{}, errors.Join(err, l.unlock())
	}
	return l, nil
}

// fill makes what every environment has.
func (l layout) fill() error {
	if err := l.clear(); err != nil {
		return err
	}
	if err := os.Mkdir(l.tmp, 0o777); err != nil {
		return fmt.Errorf("make /tmp: %w", err)
	}
	if err := makeDir(l.etc); err != nil {
		return fmt.Errorf("make /etc: %w", err)
	}
	return nil
}

// mergeLayers makes what becomes /opt: the layers' files in order, later ones over earlier ones (LAYP).
// They are copied, not linked: where nothing can be mounted read-only, a function that writes below
// /opt must not write into somebody's layer.
func (l layout) mergeLayers(layers []string) error {
	if err := makeDir(l.opt); err != nil {
		return fmt.Errorf("make /opt: %w", err)
	}
	for _, layer := range layers {
		if err := copyTree(layer, l.opt); err != nil {
			return fmt.Errorf("merge layer %s: %w", layer, err)
		}
	}
	return nil
}

// optSource is the folder with the content of /opt. A single layer is not copied where it can be mounted
// read-only, and it is the content in any case.
func (l layout) optSource(fn Function) string {
	if len(fn.Layers) == 1 {
		return fn.Layers[0]
	}
	return l.opt
}

// copyTree copies files with their modes and links as links, replacing what is there.
func copyTree(from, to string) error {
	return copyAll(from, to, func(path string) error { return fmt.Errorf("%s is neither file, folder nor link", path) })
}

// copyWhatCan leaves sockets and the like behind.
func copyWhatCan(from, to string) error {
	return copyAll(from, to, func(string) error { return nil })
}

func copyAll(from, to string, other func(path string) error) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return makeDir(target)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			if err := os.RemoveAll(target); err != nil {
				return err
			}
			return os.Symlink(link, target)
		case info.Mode().IsRegular():
			return copyFile(path, target, info.Mode().Perm())
		default:
			return other(path)
		}
	})
}

func makeDir(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil { // an earlier layer has a file of this name
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755) // not subject to the umask
}

func copyFile(from, to string, mode fs.FileMode) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	// A process that is being started meanwhile has a copy of the descriptor until its exec, and nobody can execute a
	// file that somebody could write to (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := out.ReadFrom(in); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Chmod(to, mode) // not subject to the umask
}

// linkTemp makes the folder of /tmp a link to where it is mounted.
func (l layout) linkTemp(to string) error {
	if err := os.Remove(l.tmp); err != nil {
		return fmt.Errorf("make link to /tmp: %w", err)
	}
	if err := os.Symlink(to, l.tmp); err != nil {
		return fmt.Errorf("make link to /tmp: %w", err)
	}
	return nil
}

// keepTemp makes it a folder again that has the content of what is mounted.
func (l layout) keepTemp(from string) error {
	if err := os.Remove(l.tmp); err != nil {
		return fmt.Errorf("keep /tmp: %w", err)
	}
	if err := os.Mkdir(l.tmp, 0o777); err != nil {
		return fmt.Errorf("keep /tmp: %w", err)
	}
	if err := copyWhatCan(from, l.tmp); err != nil {
		return fmt.Errorf("keep /tmp: %w", err)
	}
	return nil
}

// hostsFile is where a process looks host names up first.
const hostsFile = "/etc/hosts"

// sandboxNames are the names of the execution environment inside itself. Telemetry is delivered to them, and
// listeners bind them (TEL).
const sandboxNames = "127.0.0.1 sandbox.localdomain sandbox"

// writeHosts makes what becomes /etc/hosts: this machine's names, and the sandbox's own before them.
func (l layout) writeHosts(machine string) error {
	known, err := os.ReadFile(machine)
	if err != nil {
		return fmt.Errorf("read this machine's host names: %w", err)
	}
	if err := os.WriteFile(l.hosts, append([]byte(sandboxNames+"\n"), known...), 0o644); err != nil {
		return fmt.Errorf("make %s: %w", hostsFile, err)
	}
	if err := os.Chmod(l.hosts, 0o644); err != nil { // a narrow umask would hide it from the function's user
		return fmt.Errorf("make %s: %w", hostsFile, err)
	}
	return nil
}

// extensions are the names of all that Lambda starts as an extension: every entry of /opt/extensions
// that is no folder, not recursively (reference: RIE agents/agent.go).
func (l layout) extensions(fn Function) ([]string, error) {
	if l.extensionsDisabled(fn) {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(l.optSource(fn), "extensions"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list extensions: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// extensionsDisabled tells whether a layer turns extensions off (RIE extensions/extensions.go).
func (l layout) extensionsDisabled(fn Function) bool {
	_, err := os.Lstat(filepath.Join(l.optSource(fn), "disable-extensions-jwigqn8j"))
	return err == nil
}

// remove takes the working directory away, but for dir itself if it was not empty of others' files.
func (l layout) remove() error {
	var errs []error
	for _, dir := range []string{l.tmp, l.opt, l.here, l.hosts, l.etc} {
		if err := os.RemoveAll(dir); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, l.unlock())
	if err := os.Remove(l.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove working directory: %w", err)
	}
	return nil
}

// removeSkeleton takes away what a private root was mounted on, in the order made: folder by folder, only
// what is empty, never recursively. If a mount were ever left there, it would be this machine's own files.
func (l layout) removeSkeleton(made []string) error {
	var errs []error
	for i := len(made) - 1; i >= 0; i-- {
		if err := removeEmpty(made[i]); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove private root: %w", err)
	}
	return nil
}

// removeEmpty removes a link, an empty file or an empty folder.
func removeEmpty(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && info.Size() > 0 {
		return fmt.Errorf("%s is not empty", path)
	}
	return os.Remove(path)
}

// clear takes away what an environment that was killed has left in the same working directory.
func (l layout) clear() error {
	if err := mountedBelow(l.root); err != nil {
		return fmt.Errorf("look for an old private root: %w", err)
	}
	left, err := walkSkeleton(l.root)
	if err != nil {
		return fmt.Errorf("look for an old private root: %w", err)
	}
	if err := l.removeSkeleton(left); err != nil {
		return fmt.Errorf("%s is in use or not ours: %w", l.dir, err)
	}
	for _, dir := range []string{l.tmp, l.opt, l.here, l.hosts, l.etc} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove what an earlier environment left: %w", err)
		}
	}
	return nil
}

// skeletonDepth is how deep folders are nested that a private root is mounted on: /var/task/app.py.
const skeletonDepth = 3

// walkSkeleton finds what an old private root consists of, folders before what is in them. It never follows a link:
// those of a private root lead to this machine's own folders.
func walkSkeleton(root string) (found []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		found = append(found, path)
		if d.IsDir() && path != root && strings.Count(path[len(root):], string(filepath.Separator)) >= skeletonDepth {
			return fs.SkipDir
		}
		return nil
	})
	return found, err
}

// mountedBelow is an error if something is mounted in a folder that is about to be removed: then it is not what it
// seems, and nothing may be removed.
func mountedBelow(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // not Linux: nothing is ever mounted there
	}
	if err != nil {
		return fmt.Errorf("look for mounts left behind: %w", err)
	}
	if strings.Contains(string(mounts), " "+dir) {
		return fmt.Errorf("mounts were left behind below %s; it is not removed", dir)
	}
	return nil
}

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// machine is where the kernel tells about its hierarchies. Tests have one of their own.
type machine struct{ proc string }

// hierarchies are the groups that this process is in.
type hierarchies struct {
	first   map[string]string // version 1: folder by controller
	second  string            // version 2: folder; "" without
	highest string            // the folder that second is below of: the hierarchy's own
}

// hierarchies finds them: /proc/self/cgroup has the path within each, mountinfo where each is mounted.
func (m machine) hierarchies() (hierarchies, error) {
	h := hierarchies{first: map[string]string{}}
	mountinfo, err := os.ReadFile(filepath.Join(m.proc, "self", "mountinfo"))
	if err != nil {
		return h, fmt.Errorf("look for control groups: %w", err)
	}
	mine, err := os.ReadFile(filepath.Join(m.proc, "self", "cgroup"))
	if err != nil {
		return h, fmt.Errorf("look for control groups: %w", err)
	}
	mounts := mountsOf(string(mountinfo))
	for _, line := range strings.Split(strings.TrimSpace(string(mine)), "\n") {
		parts := strings.SplitN(line, ":", 3) // number:controllers:path
		if len(parts) != 3 {
			continue
		}
		for _, mount := range mounts {
			switch {
			case parts[1] == "" && mount.kind == "cgroup2" && h.second == "":
				h.second, h.highest = mount.within(parts[2]), mount.dir
			case parts[1] != "" && mount.kind == "cgroup":
				for _, c := range strings.Split(parts[1], ",") {
					if slices.Contains(mount.options, c) && h.first[c] == "" {
						h.first[c] = mount.within(parts[2])
					}
				}
			}
		}
	}
	if len(h.first) == 0 && h.second == "" {
		return h, errors.New("no hierarchy of control groups is mounted")
	}
	return h, nil
}

// mount is a mounted hierarchy.
type mount struct {
	root, dir, kind string
	options         []string
}

// within is the folder of a path of /proc/self/cgroup. A container may have only a part of a hierarchy mounted.
func (m mount) within(path string) string {
	rel, err := filepath.Rel(m.root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return m.dir
	}
	return filepath.Join(m.dir, rel)
}

// mountsOf reads mountinfo: id parent device root folder options [more] - kind source options (proc(5)).
func mountsOf(mountinfo string) []mount {
	var found []mount
	for _, line := range strings.Split(mountinfo, "\n") {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 || !strings.HasPrefix(right[0], "cgroup") {
			continue
		}
		found = append(found, mount{
			root: unescape(left[3]), dir: unescape(left[4]), kind: right[0], options: strings.Split(right[2], ","),
		})
	}
	return found
}

// unescape undoes what the kernel does to paths that would disturb its columns.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// parent is where a group of version 2 could be made, and the wanted controllers that it would have there.
type parent struct {
	dir string
	has []string
}

// secondParents are the folders to try, those with the most controllers first, near ones before far ones. A group
// with processes of its own, as the one of this process is, cannot give controllers to groups below it, unless it is
// the hierarchy's root; so it goes up from there.
func (h hierarchies) secondParents(wanted []string) []parent {
	var all []parent
	for _, dir := range h.upwards() {
		all = append(all, parent{dir, enable(dir, wanted)})
		if len(all[len(all)-1].has) == len(wanted) {
			break // it gets no better
		}
	}
	slices.SortStableFunc(all, func(a, b parent) int { return len(b.has) - len(a.has) })
	return all
}

// upwards are this process's group of version 2 and those above it.
func (h hierarchies) upwards() []string {
	if h.second == "" {
		return nil
	}
	dirs := []string{h.second}
	for dir := h.second; dir != h.highest && strings.HasPrefix(dir, h.highest); {
		dir = filepath.Dir(dir)
		dirs = append(dirs, dir)
	}
	return dirs
}

// enable gives the groups below a folder controllers that they do not have, and returns those that they now have.
// Each is asked for by itself: one that cannot be had must not be in the way of the others.
func enable(dir string, wanted []string) []string {
	control := place{dir: dir}
	offered, err := control.read("cgroup.controllers")
	if err != nil {
		return nil
	}
	enabled := func(controller string) bool {
		list, err := control.read("cgroup.subtree_control")
		return err == nil && slices.Contains(strings.Fields(list), controller)
	}
	var has []string
	for _, c := range wanted {
		if slices.Contains(strings.Fields(offered), c) && !enabled(c) {
			_ = control.write("cgroup.subtree_control", "+"+c) // what came of it is read next
		}
		if enabled(c) {
			has = append(has, c)
		}
	}
	return has
}

package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fake lays out a machine: its /proc and its hierarchies are folders in which the kernel does nothing.
func fake(t *testing.T, cgroup, mountinfo string, files map[string]string) (machine, string) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{
		"proc/self/cgroup": cgroup, "proc/self/mountinfo": strings.ReplaceAll(mountinfo, "DIR", dir),
		"proc/self/stat": "1 (a b) c) S" + strings.Repeat(" 7", 30),
	}
	for name, content := range files {
		all[name] = content
	}
	for name, content := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "proc/self/ns"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pid:[42]", filepath.Join(dir, "proc/self/ns/pid")); err != nil {
		t.Fatal(err)
	}
	return machine{proc: filepath.Join(dir, "proc")}, dir
}

const secondMount = "30 20 0:26 / DIR/cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

// Where groups of version 2 are made, and which controllers they have there (cgroups(7): a group with processes
// gives its controllers to nobody; here such a group's control file cannot be written).
func TestVersion2(t *testing.T) {
	for _, c := range []struct {
		name    string
		cgroup  string
		files   map[string]string
		parent  string // below the mount
		missing int
	}{
		{"own group has been given controllers", "0::/user/app\n", map[string]string{
			"cg/user/app/cgroup.controllers": "cpu memory pids", "cg/user/app/cgroup.subtree_control": "cpu memory pids",
		}, "user/app", 0},
		{"only the one above has", "0::/user/app\n", map[string]string{
			"cg/user/app/cgroup.controllers": "cpu memory pids", "cg/user/app/cgroup.subtree_control/busy": "",
			"cg/user/cgroup.controllers": "cpu memory pids", "cg/user/cgroup.subtree_control": "cpu memory pids",
		}, "user", 0},
		{"further up there is more", "0::/user/app\n", map[string]string{
			"cg/user/cgroup.controllers": "memory pids", "cg/user/cgroup.subtree_control": "memory pids",
			"cg/cgroup.controllers": "cpu memory pids", "cg/cgroup.subtree_control": "cpu memory pids",
		}, "", 0},
		{"nowhere is there any", "0::/user\n", map[string]string{
			"cg/user/cgroup.controllers": "", "cg/user/cgroup.subtree_control": "",
		}, "user", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, dir := fake(t, c.cgroup, secondMount, c.files)
			g, err := m.newGroup(Limits{CPU: 0.5, Memory: 128 << 20, Processes: 1024})
			if err != nil {
				t.Fatal(err)
			}
			if got := filepath.Dir(g.unified.dir); got != filepath.Join(dir, "cg", c.parent) {
				t.Errorf("made in %s", got)
			}
			if len(g.Missing()) != c.missing {
				t.Errorf("missing: %q", g.Missing())
			}
			if c.missing > 0 {
				return
			}
			for file, want := range map[string]string{
				"cpu.max": "10000 20000", "memory.max": "134217728", "memory.swap.max": "0", "pids.max": "1024",
			} {
				if got, err := g.unified.read(file); err != nil || got != want {
					t.Errorf("%s is %q (%v), want %q", file, got, err, want)
				}
			}
			if err := g.SetCPU(0); err != nil {
				t.Error(err)
			}
			if got, _ := g.unified.read("cpu.max"); got != "max 20000" {
				t.Errorf("without a limit cpu.max is %q", got)
			}
		})
	}
}

// What version 2 says is read as what version 1 says.
func TestReadVersion2(t *testing.T) {
	m, _ := fake(t, "0::/\n", secondMount, map[string]string{
		"cg/cgroup.controllers": "cpu memory pids", "cg/cgroup.subtree_control": "cpu memory pids",
	})
	g, err := m.newGroup(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"memory.peak": "100\n", "memory.stat": "anon 30\nfile 40\nshmem 5\n", "memory.events": "oom 3\noom_kill 2\n",
		"cpu.stat":      "usage_usec 1500\nnr_periods 7\nnr_throttled 3\nthrottled_usec 250\n",
		"cgroup.events": "populated 1\nfrozen 1\n", "cgroup.procs": "12\n0\n13\n",
	} {
		if err := g.unified.write(name, content); err != nil {
			t.Fatal(err)
		}
	}
	if use, err := g.Memory(); err != nil || use != (MemoryUse{Held: 35, Cache: 35, Peak: 100}) {
		t.Errorf("memory is %+v (%v)", use, err)
	}
	if n, err := g.OOMKills(); err != nil || n != 2 {
		t.Errorf("killed for memory: %d (%v)", n, err)
	}
	use, err := g.CPUUse()
	if err != nil || use.Time.Microseconds() != 1500 || use.Periods != 7 || use.Throttled != 3 || use.Waited.Microseconds() != 250 {
		t.Errorf("use is %+v (%v)", use, err)
	}
	if pids, err := g.Processes(); err != nil || !slices.Equal(pids, []int{12, 13}) {
		t.Errorf("processes are %v (%v)", pids, err)
	}
	if err := g.Freeze(); err != nil {
		t.Error(err)
	}
	if got, _ := g.unified.read("cgroup.freeze"); got != "1" {
		t.Errorf("cgroup.freeze is %q", got)
	}
	if err := g.Thaw(); err != nil {
		t.Error(err)
	}
	if got, _ := g.unified.read("cgroup.freeze"); got != "0" {
		t.Errorf("cgroup.freeze is %q", got)
	}
	if err := g.Add(14); err != nil {
		t.Error(err)
	}
}

// Controllers of version 1 are mounted one by one or together, in a container only in part.
func TestHierarchies(t *testing.T) {
	m, dir := fake(t, "4:memory:/job\n3:cpu,cpuacct:/docker/1\n2:pids:/docker/1\n1:name=systemd:/\n0::/\n",
		"31 20 0:27 / DIR/a\\040b rw - cgroup cgroup rw,memory\n"+
			"32 20 0:28 /docker/1 DIR/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"+
			"33 20 0:29 /docker/2 DIR/pids rw master:1 - cgroup cgroup rw,pids\n"+
			"34 20 0:30 / DIR/data rw - ext4 /dev/x rw,cpu\n"+secondMount, nil)
	h, err := m.hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	for controller, want := range map[string]string{"memory": "a b/job", "cpu": "cpu", "cpuacct": "cpu", "pids": "pids"} {
		if got := h.first[controller]; got != filepath.Join(dir, want) {
			t.Errorf("%s is in %s, want %s", controller, got, want)
		}
	}
	if h.second != filepath.Join(dir, "cg") {
		t.Errorf("version 2 is in %s", h.second)
	}
}

// A machine without any says so.
func TestNone(t *testing.T) {
	for name, m := range map[string]machine{
		"no proc": {proc: filepath.Join(t.TempDir(), "none")},
		"no mount": func() machine {
			m, _ := fake(t, "0::/\n", "20 1 0:1 / / rw - ext4 /dev/x rw\n", nil)
			return m
		}(),
	} {
		if _, err := m.newGroup(Limits{}); err == nil || !strings.Contains(err.Error(), ErrUnavailable.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

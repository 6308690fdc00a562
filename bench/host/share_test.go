//go:build linux

package host

import "testing"

func TestFindController(t *testing.T) {
	for name, c := range map[string]struct{ mounts, root string }{
		"first version": {"tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n", "/sys/fs/cgroup/cpu,cpuacct"},
		"not this one":  {"cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\n", ""},
		"none":          {"", ""},
	} {
		root, _, err := findController(c.mounts)
		if root != c.root || (err == nil) != (c.root != "") {
			t.Errorf("%s: %q, %v", name, root, err)
		}
	}
}

//go:build linux

package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Lambda gives a function CPU in proportion to its memory: one core's worth at 1,769 MB
// (docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html), in periods of 20 ms.
const (
	MemoryOfOneCore = 1769
	Period          = 20 * time.Millisecond
)

// A Share is the part of a CPU that a function of some memory gets, as a cgroup. A nil Share is no limit.
type Share struct {
	dir     string
	memory  int  // MB of the function that gets it
	unified bool // cgroup v2
}

// NewShare makes the cgroup, nil for 0 MB.
func NewShare(mb int) (*Share, error) {
	if mb == 0 {
		return nil, nil
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("a share of the CPU needs root")
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("find cgroups: %w", err)
	}
	root, unified, err := findController(string(mounts))
	if err != nil {
		return nil, err
	}
	s := &Share{dir: filepath.Join(root, fmt.Sprintf("afterglow-bench-%d-%d", os.Getpid(), mb)), memory: mb, unified: unified}
	if unified {
		// Fails harmlessly where it is on already, and tells below where it cannot be.
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+cpu"), 0)
	}
	if err := os.Mkdir(s.dir, 0o755); err != nil { //nolint:gosec // a cgroup has no contents to hide
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	quota := Period.Microseconds() * int64(mb) / MemoryOfOneCore
	files := map[string]string{
		"cpu.cfs_period_us": strconv.FormatInt(Period.Microseconds(), 10),
		"cpu.cfs_quota_us":  strconv.FormatInt(quota, 10),
	}
	if unified {
		files = map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, Period.Microseconds())}
	}
	for name, value := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(value), 0); err != nil {
			return nil, errors.Join(fmt.Errorf("set share of CPU: %w", err), s.Close())
		}
	}
	return s, nil
}

// findController gives the mount point of the CPU controller: the first version's own mount, else the second's.
func findController(mounts string) (root string, unified bool, err error) {
	for text := range strings.Lines(mounts) {
		fields := strings.Fields(text)
		if len(fields) < 4 {
			continue
		}
		switch fields[2] {
		case "cgroup":
			for _, option := range strings.Split(fields[3], ",") {
				if option == "cpu" {
					return fields[1], false, nil
				}
			}
		case "cgroup2":
			if controllers, err := os.ReadFile(filepath.Join(fields[1], "cgroup.controllers")); err == nil &&
				strings.Contains(" "+strings.TrimSpace(string(controllers))+" ", " cpu ") {
				root, unified = fields[1], true
			}
		}
	}
	if root == "" {
		return "", false, errors.New("no CPU controller of cgroups is mounted")
	}
	return root, unified, nil
}

// Start starts a command inside the share from its first instruction on, and tells when.
func (s *Share) Start(command *exec.Cmd) (started time.Time, err error) {
	if s == nil {
		started = time.Now()
		return started, command.Start()
	}
	if s.unified {
		group, err := os.Open(s.dir)
		if err != nil {
			return started, err
		}
		defer group.Close()
		command.SysProcAttr.UseCgroupFD, command.SysProcAttr.CgroupFD = true, int(group.Fd())
		started = time.Now()
		return started, command.Start()
	}
	// The first version knows no start inside a group, but a child begins in the group of the thread that forked it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := []byte(strconv.Itoa(unix.Gettid()))
	if err := os.WriteFile(filepath.Join(s.dir, "tasks"), thread, 0); err != nil {
		return started, err
	}
	started = time.Now()
	err = command.Start()
	return started, errors.Join(err, os.WriteFile(filepath.Join(filepath.Dir(s.dir), "tasks"), thread, 0))
}

// Memory is that of the function that gets it, in MB; without a share, that of one that gets a core.
func (s *Share) Memory() int {
	if s == nil {
		return MemoryOfOneCore
	}
	return s.memory
}

// Dir is where the cgroup is.
func (s *Share) Dir() string { return s.dir }

// Close removes the cgroup. The kernel may need a moment to take note of the last exit.
func (s *Share) Close() error {
	if s == nil {
		return nil
	}
	var err error
	for range 100 {
		if err = os.Remove(s.dir); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("remove cgroup: %w", err)
}

// MemoryName says which share a report is of.
func MemoryName(mb int) string {
	if mb == 0 {
		return "no limit"
	}
	return fmt.Sprintf("%d MB", mb)
}

// ShareTitle is MemoryName with what it is worth.
func ShareTitle(mb int) string {
	if mb == 0 {
		return "No limit"
	}
	return fmt.Sprintf("The CPU share of %d MB (%.3f of a core)", mb, float64(mb)/MemoryOfOneCore)
}

// Memory are the sizes of functions that benchmarks measure at if they are not told: no limit, a common size, and the smallest.
func Memory() []int { return []int{0, 512, 128} }

// MemoryUsage is the flag's description.
const MemoryUsage = "`MB` of the functions whose share of the CPU to give, 0 for no limit (default 0,512,128)"

// ParseMemory reads a list of sizes.
func ParseMemory(value string) (sizes []int, err error) {
	for field := range strings.SplitSeq(value, ",") {
		mb, err := strconv.Atoi(field)
		if err != nil || mb < 0 {
			return nil, fmt.Errorf("%q is no number of MB", field)
		}
		sizes = append(sizes, mb)
	}
	return sizes, nil
}

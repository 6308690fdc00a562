package lambdalocal

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

// 1,000 invocations over 8 environments with an extension each leave no process, descriptor, control group, mount,
// loop device, thread or goroutine behind, and take no memory with their number.
func TestThousandInvocations(t *testing.T) {
	if testing.Short() {
		t.Skip("this takes half a minute")
	}
	const invocations, environments = 1000, 8
	rounds := func(n int) {
		dir := t.TempDir()
		fn, opt, _ := lambda{extensions: map[string]string{"ext": ""}}.make(t)
		fn.MemoryMB = memoryPerCPU
		opt.Dir, opt.Log = filepath.Join(dir, "pool"), nil
		p := NewPool(fn, opt, environments)
		var work sync.WaitGroup
		for worker := range environments {
			work.Go(func() {
				for i := range n / environments {
					r, err := p.Invoke(t.Context(), Invocation{Payload: fmt.Appendf(nil, `{"worker":%d,"n":%d}`, worker, i)})
					if err != nil || r.FunctionError != "" {
						t.Errorf("invocation %d of %d: %v %s", i, worker, err, r.Payload)
						return
					}
				}
			})
		}
		work.Wait()
		if runtime.GOOS == "linux" && len(p.all) != environments {
			t.Errorf("there were %d environments", len(p.all))
		}
		var apis []string
		for _, e := range p.all {
			apis = append(apis, e.RuntimeAPI())
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for _, api := range apis {
			if left := processesOf(api); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
		}
		if entries, err := os.ReadDir(opt.Dir); err == nil && len(entries) > 0 {
			t.Errorf("folders are left: %v", entries)
		}
		if mounts, err := os.ReadFile("/proc/self/mountinfo"); err == nil && strings.Contains(string(mounts), dir) {
			t.Errorf("mounts are left: %s", mounts)
		}
		if left := groupsOf(os.Getpid()); len(left) > 0 {
			t.Errorf("control groups are left: %q", left)
		}
		eventually(t, "no loop device is left", func() bool { return len(loopDevices(dir)) == 0 })
	}
	rounds(2 * environments) // what Go itself opens once and keeps
	descriptors, goroutines, memory := countDescriptors(), runtime.NumGoroutine(), heap()
	rounds(invocations)
	eventually(t, "as many descriptors as before", func() bool { return countDescriptors() <= descriptors })
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	const most = 8 << 20 // 8 KB for each invocation: much less than one takes while it runs
	if now := heap(); now > memory+most {
		t.Errorf("it uses %d KB more than before", (now-memory)>>10)
	}
}

// heap is what is really in use.
func heap() uint64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// loopDevices are those behind which there is a file of a folder, be it removed or not.
func loopDevices(dir string) []string {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil
	}
	var found []string
	for _, file := range files {
		if backing, err := os.ReadFile(file); err == nil && strings.HasPrefix(string(backing), dir) {
			found = append(found, file)
		}
	}
	return found
}

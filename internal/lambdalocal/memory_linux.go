package lambdalocal

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// memory is the most memory that the environment has used at once, extensions and all, in bytes: what its meter has
// seen, and the pages of programs and libraries, which the kernel counts for whoever on this machine was the first
// to read them. An environment in which the kernel had to kill has used all that it has. Without a group it is the sum
// of the most that each process of this generation has had resident, in which pages that two of them share count twice.
func (e *Environment) memory(g *generation) int {
	if e.oomKills() > 0 {
		return e.fn.MemoryMB << 20
	}
	pids := e.box.strays(nil)
	bytes, ok := e.limits.meter.most(heldPeaks(pids))
	if !ok {
		return e.residentPeak(g)
	}
	return min(int(bytes)+programs(pids), e.fn.MemoryMB<<20)
}

// heldPeaks is the most that each process has had resident, all together, but for pages of files.
func heldPeaks(pids []int) (total int64) {
	for _, pid := range pids {
		total += int64(max(statusOf(pid, "VmHWM:")-statusOf(pid, "RssFile:"), 0))
	}
	return total
}

// programs is the size of the pages of files that processes have mapped. Processes of the same program share them.
func programs(pids []int) int {
	largest := map[string]int{}
	for _, pid := range pids {
		program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err == nil { // else it has ended
			largest[program] = max(largest[program], statusOf(pid, "RssFile:"))
		}
	}
	total := 0
	for _, bytes := range largest {
		total += bytes
	}
	return total
}

func (e *Environment) residentPeak(g *generation) int {
	groups := map[int]bool{}
	pids := []int{}
	for _, p := range g.processes {
		groups[p.pid()] = true
		pids = append(pids, p.pid())
	}
	total := 0
	for _, pid := range append(pids, e.box.strays(groups)...) {
		total += statusOf(pid, "VmHWM:")
	}
	return total
}

// statusOf is a size that the kernel tells of a process, in bytes; 0 of one that has ended.
func statusOf(pid int, key string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(status, []byte(key))
	if !ok {
		return 0 // a zombie has no memory
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.Atoi(string(fields[0]))
	if err != nil {
		return 0
	}
	return kib << 10
}

package lambdalocal

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// memory is the most memory that the environment has used at once, extensions and all, in bytes. Without a group
// that counts it, it is the sum of the most that each process of this generation has had resident, in which pages
// that two of them share count twice.
func (e *Environment) memory(g *generation) int {
	if bytes, ok := e.box.memoryPeak(); ok {
		return int(bytes)
	}
	groups := map[int]bool{}
	pids := []int{}
	for _, p := range g.processes {
		groups[p.pid()] = true
		pids = append(pids, p.pid())
	}
	total := 0
	for _, pid := range append(pids, e.box.strays(groups)...) {
		total += peak(pid)
	}
	return total
}

func peak(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(status, []byte("VmHWM:"))
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

package hook

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/afterglow-lambda/afterglow/spool"
)

// mostAncestors bounds the way up from a program that the function has started: a shell or two stand in between.
const mostAncestors = 4

// startedBy gives the invocation that a process works for which the function has started: the one that the nearest of its ancestors with a file in the spool
// has open; none if that runs several. "" if there is no such ancestor, as in the function's own process. Nothing is handed down for it: the function might
// see it.
func (s *Spool) startedBy(many bool) string {
	entries, err := os.ReadDir(s.settings.Dir)
	if err != nil {
		return "" // no spool yet, so no ancestor has one
	}
	last, open := map[int]spool.Name{}, map[int]int{} // by process: what an earlier life has left open has lower numbers
	for _, entry := range entries {
		n, ok := spool.ParseName(entry.Name())
		if !ok || n.State != spool.StateOpen || n.PID == s.process.PID {
			continue
		}
		open[n.PID]++
		if n.Number > last[n.PID].Number {
			last[n.PID] = n
		}
	}
	for pid, up := s.process.Parent, 0; len(last) > 0 && pid > 1 && up < mostAncestors; up++ {
		if n, ok := last[pid]; ok && many && open[pid] > 1 {
			return spool.InvocationNone
		} else if ok {
			return n.Invocation
		}
		if pid, err = parentOf(pid); err != nil {
			return ""
		}
	}
	return ""
}

// parentOf gives a process' parent: the second field behind the command's name, which may have anything in it (proc_pid_stat(5)).
func parentOf(pid int) (int, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 { //nolint:mnd // state and parent
		return 0, errors.ErrUnsupported
	}
	return strconv.Atoi(string(fields[1]))
}

package lambdalocal

import (
	"strings"
	"syscall"
)

// oomKills counts the processes that the kernel has killed because the environment's memory was used up; 0
// where there is no limit.
func (e *Environment) oomKills() int64 { return e.box.oomKills() }

// ranOutOfMemory tells whether a process of a generation was killed because memory was used up. Which one
// the kernel picked it does not say: it was this one if it was killed by nobody that we know of and somebody
// was picked.
func (e *Environment) ranOutOfMemory(g *generation, status exitStatus) bool {
	return status.signal == syscall.SIGKILL && e.oomKills() > g.oomKills
}

// oomType is how Lambda names the end of a runtime that ran out of memory. It has a type of its own for
// Python and Ruby and managed instances; elsewhere it is an exit like any other (reference 2.4, RIE-LMI
// rapid/shutdown.go).
func (fn Function) oomType() string {
	if fn.InitType == ManagedInstances || strings.HasPrefix(fn.Runtime, "python") || strings.HasPrefix(fn.Runtime, "ruby") {
		return "Runtime.OutOfMemory"
	}
	return runtimeExitError
}

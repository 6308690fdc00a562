// Package nonblock reads and writes descriptors that never block, without Go's scheduler being told of each system call.
//
// It takes connections and files that Go's poller waits for, and gives the same with a Read and a Write of its own. It promises what theirs do: they wait
// in the poller, deadlines end them, and their errors are known by errors.Is.
//
// Before each system call Go makes ready to give the thread's work to another one, and wakes the monitor that would do so (sysmon of package runtime), which then looks
// every 20 µs whether the call is over. An extension is woken twice in an invocation, to read some hundred bytes and write as many: the monitor was a tenth of its CPU time, and
// where the share of the CPU is small, and everything stands still in the middle of a call, an eighth. A call that cannot block needs none of that.
//
// It is for sockets and the like. A file of a disk may block for as long as the disk does, and with it the only thread that runs Go code (oneThread in package main).
package nonblock

import (
	"errors"
	"net"
	"syscall"
)

// IsIdle tells of a connection whether there is nothing to read from it, neither data nor its end, without waiting.
func IsIdle(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	idle := false
	err = raw.Read(func(fd uintptr) bool {
		idle = errors.Is(peek(fd), syscall.EAGAIN)
		return true
	})
	return err == nil && idle
}

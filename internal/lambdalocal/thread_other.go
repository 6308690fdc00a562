//go:build !linux

package lambdalocal

import "syscall"

// threadID is only compared with the process's id, which is the main thread's on Linux alone.
func threadID() int { return -1 }

// endWithParent cannot be had here: if this process is killed, the environment's processes go on until
// their connection to the Runtime API breaks.
func endWithParent(*syscall.SysProcAttr) {}

package lambdalocal

import "syscall"

func threadID() int { return syscall.Gettid() }

// endWithParent makes the kernel kill a child when the thread that starts it ends, with its process.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

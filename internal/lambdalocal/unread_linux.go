package lambdalocal

import (
	"os"

	"golang.org/x/sys/unix"
)

// unread is the number of bytes that wait in a pipe.
func unread(f *os.File) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	ctlErr := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	if ctlErr != nil {
		return 0, ctlErr
	}
	return n, err
}

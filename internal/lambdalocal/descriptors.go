package lambdalocal

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstDescriptor is the first one that is neither input nor output.
const firstDescriptor = 3

// inherited are the descriptors of this process that a process which it starts would have as well, for want of
// FD_CLOEXEC: Go opens none like that, but whoever started this process, or a library in C, may have.
func inherited() []int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return nil
	}
	var open []int
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < firstDescriptor {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			open = append(open, fd)
		}
	}
	slices.Sort(open)
	return open
}

package lambdalocal

import (
	"errors"

	"golang.org/x/sys/unix"
)

// awaitExit blocks until a child has ended and leaves it a zombie, so that its id, and with it that of
// its process group, stays taken.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return // ended, or nothing that could be waited for; the wait that reaps will tell
		}
	}
}

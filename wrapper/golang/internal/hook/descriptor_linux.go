package hook

import (
	"runtime"
	"syscall"
	"unsafe"

	"github.com/afterglow-lambda/afterglow/spool"
)

// A file is known by a mark on its open description: the signal that it would send if it sent any, which it does only with O_ASYNC (fcntl(2)). Whoever gets
// its number later has another description. fstat, which could tell them apart as well, takes five times as long, for it asks the file system.
const (
	setSignal   = 10 // F_SETSIG; the same on every architecture that Lambda has (include/uapi/asm-generic/fcntl.h)
	getSignal   = 11 // F_GETSIG
	firstSignal = 35 // above those that anybody uses by name
	signals     = 30 // files of one process that are open at a time are told apart as well
)

// markDescriptor gives what isMarked will look for; 0 if the system does not take it.
func markDescriptor(fd, number int) uintptr {
	signal := uintptr(firstSignal + number%signals)
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), setSignal, signal); errno != 0 {
		return 0
	}
	return signal
}

// isMarked never waits, so that the scheduler need not know of it.
func isMarked(fd int, signal uintptr) bool {
	got, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), getSignal, 0)
	return errno == 0 && got == signal
}

// writeTogether writes a record whose body is not in one piece with what stands before it: one writev(2), which is as whole as one write.
func writeTogether(fd int, front []byte, parts [][]byte) (int, error) {
	end := []byte(spool.RecordEnd)
	pieces := make([]syscall.Iovec, 0, len(parts)+2) //nolint:mnd // front and end
	for _, p := range append(append([][]byte{front}, parts...), end) {
		if len(p) == 0 {
			continue
		}
		piece := syscall.Iovec{Base: &p[0]}
		piece.SetLen(len(p))
		pieces = append(pieces, piece)
	}
	for {
		n, _, errno := syscall.Syscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&pieces[0])), uintptr(len(pieces)))
		runtime.KeepAlive(pieces)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

//go:build linux && (amd64 || arm64)

package nonblock

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// Conn gives a connection with a Read and a Write of this package's; what they cannot be made for it gives back as it is.
func Conn(c net.Conn) net.Conn {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return c
	}
	return &conn{c, raw}
}

// Reader gives a file's Read.
func Reader(f *os.File) io.Reader {
	raw, err := f.SyscallConn()
	if err != nil {
		return f
	}
	return reader{raw}
}

type conn struct {
	net.Conn
	raw syscall.RawConn
}

func (c *conn) Read(b []byte) (int, error) { return reader{c.raw}.Read(b) }

// Write implements net.Conn.
func (c *conn) Write(b []byte) (written int, err error) {
	var failed syscall.Errno
	err = c.raw.Write(func(fd uintptr) bool {
		for written < len(b) {
			n, errno := call(syscall.SYS_WRITE, fd, b[written:])
			if written += n; errno != 0 {
				failed = errno
				return errno != syscall.EAGAIN
			}
		}
		failed = 0
		return true
	})
	if err == nil && failed != 0 {
		err = os.NewSyscallError("write", failed)
	}
	return written, err
}

// SyscallConn implements syscall.Conn.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

type reader struct{ raw syscall.RawConn }

func (r reader) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	var failed syscall.Errno
	err = r.raw.Read(func(fd uintptr) bool {
		n, failed = call(syscall.SYS_READ, fd, b)
		return failed != syscall.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err //nolint:wrapcheck // it is what the Read of a connection gives
	case failed != 0:
		return 0, os.NewSyscallError("read", failed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Read reads from a descriptor that does not block, once: it gives syscall.EAGAIN if there is nothing. The poller has no part in it.
func Read(fd int, b []byte) (int, error) {
	n, errno := call(syscall.SYS_READ, uintptr(fd), b)
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

// peek looks at what there is to read.
func peek(fd uintptr) error {
	var b [1]byte
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// call makes a system call on some bytes, again if a signal interrupts it.
func call(trap, fd uintptr, b []byte) (n int, errno syscall.Errno) {
	for {
		r, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch errno {
		case 0:
			return int(r), 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

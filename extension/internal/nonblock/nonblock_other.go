//go:build !linux || !(amd64 || arm64)

package nonblock

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Conn gives the connection: elsewhere than on Lambda's processors, where only tests run, its own Read and Write have to do.
func Conn(c net.Conn) net.Conn { return c }

// Reader gives the file.
func Reader(f *os.File) io.Reader { return f }

// Read reads from a descriptor that does not block, once: it gives syscall.EAGAIN if there is nothing.
func Read(fd int, b []byte) (int, error) { return syscall.Read(fd, b) }

// peek looks at what there is to read.
func peek(fd uintptr) error {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err
}

package lifecycle

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/nonblock"
)

// A notifier tells of files that appear in a directory under a new name. It asks the kernel itself, because the usual package asks for
// every change: each record that a hook writes would then wake the extension up beside the function.
//
// Go's poller knows of it only while somebody waits: else it would be woken up for each file, twice in an invocation, to find that nobody cares. A deadline ends
// the waiting, and no goroutine is needed for it.
type notifier struct {
	fd    int
	buf   []byte
	ended bool // the directory is gone, or the kernel's queue overflowed: make a new one
}

// mostReads of what waits, and what comes faster than it is read has to be looked for in the directory.
const mostReads = 32

func newNotifier(dir string) (*notifier, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch spool: %w", err)
	}
	const what = syscall.IN_CREATE | syscall.IN_MOVED_TO | syscall.IN_DELETE_SELF | syscall.IN_MOVE_SELF | syscall.IN_ONLYDIR
	if _, err := syscall.InotifyAddWatch(fd, dir, what); err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("watch spool: %w", err)
	}
	return &notifier{fd: fd, buf: make([]byte, 4<<10)}, nil
}

func (n *notifier) alive() bool { return !n.ended }

func (n *notifier) close() { _ = syscall.Close(n.fd) } // nothing was written to it

// drain tells of what has appeared since the last time, without waiting. It returns false if that may not be all.
func (n *notifier) drain(tell func(name string)) (all bool) {
	for range mostReads {
		size, err := nonblock.Read(n.fd, n.buf)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return !n.ended
		case err != nil:
			n.ended = true
			return false
		}
		n.parse(n.buf[:size], tell)
	}
	return false
}

// wait tells of what appears until something has, and returns nil then. It returns an error at the deadline, when the context is done, or when the directory
// cannot be watched any more, which alive then tells.
func (n *notifier) wait(ctx context.Context, deadline time.Time, tell func(name string)) error {
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(n.fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		n.ended = true
		return fmt.Errorf("watch spool: %w", errno)
	}
	file := os.NewFile(fd, "inotify") // has the poller know of it
	defer file.Close()
	if err := file.SetReadDeadline(deadline); err != nil {
		n.ended = true
		return fmt.Errorf("watch spool: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) }) // it worked a line ago
	defer stop()
	size, err := nonblock.Reader(file).Read(n.buf)
	if err != nil {
		n.ended = n.ended || !errors.Is(err, os.ErrDeadlineExceeded)
		return fmt.Errorf("watch spool: %w", err)
	}
	n.parse(n.buf[:size], tell)
	return nil
}

// parse reads struct inotify_event { int32 wd; uint32 mask, cookie, len; char name[len] }, one behind the other.
func (n *notifier) parse(b []byte, tell func(string)) {
	for len(b) >= syscall.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(b[4:])
		size := int(binary.NativeEndian.Uint32(b[12:]))
		b = b[syscall.SizeofInotifyEvent:]
		if size > len(b) {
			return
		}
		name, _, _ := bytes.Cut(b[:size], []byte{0})
		b = b[size:]
		if mask&(syscall.IN_IGNORED|syscall.IN_DELETE_SELF|syscall.IN_MOVE_SELF|syscall.IN_Q_OVERFLOW|syscall.IN_UNMOUNT) != 0 {
			n.ended = true
		}
		tell(string(name))
	}
}

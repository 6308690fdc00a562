package lifecycle

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/nonblock"
)

// A notifier tells of files that appear in a directory under a new name. It asks the kernel itself, because the usual package asks for
// every change: each record that a hook writes would then wake the extension up beside the function.
//
// Reading waits in Go's own poller: no goroutine, and a deadline ends it.
type notifier struct {
	file    *os.File
	changes io.Reader // of it
	buf     []byte
	ended   bool // the directory is gone, or the kernel's queue overflowed: make a new one
}

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
	file := os.NewFile(uintptr(fd), "inotify")
	return &notifier{file: file, changes: nonblock.Reader(file), buf: make([]byte, 4<<10)}, nil
}

func (n *notifier) alive() bool { return !n.ended }

func (n *notifier) close() { n.file.Close() }

// wait returns nil once a file appeared whose name matches, and an error at the deadline, when the context is done, or when the
// directory cannot be watched any more, which alive then tells.
func (n *notifier) wait(ctx context.Context, deadline time.Time, match func(name string) bool) error {
	if err := n.file.SetReadDeadline(deadline); err != nil {
		n.ended = true
		return fmt.Errorf("watch spool: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = n.file.SetReadDeadline(time.Unix(1, 0)) }) // it worked a line ago
	defer stop()
	for {
		size, err := n.changes.Read(n.buf)
		if err != nil {
			n.ended = n.ended || !errors.Is(err, os.ErrDeadlineExceeded)
			return fmt.Errorf("watch spool: %w", err)
		}
		matched := n.parse(n.buf[:size], match)
		if matched || n.ended {
			return nil
		}
	}
}

// parse reads struct inotify_event { int32 wd; uint32 mask, cookie, len; char name[len] }, one behind the other.
func (n *notifier) parse(b []byte, match func(string) bool) (matched bool) {
	for len(b) >= syscall.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(b[4:])
		size := int(binary.NativeEndian.Uint32(b[12:]))
		b = b[syscall.SizeofInotifyEvent:]
		if size > len(b) {
			return matched
		}
		name, _, _ := bytes.Cut(b[:size], []byte{0})
		b = b[size:]
		if mask&(syscall.IN_IGNORED|syscall.IN_DELETE_SELF|syscall.IN_MOVE_SELF|syscall.IN_Q_OVERFLOW|syscall.IN_UNMOUNT) != 0 {
			n.ended = true
		}
		matched = matched || match(string(name))
	}
	return matched
}

package telemetry

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/nonblock"
)

const (
	// host is the name that the platform posts to: the only one that it takes (TEL "Destination protocols").
	host = "sandbox.localdomain"
	// reservedPort is Lambda's own (TEL).
	reservedPort = 9001
	// maxConnections at a time. The platform has one; after a freeze it may have another while the dead one is still here. One too many, and the oldest is closed.
	maxConnections = 8
	// acceptPause is the wait after an Accept that failed: there are no descriptors left, which are the function's as well.
	acceptPause = 100 * time.Millisecond
)

// Listen opens the port, and Serve takes what comes. Lambda wants it open before it is asked for a subscription (TEL).
//
// It listens on every address: sandbox.localdomain has one of its own on Lambda, the platform may as well come from loopback, and to look a name
// up costs more than all the rest, or takes seconds where nobody knows it.
//
// This stands between the registration and the first Next, so it is six system calls and nothing else. net.Listen makes twenty, reads a file
// and takes three times as long in a process that has just begun; Serve gets what that is good for later.
func Listen(opt Options) (*Listener, error) { return listenOn(0, opt) }

func listenOn(port int, opt Options) (*Listener, error) {
	fd, port, err := bind(port)
	if err == nil && port == reservedPort {
		reserved := fd
		fd, port, err = bind(0)
		_ = syscall.Close(reserved) // only now, or it might be had again
	}
	if err != nil {
		return nil, fmt.Errorf("listen for telemetry: %w", err)
	}
	return &Listener{opt: opt, socket: os.NewFile(uintptr(fd), "telemetry"), port: port, seed: maphash.MakeSeed()}, nil
}

// bind opens a socket that listens on a port of every address, or on any port if it is zero.
func bind(port int) (fd, got int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, os.NewSyscallError("socket", err) //nolint:wrapcheck // listenOn does
	}
	defer func() {
		if err != nil {
			_ = syscall.Close(fd)
		}
	}()
	syscall.CloseOnExec(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port}); err != nil {
		return 0, 0, os.NewSyscallError("bind", err) //nolint:wrapcheck // listenOn does
	}
	if err := syscall.Listen(fd, maxConnections); err != nil {
		return 0, 0, os.NewSyscallError("listen", err) //nolint:wrapcheck // listenOn does
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, 0, os.NewSyscallError("getsockname", err) //nolint:wrapcheck // listenOn does
	}
	in, ok := address.(*syscall.SockaddrInet4)
	if !ok {
		return 0, 0, errors.New("a socket without a port")
	}
	return fd, in.Port, nil
}

// Serve takes what is posted from now on, and what has been since Listen: until then it waits in the kernel. It is called once, and does nothing
// for a Listener to which nothing comes.
func (l *Listener) Serve() error {
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed || l.socket == nil {
		return nil
	}
	listener, err := net.FileListener(l.socket) // of a copy
	_ = l.socket.Close()
	if err != nil {
		return fmt.Errorf("listen for telemetry: %w", err)
	}
	l.serve(listener)
	return nil
}

// serve has connections accepted until Close.
func (l *Listener) serve(from net.Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = from.Close()
		return
	}
	l.listener = from
	l.serving.Add(1)
	go func() {
		defer l.serving.Done()
		defer func() {
			if r := recover(); r != nil {
				l.damaged(0)
			}
		}()
		l.accept(from)
	}()
}

// URI is the destination to subscribe with.
func (l *Listener) URI() string { return "http://" + host + ":" + strconv.Itoa(l.port) + "/" }

// Close ends listening and waits until no post is worked on. What was taken in can still be had.
func (l *Listener) Close() {
	l.mu.Lock()
	l.closed = true
	conns, listener := l.conns, l.listener
	l.conns = nil
	l.mu.Unlock()
	// Nothing can be done about what fails here.
	if l.socket != nil {
		_ = l.socket.Close()
	}
	if listener != nil {
		_ = listener.Close()
	}
	for _, c := range conns {
		_ = c.Close()
	}
	l.serving.Wait()
}

func (l *Listener) accept(from net.Listener) {
	for {
		conn, err := from.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptPause)
			continue
		case l.opt.Guarded && !isOurs(conn), !l.enter(conn):
			_ = conn.Close()
			continue
		}
		go func() {
			defer l.leave(conn)
			defer func() {
				if r := recover(); r != nil {
					l.damaged(0)
				}
			}()
			l.answer(nonblock.Conn(conn))
		}()
	}
}

// IsLoopback tells whether an address, host:port, is of loopback: then whoever is behind it posts from this machine.
func IsLoopback(address string) bool {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// isOurs tells whether a connection comes from this machine.
func isOurs(conn net.Conn) bool {
	from, ok1 := conn.RemoteAddr().(*net.TCPAddr)
	to, ok2 := conn.LocalAddr().(*net.TCPAddr)
	return ok1 && ok2 && (from.IP.IsLoopback() || from.IP.Equal(to.IP))
}

// enter notes a connection. It returns false if listening has ended.
func (l *Listener) enter(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if len(l.conns) >= maxConnections {
		_ = l.conns[0].Close() // its own goroutine takes it off
		l.conns = l.conns[1:]
	}
	l.conns = append(l.conns, conn)
	l.serving.Add(1)
	return true
}

func (l *Listener) leave(conn net.Conn) {
	_ = conn.Close()
	l.mu.Lock()
	l.conns = slices.DeleteFunc(l.conns, func(c net.Conn) bool { return c == conn })
	l.mu.Unlock()
	l.serving.Done()
}

func (l *Listener) damaged(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose(event.DroppedDamaged, 1, bytes)
}

// answer answers the posts of one connection. There is no time limit on any of them: a freeze would use it up.
//
// A post is taken in before it is answered. Whoever has the answer may go on, and where an environment is reset Lambda goes on with SHUTDOWN: this process, which
// gets the CPU last, would be done with its work and gone before it had looked at what it has answered. Nobody would send that again.
func (l *Listener) answer(conn net.Conn) {
	posts := newPosts(conn)
	for {
		post, size, more, err := posts.next()
		if err != nil {
			return // it was idle and is closed, or has no answer yet, so that it will be sent again
		}
		if size > int64(len(post)) {
			l.damaged(size)
		} else if size > 0 {
			l.read(post)
		}
		if _, err := io.WriteString(conn, answerOK); err != nil || !more {
			return
		}
	}
}

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const (
	// host is the name that the platform posts to: the only one that it takes (TEL "Destination protocols").
	host = "sandbox.localdomain"
	// anyPort that is free, on every address.
	anyPort = "0.0.0.0:0"
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
func Listen(ctx context.Context, opt Options) (*Listener, error) { return listenOn(ctx, anyPort, opt) }

func listenOn(ctx context.Context, address string, opt Options) (*Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // nobody there speaks it, and to find that out takes a system call more
	listener, err := config.Listen(ctx, "tcp4", address)
	if err == nil && portOf(listener) == reservedPort {
		reserved := listener
		listener, err = config.Listen(ctx, "tcp4", anyPort)
		_ = reserved.Close() // only now, or it might be had again
	}
	if err != nil {
		return nil, fmt.Errorf("listen for telemetry: %w", err)
	}
	return &Listener{opt: opt, listener: listener, seed: maphash.MakeSeed()}, nil
}

// Serve takes what is posted from now on, and what has been since Listen: until then it waits in the kernel, and so does the work of starting a
// thread for it, which is better done when the first Next has been asked for. It is called once.
func (l *Listener) Serve() {
	if l.listener == nil {
		return
	}
	l.serving.Add(1)
	go func() {
		defer l.serving.Done()
		defer func() {
			if r := recover(); r != nil {
				l.damaged(0)
			}
		}()
		l.accept()
	}()
}

func portOf(l net.Listener) int {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

func (l *Listener) port() int { return portOf(l.listener) }

// URI is the destination to subscribe with.
func (l *Listener) URI() string {
	return "http://" + net.JoinHostPort(host, strconv.Itoa(l.port())) + "/"
}

// Close ends listening and waits until no post is worked on. What was taken in can still be had.
func (l *Listener) Close() {
	l.mu.Lock()
	l.closed = true
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	if l.listener != nil {
		_ = l.listener.Close() // nothing can be done about it, nor below
	}
	for _, c := range conns {
		_ = c.Close()
	}
	l.serving.Wait()
}

func (l *Listener) accept() {
	for {
		conn, err := l.listener.Accept()
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
			l.serve(conn)
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

// serve answers the posts of one connection. There is no time limit on any of them: a freeze would use it up.
func (l *Listener) serve(conn net.Conn) {
	posts := newPosts(conn)
	for {
		post, size, more, err := posts.next()
		if err != nil {
			return // it was idle and is closed, or has no answer yet, so that it will be sent again
		}
		if _, err := io.WriteString(conn, answerOK); err != nil {
			return
		}
		if size > int64(len(post)) {
			l.damaged(size)
		} else if size > 0 {
			l.read(post)
		}
		if !more {
			return
		}
	}
}

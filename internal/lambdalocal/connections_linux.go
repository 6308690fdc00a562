package lambdalocal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// cutConnections makes the connections of a frozen environment to the outside dead, as a long freeze does: whoever is
// at the other end sees a reset now, the function an error when it uses them next.
func (e *Environment) cutConnections() error {
	api, err := netip.ParseAddrPort(e.api.addr())
	if err != nil {
		return fmt.Errorf("cut connections: %w", err)
	}
	var all []connection
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("cut connections: %w", err)
		}
		all = append(all, parseConnections(string(text))...)
	}
	inside := map[string]bool{}
	for _, pid := range e.box.strays(nil) {
		for _, inode := range sockets(pid) {
			inside[inode] = true
		}
	}
	cut := toCut(all, inside, api)
	if len(cut) == 0 {
		return nil
	}
	diag, err := openDiag()
	if err != nil {
		return fmt.Errorf("cut connections: %w", err)
	}
	defer func() { _ = unix.Close(diag) }()
	for _, c := range cut {
		if err := destroy(diag, c); err != nil {
			return fmt.Errorf("cut connection from %s to %s: %w", c.local, c.remote, err)
		}
	}
	return nil
}

// sockets are the inodes of a process's sockets.
func sockets(pid int) []string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // ended
	}
	var found []string
	for _, e := range entries {
		link, err := os.Readlink(filepath.Join(dir, e.Name()))
		if inode, ok := strings.CutPrefix(link, "socket:["); ok && err == nil {
			found = append(found, strings.TrimSuffix(inode, "]"))
		}
	}
	return found
}

func openDiag() (int, error) {
	diag, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return -1, fmt.Errorf("open socket diagnosis: %w", err)
	}
	return diag, nil
}

// destroy closes a TCP connection over its owner's head (sock_diag(7), struct inet_diag_req_v2).
func destroy(diag int, c connection) error {
	const length = 16 + 56
	families := []uint8{unix.AF_INET}
	if c.local.Addr().Is6() {
		families[0] = unix.AF_INET6
	} else {
		families = append(families, unix.AF_INET6) // an IPv4 address may be that of an IPv6 socket
	}
	var err error
	for _, family := range families {
		b := make([]byte, 0, length)
		b = binary.NativeEndian.AppendUint32(b, length)
		b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DESTROY)
		b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
		b = append(b, make([]byte, 8)...) // sequence, port
		b = append(b, family, unix.IPPROTO_TCP, 0, 0)
		b = binary.NativeEndian.AppendUint32(b, 1<<1|1<<8) // established, close-wait
		b = binary.BigEndian.AppendUint16(b, c.local.Port())
		b = binary.BigEndian.AppendUint16(b, c.remote.Port())
		b = append(append(b, sixteen(c.local.Addr(), family)...), sixteen(c.remote.Addr(), family)...)
		b = append(b, 0, 0, 0, 0)                                     // any interface
		b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // any cookie
		if err = askKernel(diag, b); !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return err
}

// sixteen is an address in a field of sixteen bytes.
func sixteen(a netip.Addr, family uint8) []byte {
	if family == unix.AF_INET6 {
		b := a.As16()
		return b[:]
	}
	b := a.As4()
	return append(b[:], make([]byte, 12)...)
}

// askKernel sends a request and reads its answer, which is an error number.
func askKernel(diag int, request []byte) error {
	const header = 16
	if err := unix.Sendto(diag, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask the kernel: %w", err)
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(diag, answer, 0)
	if err != nil {
		return fmt.Errorf("hear the kernel: %w", err)
	}
	if n < header+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("the kernel's answer is %x", answer[:n])
	}
	if number := -int32(binary.NativeEndian.Uint32(answer[header:])); number != 0 {
		return unix.Errno(number)
	}
	return nil
}

// canCut tells why connections cannot be cut: the kernel, or a lack of rights. It tries it with one of its own.
func canCut(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("make a connection: %w", err)
	}
	defer func() { _ = listener.Close() }()
	own, err := new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		return fmt.Errorf("make a connection: %w", err)
	}
	defer func() { _ = own.Close() }()
	local, err := netip.ParseAddrPort(own.LocalAddr().String())
	if err != nil {
		return fmt.Errorf("make a connection: %w", err)
	}
	remote, err := netip.ParseAddrPort(own.RemoteAddr().String())
	if err != nil {
		return fmt.Errorf("make a connection: %w", err)
	}
	diag, err := openDiag()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(diag) }()
	if err := destroy(diag, connection{local: local, remote: remote}); err != nil {
		return fmt.Errorf("end a connection: %w", err)
	}
	return nil
}

package lambdalocal

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
)

// connection is one socket of a TCP connection.
type connection struct {
	local, remote netip.AddrPort
	listens       bool
	inode         string
}

// toCut are the connections that are dead after a freeze: those from the environment's sockets to somebody outside.
// The ones to its APIs are the platform's, and so are those that the platform has opened to deliver telemetry; both
// ends inside are frozen alike and notice nothing.
func toCut(all []connection, inside map[string]bool, api netip.AddrPort) []connection {
	var ports []uint16
	var ends []netip.AddrPort
	for _, c := range all {
		if !inside[c.inode] {
			continue
		}
		if c.listens {
			ports = append(ports, c.local.Port())
		} else {
			ends = append(ends, c.local)
		}
	}
	var cut []connection
	for _, c := range all {
		switch {
		case !inside[c.inode] || c.listens:
		case c.remote == api, slices.Contains(ends, c.remote), slices.Contains(ports, c.local.Port()):
		default:
			cut = append(cut, c)
		}
	}
	return cut
}

// The states of a socket in the kernel's table that matter here.
const (
	stateEstablished = "01"
	stateCloseWait   = "08"
	stateListen      = "0A"
)

// parseConnections reads /proc/net/tcp or tcp6 (proc(5)): number, local and remote address, state, …, inode.
func parseConnections(table string) []connection {
	const state, inode = 3, 9
	var found []connection
	for _, line := range strings.Split(table, "\n") {
		fields := strings.Fields(line)
		if len(fields) <= inode {
			continue
		}
		c := connection{inode: fields[inode]}
		switch fields[state] {
		case stateListen:
			c.listens = true
		case stateEstablished, stateCloseWait:
		default:
			continue
		}
		var ok, alsoOK bool
		c.local, ok = parseAddress(fields[1])
		c.remote, alsoOK = parseAddress(fields[2])
		if ok && alsoOK {
			found = append(found, c)
		}
	}
	return found
}

// parseAddress reads 0100007F:1F90: words of four bytes in this machine's order, here little-endian as every machine
// of Lambda's is, and a port.
func parseAddress(s string) (netip.AddrPort, bool) {
	words, port, ok := strings.Cut(s, ":")
	bytes, err := hex.DecodeString(words)
	number, portErr := hex.DecodeString(port)
	if !ok || err != nil || portErr != nil || len(number) != 2 || len(bytes)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(bytes); i += 4 {
		slices.Reverse(bytes[i : i+4])
	}
	address, ok := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(address.Unmap(), uint16(number[0])<<8|uint16(number[1])), ok
}

package nethttp

import (
	"net"
	"testing"
)

// TestPlacesAreWrittenAsGoWritesThem: it is only done in less time.
func TestPlacesAreWrittenAsGoWritesThem(t *testing.T) {
	for _, a := range []net.Addr{
		&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}, &net.TCPAddr{IP: net.IP{10, 0, 0, 1}, Port: 65535}, &net.TCPAddr{IP: net.IPv6loopback, Port: 443},
		&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "eth0"}, &net.TCPAddr{IP: net.ParseIP("2001:db8::1:0:0:1"), Port: 0}, &net.TCPAddr{Port: 8080}, &net.TCPAddr{IP: net.IPv4zero, Port: 1},
		&net.TCPAddr{IP: net.IP{1, 2, 3}, Port: 5}, &net.UnixAddr{Name: "/tmp/socket", Net: "unix"},
	} {
		if got := place(a); got != a.String() {
			t.Errorf("%s, want %s", got, a)
		}
	}
}

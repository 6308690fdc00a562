package spool

import (
	"strconv"
	"strings"
)

// States of a file, which are the ends of its name.
const (
	StateOpen = "open"
	StateDone = "done"
)

// A Name is a spool file's name, taken apart.
type Name struct {
	Invocation string // request id, InvocationInit or InvocationNone
	PID        int
	Number     int // of the file within its process, from 1
	State      string
}

// String gives the file's name as it stands in the directory.
func (n Name) String() string {
	return n.Invocation + "." + strconv.Itoa(n.PID) + "." + strconv.Itoa(n.Number) + "." + n.State
}

// Done is the name after the rename that ends an invocation.
func (n Name) Done() Name {
	n.State = StateDone
	return n
}

// ParseName takes a file's name apart. It is strict: what it refuses is not the spool's, and nobody may delete it.
func ParseName(s string) (Name, bool) {
	f := strings.Split(s, ".")
	if len(f) != 4 || !IsInvocation(f[0]) || (f[3] != StateOpen && f[3] != StateDone) {
		return Name{}, false
	}
	pid, ok1 := positive(f[1])
	number, ok2 := positive(f[2])
	return Name{Invocation: f[0], PID: pid, Number: number, State: f[3]}, ok1 && ok2
}

// IsInvocation tells whether s can stand in a file's name as its invocation.
func IsInvocation(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-':
		default:
			return false
		}
	}
	return true
}

// positive parses a decimal without sign or leading zeros.
func positive(s string) (int, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil
}

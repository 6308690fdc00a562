//go:build unix

package layer

import (
	"syscall"
	"testing"
)

// withUmask sets the umask for the rest of the test. It is the process's, so no test of this package is parallel.
func withUmask(t *testing.T, mask int) {
	old := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(old) })
}

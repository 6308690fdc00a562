//go:build !linux

package lambdalocal

import "runtime"

// newSandbox has nothing but paths to offer where there are no mount namespaces.
func newSandbox(fn Function, opt Options, l layout) (sandbox, error) {
	return newPathSandbox(fn, opt, l, "mount namespaces are Linux's, this is "+runtime.GOOS)
}

//go:build !linux

package lambdalocal

import "runtime"

// newSandbox has nothing but paths to offer where there are no mount namespaces.
func newSandbox(fn Function, opt Options, l layout, lim *limits) (sandbox, error) {
	return newPathSandbox(fn, opt, l, lim, "mount namespaces are Linux's, this is "+runtime.GOOS)
}

// straysWith finds none: what a function moves out of its process group is neither frozen nor killed.
func straysWith(string, map[int]bool) []int { return nil }

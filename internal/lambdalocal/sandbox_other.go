//go:build !linux

package lambdalocal

import (
	"context"
	"runtime"
)

// newSandbox has nothing but paths to offer where there are no mount namespaces.
func newSandbox(_ context.Context, fn Function, opt Options, l layout, lim *limits) (sandbox, error) {
	return newPathSandbox(fn, opt, l, lim, "mount namespaces are Linux's, this is "+runtime.GOOS)
}

// holder is nothing here: what outlives this process cannot be found.
type holder struct{}

func newHolder(*starter, *limits) (*holder, error) { return nil, nil }

func (*holder) stop() {}

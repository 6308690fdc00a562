//go:build !linux

package lifecycle

// LowerPriority does nothing outside Linux, where only tests run.
func LowerPriority() error { return nil }

//go:build !linux

package lambdalocal

// memory is not measured here.
func (e *Environment) memory(*generation) int { return 0 }

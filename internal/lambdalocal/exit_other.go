//go:build !linux

package lambdalocal

// awaitExit has no counterpart here: the group is killed right after its leader has been reaped.
func awaitExit(int) {}

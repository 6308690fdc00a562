//go:build !linux

package child

// Adopt does nothing: only Linux lets a process adopt its descendants.
func Adopt() error { return nil }

// Sweep finds nothing where Adopt does nothing.
func Sweep() []string { return nil }

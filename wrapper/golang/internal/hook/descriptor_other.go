//go:build !linux

package hook

import (
	"slices"

	"github.com/afterglow-lambda/afterglow/spool"
)

// markDescriptor marks nothing: elsewhere nobody counts microseconds.
func markDescriptor(int, int) uintptr { return 0 }

func isMarked(int, uintptr) bool { return false }

// writeTogether writes a record whose body is not in one piece with what stands before it.
func writeTogether(fd int, front []byte, parts [][]byte) (int, error) {
	return write(fd, append(slices.Concat(append([][]byte{front}, parts...)...), spool.RecordEnd...))
}

//go:build linux && !amd64

package lambdalocal

import "golang.org/x/sys/unix"

// limitOwnFiles is written for one kind of processor only; elsewhere root needs CAP_SYS_RESOURCE.
func limitOwnFiles(int, unix.Rlimit) error { return unix.EPERM }

// closeOwnFiles is no more than that.
func closeOwnFiles(int, int) error { return unix.ENOSYS }

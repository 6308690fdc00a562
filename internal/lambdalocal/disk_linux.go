package lambdalocal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// disk is a block device with an empty file system that becomes /tmp, as on Lambda: an ext4 of its own, so that its
// size is a limit, and its content, unlike that of a tmpfs, no memory that cannot be taken back (reference 5.8).
//
// It is a file with holes that has no name any more, behind a loop device that gives itself back when nobody uses it:
// the file system is mounted in the sandbox only, so whoever ends this process leaves neither mount nor device nor
// file.
type disk struct {
	path   string // of the device
	device *os.File
}

// What the file system keeps for itself, so that as much as was asked for is left: its inodes, about 1.6 %, and what
// the kernel holds back for its own needs, 2 %.
const (
	diskShare = 26 // one part in so many
	diskBase  = 4  // MB
)

// attachTries bounds how often a loop device may be gone to somebody else before we have it.
const attachTries = 1000

func newDisk(dir string, mb int, owner user) (*disk, error) {
	path := filepath.Join(dir, "disk")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make disk: %w", err)
	}
	defer file.Close() // the device has it then
	defer os.Remove(path)
	if err := file.Truncate(int64(mb+mb/diskShare+diskBase) << 20); err != nil {
		return nil, fmt.Errorf("make disk: %w", err)
	}
	if err := format(path, owner); err != nil {
		return nil, err
	}
	return attach(file)
}

// format makes the file system: without a journal and without blocks for root, because nothing of it is ever read
// again after a crash.
func format(path string, owner user) error {
	mkfs, err := exec.LookPath("mkfs.ext4")
	for _, dir := range []string{"/usr/sbin", "/sbin"} { // not in everybody's PATH
		if err != nil {
			mkfs, err = exec.LookPath(filepath.Join(dir, "mkfs.ext4"))
		}
	}
	if err != nil {
		return fmt.Errorf("format disk: %w", err)
	}
	cmd := &exec.Cmd{Path: mkfs, Args: []string{
		mkfs, "-q", "-F", "-O", "^has_journal", "-m", "0",
		"-E", fmt.Sprintf("lazy_itable_init=1,nodiscard,root_owner=%d:%d", owner.uid, owner.gid), path,
	}}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format disk: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// attach puts a file behind a free loop device. It stays there as long as the device is open or mounted.
func attach(file *os.File) (*disk, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("find loop device: %w", err)
	}
	defer control.Close()
	for range attachTries {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("find loop device: %w", err)
		}
		path := fmt.Sprintf("/dev/loop%d", number)
		device, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("open loop device: %w", err)
		}
		config := unix.LoopConfig{Fd: uint32(file.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		err = unix.IoctlLoopConfigure(int(device.Fd()), &config)
		if err == nil {
			return &disk{path: path, device: device}, nil
		}
		device.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, fmt.Errorf("attach %s: %w", path, err)
		}
	}
	return nil, errors.New("attach loop device: somebody else always was first")
}

// close leaves the device to its mount, if it has one.
func (d *disk) close() {
	if d != nil {
		d.device.Close()
	}
}

// mountTemp mounts a disk in the calling thread's namespace.
func mountTemp(device, target string) error {
	if err := unix.Mount(device, target, "ext4", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_RELATIME, "noinit_itable"); err != nil {
		return err
	}
	return os.Remove(filepath.Join(target, "lost+found")) // mkfs makes it; Lambda's /tmp is empty
}

package hook

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/afterglow-lambda/afterglow/spool"
)

const (
	mostTries  = 64 // names that an earlier process of the same id left behind
	mostChecks = 4  // files looked for at the start of an invocation, so that its cost stays the same
)

// A file is one of the spool's that is being written.
type file struct {
	fd      int
	device  uint64
	inode   uint64
	signal  uintptr // of its description, if that is marked
	name    spool.Name
	mark    string
	bytes   int64
	records int // but for the process' description
}

// A keptFile is one of this process' that the extension may not have collected yet.
type keptFile struct {
	name  string
	bytes int64
}

// open makes a file for an invocation. It gives nil if there is no room or the directory cannot be written.
func (s *Spool) open(invocation string) *file {
	if s.keptBytes >= s.settings.DirBytes {
		return nil
	}
	if s.number == 0 {
		s.number = s.highest()
	}
	name := spool.Name{Invocation: invocation, PID: s.process.PID, State: spool.StateOpen}
	if !spool.IsInvocation(invocation) {
		name.Invocation = spool.InvocationNone
	}
	for tries, made := 0, false; tries < mostTries; tries++ {
		s.number++
		name.Number = s.number
		fd, err := open(filepath.Join(s.settings.Dir, name.String()))
		switch {
		case err == nil:
			f := &file{fd: fd, name: name, mark: spool.NewMark(), records: -1}
			f.device, f.inode, _ = identify(fd)
			f.signal = markDescriptor(fd, s.number)
			s.write(f, &spool.Header{Kind: spool.KindProcess, Invocation: invocation, Process: &s.process})
			return f
		case errors.Is(err, fs.ErrNotExist) && !made:
			made = true
			s.number--
			_ = os.MkdirAll(s.settings.Dir, 0o700) // the next attempt tells what is wrong
		case !errors.Is(err, fs.ErrExist):
			s.refused(err)
			return nil
		}
	}
	return nil
}

func open(file string) (fd int, err error) {
	for {
		fd, err = syscall.Open(file, syscall.O_APPEND|syscall.O_CREAT|syscall.O_EXCL|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o600)
		if !errors.Is(err, syscall.EINTR) {
			return fd, err
		}
	}
}

// ours tells whether the descriptor is still the file's: the function may have closed it, and been given the number for something of its own.
func (s *Spool) ours(f *file) bool {
	if f.signal != 0 {
		return isMarked(f.fd, f.signal)
	}
	device, inode, ok := identify(f.fd)
	return ok && device == f.device && inode == f.inode
}

func identify(fd int) (device, inode uint64, ok bool) {
	var stat syscall.Stat_t
	err := syscall.Fstat(fd, &stat)
	return uint64(stat.Dev), stat.Ino, err == nil //nolint:gosec,unconvert // the type of Dev is another on macOS
}

// highest gives the highest number among the files that an earlier process of the same id left: after a reset they may not be collected yet, and a rename
// would replace one that is done.
func (s *Spool) highest() (highest int) {
	entries, err := os.ReadDir(s.settings.Dir)
	if err != nil {
		return 0 // no directory yet, or none that can be read: open will tell
	}
	for _, entry := range entries {
		if n, ok := spool.ParseName(entry.Name()); ok && n.PID == s.process.PID {
			highest = max(highest, n.Number)
		}
	}
	return highest
}

// refused tells once that the spool is not to be had; every record that it costs is counted.
func (s *Spool) refused(err error) {
	if !s.told {
		var code syscall.Errno
		errors.As(err, &code)
		s.guard.Say("warn", "the spool cannot be written ("+code.Error()+"); this function is not recorded")
	}
	s.told = true
}

// finish closes a file and renames it, which tells the extension that the invocation ended in this process.
func (s *Spool) finish(f *file) {
	done := f.name.Done().String()
	err := os.Rename(filepath.Join(s.settings.Dir, f.name.String()), filepath.Join(s.settings.Dir, done))
	if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && f.records > 0 {
		// Under our hands: the extension falls back on the platform's word. In any other case it will find the file as it is.
		s.lose("deleted", int64(f.records), f.bytes)
	}
	if s.ours(f) {
		_ = syscall.Close(f.fd) // it was only written to, and each write was looked at
	}
	s.kept = append(s.kept, keptFile{done, f.bytes})
	s.keptBytes += f.bytes
}

// prune forgets files that the extension has collected. It looks at a few, and at others the next time, so that one which stays for long does not hide the
// rest.
func (s *Spool) prune() {
	for range min(mostChecks, len(s.kept)) {
		k := s.kept[0]
		s.kept = s.kept[1:]
		if _, err := os.Lstat(filepath.Join(s.settings.Dir, k.name)); err == nil {
			s.kept = append(s.kept, k)
		} else {
			s.keptBytes -= k.bytes
		}
	}
}

package intake

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"sort"
	"syscall"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// A file is one to be read in this round.
type file struct {
	name  spool.Name
	size  int64
	whole bool // nobody will append to it any more
	past  bool // of an earlier life of the environment
	left  bool // whole because its process is gone
}

// Names reads the names of the spool's files: at most MaxNames, among at most MaxEntries of whatever is in the directory. A directory that is
// not there is empty.
func Names(dir string) ([]spool.Name, error) { return namesAmong(dir, MaxEntries, nil) }

// namesAmong leaves out what has been done.
func namesAmong(dir string, entries int, done map[string]bool) ([]spool.Name, error) {
	// What stands there may be a pipe, which nobody opens at its other end: to open it would take for ever.
	d, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	defer d.Close()
	var names []spool.Name
	for read := 0; read < entries; {
		batch, err := d.Readdirnames(256)
		for _, s := range batch {
			if len(names) == MaxNames {
				return names, nil
			}
			if done[s] {
				continue
			}
			if name, ok := spool.ParseName(s); ok {
				names = append(names, name)
			}
		}
		read += len(batch)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return names, fmt.Errorf("read spool: %w", err)
		}
	}
	return names, nil
}

// choose lists the files to read, in the order in which each process wrote them, within the round's limits. A file in state open is
//
//	past         last written before this life: whole
//	superseded   of a process that has a newer one, and does one thing after the other: whole
//	left         of a process that is gone, and of an invocation that is over: whole
//	growing      anything else: what is new in it
//
// What one look at the directory found is read in several rounds if need be. It is looked at again where a round was not released, because its files have
// to be read again, and where something was told since.
func (in *Intake) choose(final bool) (files []file, more bool) {
	in.later = false
	if !in.goesOn || len(in.rest) == 0 || final != in.final {
		in.rest, in.crowded = in.look(final)
	}
	in.goesOn, in.final = false, final
	var bytes int64
	for n, f := range in.rest {
		if len(files) >= MaxFiles || len(files) > 0 && bytes+f.size > MaxBytes {
			in.rest = in.rest[n:]
			return files, true
		}
		bytes += f.size
		files = append(files, f)
	}
	in.rest = nil
	return files, in.crowded
}

// look lists the files to read, and notes of which invocations there are some that may still grow. crowded tells that there may be more names than it
// looks at, and that some of those that it has seen will be gone when it looks again.
func (in *Intake) look(final bool) (files []file, crowded bool) {
	newest := map[int]int{} // number of the newest file of each process of this life
	all, full := in.list(final)
	in.forget(all)
	for _, f := range all {
		if !f.past {
			newest[f.name.PID] = max(newest[f.name.PID], f.name.Number)
		}
	}
	in.join.growing = map[string]bool{}
	left := orphans{in: in, all: all, full: full}
	for _, f := range all {
		key := keyOf(f.name)
		f.whole = final || f.past || f.name.State == spool.StateDone || !in.Concurrent && f.name.Number < newest[f.name.PID]
		f.left = !f.whole && left.has(f.name)
		f.whole = f.whole || f.left
		if !f.whole {
			in.join.growing[f.name.Invocation] = true
		}
		if f.whole || !in.broken[key] && !in.visited[key] && f.size > in.seen[key] {
			files = append(files, f)
		}
		crowded = crowded || full && f.whole
	}
	return files, crowded
}

// list gives the regular files that have a name of the spool's, the processes' files in order. full tells that there may be more.
func (in *Intake) list(final bool) (files []file, full bool) {
	entries := in.entries
	if final {
		entries = MaxEntriesLast
	}
	var names []spool.Name
	err := in.spared(func() (err error) {
		names, err = namesAmong(in.dir, entries, in.done)
		return err
	})
	in.later = isPassing(err)
	if err != nil && len(names) == 0 {
		return nil, false // whoever cannot read the directory did not see a hook write there either
	}
	for _, n := range names {
		info, err := os.Lstat(in.path(n.String()))
		if err != nil || !info.Mode().IsRegular() {
			continue // renamed meanwhile, or a link, a pipe, a directory: not ours
		}
		past := in.IsPast(info.ModTime()) && (n.State == spool.StateDone || !isHeld(n.PID, info.ModTime()))
		files = append(files, file{name: n, size: info.Size(), past: past})
	}
	sort.Slice(files, func(i, j int) bool {
		a, b := files[i], files[j]
		switch {
		case a.past != b.past:
			return a.past
		case a.name.PID != b.name.PID:
			return a.name.PID < b.name.PID
		}
		return a.name.Number < b.name.Number
	})
	return files, len(names) == MaxNames
}

// Unknown is the size of a spool that cannot be looked at just now.
const Unknown = -1

// Size adds up the bytes of the spool's files, those that were read and not released included. It may be called beside everything else.
func (in *Intake) Size() (bytes int64) {
	names, err := Names(in.dir)
	if isPassing(err) {
		return Unknown
	}
	if err != nil && len(names) == 0 {
		return 0 // then nobody can read it either
	}
	for _, n := range names {
		if info, err := os.Lstat(in.path(n.String())); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
	}
	return bytes
}

// forget drops what is remembered of files that are not there any more. That a file is not among all says little: the directory may hold more names than are listed, it could not
// be read just now, or the file was renamed while it was. One that was forgotten would be read from its beginning again, and its calls be delivered twice.
func (in *Intake) forget(all []file) {
	if len(in.progress)+len(in.seen)+len(in.broken) == 0 {
		return
	}
	there := map[fileKey]bool{}
	for _, f := range all {
		there[keyOf(f.name)] = true
	}
	gone := func(k fileKey) bool {
		is, known := there[k]
		if !known {
			is = in.isThere(k)
			there[k] = is
		}
		return !is
	}
	maps.DeleteFunc(in.progress, func(k fileKey, _ int64) bool { return gone(k) })
	maps.DeleteFunc(in.seen, func(k fileKey, _ int64) bool { return gone(k) })
	maps.DeleteFunc(in.broken, func(k fileKey, _ bool) bool { return gone(k) })
}

// isThere looks for a file in either state: in the order of the rename, so that it is not missed in between.
func (in *Intake) isThere(k fileKey) bool {
	for _, state := range []string{spool.StateOpen, spool.StateDone} {
		name := spool.Name{Invocation: k.invocation, PID: k.pid, Number: k.number, State: state}
		if _, err := os.Lstat(in.path(name.String())); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// A reading is what came of reading a file.
type reading struct {
	spool.Summary
	unread int64 // bytes that were new
	tail   int64 // bytes at the end that make no whole record yet
	beyond int64 // bytes behind those that are kept as they are
	err    error
}

// take reads a file and gives its records to the joiner. It returns false if the file is not there any more.
func (in *Intake) take(f file) bool {
	key := keyOf(f.name)
	r := in.records(f, in.progress[key])
	if errors.Is(r.err, fs.ErrNotExist) {
		return false // renamed since it was listed: it comes back under its new name
	}
	if isPassing(r.err) && r.Whole == 0 {
		in.later = true
		return false
	}
	if !f.whole {
		in.progress[key] = max(in.progress[key], r.TailStart)
		in.seen[key] = max(f.size, in.progress[key]) // f.size is from before the reading: what was written since is not missed
		if r.beyond > 0 {
			in.seen[key] = math.MaxInt64 // no more of it can be read, until it is whole and counted
		}
		in.visited[key] = true
		if r.err != nil {
			in.broken[key] = true // to be counted when it is whole
		}
	} else {
		delete(in.broken, key)
		delete(in.progress, key)
		delete(in.seen, key)
	}
	if f.left {
		in.join.left[life{pid: f.name.PID}] = true // calls without an end have none
	}
	in.count(f, r)
	return true
}

// records gives the joiner the records of a file from at on.
func (in *Intake) records(f file, at int64) (r reading) {
	var data []byte
	r.err = in.spared(func() (err error) {
		data, r.beyond, err = in.read(f.name.String())
		return err
	})
	if r.err != nil {
		return r
	}
	size := int64(len(data))
	in.join.begin(f)
	if at == 0 {
		r.Summary, r.err = spool.Read(data, in.join.add)
	} else {
		r.Summary, r.err = spool.ReadFrom(data, at, in.join.add)
	}
	r.unread = max(0, size-at)
	r.tail = max(0, size-r.TailStart)
	if r.beyond > 0 && f.whole && r.err == nil {
		in.readRest(f, data, &r)
	}
	return r
}

// count turns what could not be used into losses.
func (in *Intake) count(f file, r reading) {
	lose := func(reason string, records int, bytes int64) {
		if records > 0 || bytes > 0 {
			in.join.lose(f.name.Invocation, event.Loss{Reason: reason, Records: int64(records), Bytes: bytes})
		}
	}
	if f.whole && r.err == nil && r.tail > 0 {
		r.Torn++
		r.Lost += r.tail
	}
	switch {
	case r.err == nil && r.Torn > 0: // the reader adds up the bytes of torn pieces and of corrupt records
		lose(LossTorn, r.Torn, r.Lost)
		lose(LossRecord, r.Corrupt, 0)
		lose(LossUnknown, r.Unknown, 0)
	case r.err == nil:
		lose(LossRecord, r.Corrupt, r.Lost)
		lose(LossUnknown, r.Unknown, 0)
	case !f.whole:
	case errors.Is(r.err, spool.ErrNewer):
		lose(LossNewer, 1, r.unread)
	case errors.Is(r.err, spool.ErrCorrupt):
		lose(LossCorrupt, 1, r.unread)
	default:
		lose(LossUnreadable, 1, f.size)
	}
}

// read reads a file of the spool without following a link and without waiting for whoever may hold the other end of a pipe. It is one file an invocation,
// and five system calls: with package os they are seven, and as much again for what an os.File has that nobody needs here.
func (in *Intake) read(name string) (data []byte, beyond int64, err error) {
	fd, err := again(func() (int, error) {
		return syscall.Open(in.path(name), syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("open spool file: %w", err)
	}
	defer func() { _ = syscall.Close(fd) }() // it was only read
	var info syscall.Stat_t
	if _, err := again(func() (int, error) { return 0, syscall.Fstat(fd, &info) }); err != nil {
		return nil, 0, fmt.Errorf("look at spool file: %w", err)
	}
	if info.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, 0, fmt.Errorf("read spool file: %s is not a regular file", name)
	}
	data = make([]byte, min(info.Size, MaxFileBytes))
	whole := 0
	for whole < len(data) {
		n, err := again(func() (int, error) { return syscall.Read(fd, data[whole:]) })
		if err != nil {
			return nil, 0, fmt.Errorf("read spool file: %w", err)
		}
		if n == 0 {
			break // it is shorter than it was
		}
		whole += n
	}
	return data[:whole], info.Size - int64(len(data)), nil
}

// path is where a file of the spool is. Names are made of what ParseName allows, and need no cleaning.
func (in *Intake) path(name string) string { return in.dir + string(filepath.Separator) + name }

// again repeats a system call that a signal interrupts.
func again(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

func (in *Intake) remove(name string) {
	err := os.Remove(in.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		in.done[name] = true // read once, and not again
		_ = in.empty(name)   // nor by the next life
		return
	}
	delete(in.done, name)
}

// empty takes from a file what it holds, where the directory does not let it be removed: that needs no right but to the file. What has another name elsewhere is
// left alone.
func (in *Intake) empty(name string) error {
	fd, err := again(func() (int, error) {
		return syscall.Open(in.path(name), syscall.O_WRONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return fmt.Errorf("open spool file: %w", err)
	}
	defer func() { _ = syscall.Close(fd) }() // nothing was written
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		return fmt.Errorf("look at spool file: %w", err)
	}
	if info.Mode&syscall.S_IFMT != syscall.S_IFREG || info.Nlink != 1 {
		return fmt.Errorf("empty spool file: %s is not a file of the spool's alone", name)
	}
	if err := syscall.Ftruncate(fd, 0); err != nil {
		return fmt.Errorf("empty spool file: %w", err)
	}
	return nil
}

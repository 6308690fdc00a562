package lifecycle

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/spool"
)

const (
	// appearance is how long a hook may take to tell that an invocation has begun. It writes before the handler is called, so this is a matter of
	// milliseconds, and of tens of them on the smallest function; half a second is far beyond, and not much to pay three times.
	appearance = 500 * time.Millisecond
	// mostSilent invocations in a row without a word of the hook, and none is waited for any more until there is one.
	mostSilent = 3
	// mostLooks in a row at a directory in which files are renamed meanwhile. A hook does so a few times in an invocation.
	mostLooks = 3
	// pollInterval is how often the directory is looked at where the system cannot tell of changes.
	pollInterval = 20 * time.Millisecond
	// mostKnown files are remembered while nobody looks at the directory: it has as many before a flush that is put off, or less.
	mostKnown = 2 * manyWait
	// headBytes of a file are looked through for the start of its invocation: the largest event that a hook may capture, and room.
	headBytes = 2 << 20
)

// A Watch waits for the ends of invocations by looking at the spool directory.
type Watch struct {
	dir        string
	isPast     func(time.Time) bool
	appearance time.Duration

	notify   *notifier // nil until there is something to watch
	noNotify bool      // the system cannot tell of changes: poll
	hooked   bool      // a hook has written in this life
	silent   int       // invocations in a row of which no hook has told
	main     int       // process that runs the handler; 0 until known

	// known are the files that were there when Await was last left. They are no sign of life of a hook that was silent, and they tell nothing of the
	// invocation that came since, even if it is another attempt with the same id.
	known map[string]bool
	names []spool.Name // of the last look, and what has been told of since
	read  bool         // the directory was, since Await was last left
	told  bool         // whatever is not known is in names, or will be told: there is no need to look at the directory
}

// NewWatch makes a Watch of a spool directory. isPast tells whether a file that was last written then is of an earlier life.
func NewWatch(dir string, isPast func(time.Time) bool) *Watch {
	return &Watch{dir: dir, isPast: isPast, appearance: appearance, known: map[string]bool{}}
}

// A sight is what one look at the directory told.
type sight struct {
	began, ended bool // the invocation that is waited for
	others       bool // there are new files of other invocations
	moved        bool // a file was renamed while it was looked at
}

// Await implements Endings.
func (w *Watch) Await(ctx context.Context, a Attempt) Ending {
	if !spool.IsInvocation(a.ID) {
		a.ID = spool.InvocationNone // as the hook names its file then
	}
	defer w.remember()
	// Watching begins before looking: what happens in between is seen twice, not missed.
	w.watch()
	s := w.look(a)
	for looks := 1; !w.hooked && s.moved && looks < mostLooks; looks++ {
		s = w.look(a) // it was the hook's first sign of life
	}
	if !w.hooked {
		return NoHook
	}
	if s.others || s.began || s.ended {
		w.silent = 0
	}
	if w.silent >= mostSilent {
		return Silent
	}
	appears := time.Now().Add(w.appearance)
	for !s.ended {
		deadline, _ := ctx.Deadline()
		if !s.began && (deadline.IsZero() || appears.Before(deadline)) {
			deadline = appears
		}
		changed := w.wait(ctx, a.ID, deadline)
		if ctx.Err() != nil {
			return Expired
		}
		if s = w.look(a); !changed && !s.began && !s.ended && !time.Now().Before(appears) {
			w.silent++
			return Silent
		}
	}
	return Ended
}

// remember notes which files were there at the last look.
func (w *Watch) remember() {
	if w.read {
		w.known = make(map[string]bool, len(w.names)) // what is gone need not be known any more
	}
	w.read = false
	for _, n := range w.names {
		w.known[n.String()] = true
	}
	w.names = w.names[:0]
	w.told = w.told && len(w.known) <= mostKnown
}

// list gives the names that are not known, and maybe others. Files wait in the directory by the hundred while exporting is put off, so it is read only where what
// has come since the last time was not told of.
func (w *Watch) list() ([]spool.Name, error) {
	if w.hooked && w.told && w.notify.drain(w.note) && len(w.names) <= mostKnown {
		return w.names, nil
	}
	names, err := intake.Names(w.dir)
	w.told = err == nil && len(names) < intake.MaxNames && w.notify != nil && w.notify.alive()
	w.read = true
	return names, err //nolint:wrapcheck // look asks only whether there is one
}

// note adds a name that appeared.
func (w *Watch) note(name string) {
	if n, ok := spool.ParseName(name); ok {
		w.names = append(w.names, n)
	}
}

// look tells what is new in the directory.
func (w *Watch) look(a Attempt) (s sight) {
	names, err := w.list()
	if err != nil && len(names) == 0 {
		return s
	}
	w.names = names
	for _, n := range names {
		if !w.hooked || n.Invocation == a.ID {
			info, err := os.Lstat(filepath.Join(w.dir, n.String()))
			s.moved = s.moved || errors.Is(err, fs.ErrNotExist)
			if err != nil || !info.Mode().IsRegular() || w.isPast(info.ModTime()) {
				continue
			}
			w.hooked = true
		}
		switch {
		case w.known[n.String()], n.Invocation == a.ID && w.known[opened(n).String()]:
			// The second: an attempt that was not seen to end has ended since.
		case n.Invocation != a.ID:
			s.others = s.others || n.Invocation != spool.InvocationInit
		case a.Again && w.isEarlier(n, a):
		case n.State == spool.StateOpen:
			s.began = true
		case n.PID == w.main || w.runsHandler(n):
			s.ended = true
		default:
			s.began = true // a child process is done with it
		}
	}
	return s
}

// opened is the name that a file had, or has, before the rename that ends its invocation.
func opened(n spool.Name) spool.Name {
	n.State = spool.StateOpen
	return n
}

// runsHandler tells whether the process that wrote a file runs the handler, and remembers it: children write files for the same
// invocation, and their end is not its end.
func (w *Watch) runsHandler(n spool.Name) bool {
	if _, ok := w.start(n); !ok {
		return false
	}
	w.main = n.PID
	return true
}

// isEarlier tells whether a file is of an earlier attempt: Lambda gives each a deadline of its own, which the hook writes down.
func (w *Watch) isEarlier(n spool.Name, a Attempt) bool {
	deadline, ok := w.start(n)
	return ok && !deadline.IsZero() && !a.Deadline.IsZero() && !deadline.Equal(a.Deadline)
}

// start reads the deadline of the invocation that a file tells the start or the end of, zero if it does not say. It returns false if the file tells of neither.
func (w *Watch) start(n spool.Name) (deadline time.Time, ok bool) {
	f, err := os.OpenFile(filepath.Join(w.dir, n.String()), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) // as intake opens it
	if err != nil {
		return deadline, false
	}
	defer f.Close()
	head := make([]byte, headBytes)
	size, _ := f.ReadAt(head, 0)
	found := errors.New("found")
	_, err = spool.Read(head[:size], func(r spool.Record) error {
		if r.Kind != spool.KindInvocationStart && r.Kind != spool.KindInvocationEnd {
			return nil
		}
		if r.Deadline > 0 {
			deadline = time.UnixMilli(r.Deadline)
		}
		return found
	})
	return deadline, errors.Is(err, found)
}

// watch makes sure that changes of the directory are told. If they cannot be, wait polls.
func (w *Watch) watch() {
	if w.noNotify {
		return
	}
	if w.notify != nil && w.notify.alive() {
		return
	}
	if w.notify != nil {
		w.notify.close()
		w.notify = nil
	}
	w.told = false
	// Where somebody cleaned up /tmp, the next hook that opens a file makes the directory, and is waited for by looking: whoever took it away may be about to put
	// something else into its place.
	n, err := newNotifier(w.dir)
	switch {
	case err == nil:
		w.notify = n
	case !errors.Is(err, fs.ErrNotExist):
		w.noNotify = true // and it will not be able to next time
	}
}

// wait returns true when something about the invocation changed in the directory, and false at the deadline, if there is one, or when the
// context is done.
func (w *Watch) wait(ctx context.Context, id string, deadline time.Time) bool {
	for about := false; w.notify != nil && w.notify.alive(); {
		err := w.notify.wait(ctx, deadline, func(name string) {
			w.note(name)
			about = about || strings.HasPrefix(name, id+".")
		})
		switch {
		case about, err == nil && !w.notify.alive():
			return true
		case err != nil && w.notify.alive():
			return false
		}
	}
	w.watch() // and look again in any case
	if w.notify != nil {
		return true
	}
	pause := pollInterval
	if !deadline.IsZero() {
		pause = min(pause, time.Until(deadline))
	}
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
	return false
}

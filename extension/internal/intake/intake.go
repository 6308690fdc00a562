// Package intake turns the spool, and what Lambda tells, into invocations.
//
// It takes the files that hooks left in the spool directory and the facts of the Telemetry API, joins the records of all processes and gives event.Invocations: each
// with its calls, those that began before the first invocation and those that ended after their own; with what Lambda told of it; with its lines of the
// function's log; and with the reason if it did not end by itself. It promises
//
//   - that nothing is lost silently: a record is in an invocation or counted in a Loss of one, with the reason;
//   - that it reads and keeps no more than its limits, however full or damaged the directory is and whatever Lambda tells, and that its work grows with what
//     there is and no faster;
//   - that it touches nothing that is not the spool's, and deletes a file only when told that its content is safe;
//   - that each attempt at an invocation is given once, whoever told of it: the hook, Lambda or both. What comes later is Late.
//
// The last one holds within a process. One that is killed after its content was exported and before the files were released leaves them to the next, which
// gives what they hold again, with all that ids are made of: request id, deadline and log stream. What only Lambda told of is given by one process alone, since the
// next is not told of it; if that one is killed before anybody has it, it is lost.
//
// # What is where
//
//   - intake.go, dir.go, life.go: the directory, rounds, and which files are of an earlier life.
//   - left.go: files that processes of this life left without an end.
//   - rest.go, scarce.go: files that are too large to be kept, and what is done without descriptors.
//   - join.go, settle.go: records to drafts of invocations, and which of them are complete.
//   - known.go, told.go: the attempts that are remembered, and facts to attempts.
//   - finish.go, outcome.go: what is filled in at last, and why an invocation ended.
//   - lines.go: lines of the log to attempts.
package intake

import (
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/spool"
)

// Reasons of a Loss that is found here. Those that hooks find are in spool/FORMAT.md.
const (
	LossTorn       = "torn"           // pieces that were cut, or written by half
	LossRecord     = "corrupt-record" // whole records whose header is no JSON object or names no kind
	LossUnknown    = "unknown-kind"   // records of a kind that this version does not know
	LossCorrupt    = "corrupt-file"   // not a spool file in spite of its name
	LossNewer      = "newer-version"  // a file of a later version of the format
	LossUnreadable = "unreadable"     // the system did not let us read it
	LossTooLarge   = "file-too-large" // records of calls in a file that are beyond MaxFileBytes and MaxRestBytes
	LossOrphanEnd  = "orphan-end"     // the end of a call whose start is not known
	LossTooMany    = "too-many-calls" // records of calls beyond MaxCalls

	lossHeaders = "headers" // a hook's: headers that it left out of a record, which is a cut and no loss
	// Hooks' too: records that were not written, those of calls among them.
	lossInvocationFull = "invocation-full"
	lossSpoolFull      = "spool-full"
	lossWriteFailed    = "write-failed"
	lossTooLarge       = "too-large"

	LossLate         = "late-invocation"      // records of an invocation that was given already, because Lambda told that it had ended
	LossTooManyTold  = "too-many-invocations" // invocations of which Lambda told, beyond MaxKnown
	LossTooManyLines = "too-many-lines"       // of the log, beyond MaxLines and MaxLineBytes
)

// Limits of one round. The smallest function has 128 MB for everything that runs in it.
const (
	MaxNames       = 4096     // names of the spool's taken out of the directory: there are rarely more than five
	MaxEntries     = 1 << 17  // names read to find them; it takes some 50 ms, and whoever puts more files there hides ours until the end
	MaxEntriesLast = 1 << 21  // the same at the end, when there is no other moment: half a second. The names of as many files take a good part of the largest /tmp
	MaxFiles       = 256      // files read; what is left is for the next round
	MaxBytes       = 1 << 20  // bytes read, some fifty invocations of a busy function; what is made of them takes several times as much memory before it is collected. One file alone may go over it
	MaxFileBytes   = 24 << 20 // bytes of one file that are kept as they are: half as much again as a hook writes for an invocation by default
	MaxRestBytes   = 8 << 20  // bytes kept of what stands in it behind those, without most of its bodies: some two thousand calls
	MaxCalls       = 4096     // calls of one invocation, and calls that wait for their end: several times what an export has room for
	MaxHeld        = 2 << 20  // bytes of calls that wait for their end
	MaxKnown       = 8192     // invocations announced and not given yet: more than begin between two looks at the spool, a few seconds apart
	MaxRecent      = 64       // invocations that were given and are remembered, so that what comes late finds its place
	MaxGone        = 4096     // invocations that were given before those, of which nothing else is remembered
	MaxLines       = 16384    // lines of the log that wait for their invocation
	MaxLineBytes   = 4 << 20  // bytes of them
	MaxLosses      = 64       // losses told apart
	// What follows is beyond what any function does, and below what a damaged spool could make of the bytes of one round.
	MaxInvocations = 1024
	MaxRoundCalls  = 4 * MaxCalls
)

// An Intake reads one spool directory over the life of an environment. It is not safe for concurrent use.
type Intake struct {
	// Concurrent says that processes run several invocations side by side, so that an older file of a process is no less likely to grow than a newer one.
	Concurrent bool
	// NoHeaders says that the settings want none to be recorded, so that none is missing.
	NoHeaders bool

	dir     string
	entries int       // MaxEntries, or what a test has in its place
	born    time.Time // files older than this were left by processes that are gone; see IsPast
	started time.Time // the same moment, by the clock that nobody sets

	progress map[fileKey]int64 // how far a file that still grows was read
	seen     map[fileKey]int64 // how large it was then: without a byte more there is nothing to read, though its tail may be torn
	visited  map[fileKey]bool  // files that still grow and were read since a Collect last reached no limit: once is enough
	broken   map[fileKey]bool  // files that cannot be read although they still grow
	done     map[string]bool   // names that were read and could not be deleted

	spare reserve
	later bool // the last Collect could not look at all there is, for want of one

	rest    []file // that the last look at the directory found and no round has read yet
	final   bool   // what that look was for
	crowded bool   // there may be more than that look could tell
	goesOn  bool   // the last round was released or held and nothing was told since: the next one may take the rest

	join joiner
}

// A fileKey names a file whatever its state.
type fileKey struct {
	invocation  string
	pid, number int
}

func keyOf(n spool.Name) fileKey { return fileKey{n.Invocation, n.PID, n.Number} }

// New makes an Intake. born is when this environment's processes began to run: /tmp outlives a reset, and what was last written before
// is complete, whatever its name says.
func New(dir string, born time.Time) *Intake {
	return &Intake{
		dir: dir, entries: MaxEntries, born: born.Round(0), started: born, progress: map[fileKey]int64{}, seen: map[fileKey]int64{}, visited: map[fileKey]bool{},
		broken: map[fileKey]bool{}, done: map[string]bool{}, join: newJoiner(),
	}
}

// An Announcement is what Lambda tells an extension about an invocation. It fills in what the hook could not write.
type Announcement struct {
	ID, ARN, Trace string
	Deadline       time.Time
	At             time.Time // when it was told; zero if nobody looked at a clock
}

// Announce makes an invocation known, before Collect.
func (in *Intake) Announce(a Announcement) {
	in.goesOn = false
	in.join.announce(a)
}

// Observe takes what Lambda told, before Collect and after the announcements that came until then. Facts may be missing, doubled, late and of
// invocations that nobody knows.
func (in *Intake) Observe(f event.Fact) {
	in.goesOn = false
	in.join.observe(f, !f.Time.IsZero() && in.IsPast(f.Time))
}

// Ends says that the environment ends and why, before the last Collect: the reason that SHUTDOWN gives.
func (in *Intake) Ends(reason string) { in.join.reason = reason }

// A Round is what one Collect found.
type Round struct {
	Invocations []event.Invocation
	Lost        []event.Loss // with final, what could not be attached to an invocation; before, it waits for the next one
	More        bool         // a limit was reached: collect again, once this round is released. However files grow meanwhile, that ends
	Later       bool         // not all could be read that should have been, because the environment has no descriptors left: what could not is as it was
	Bytes       int64        // read
	files       []string
}

// HasFiles tells whether there is anything to release: what a round brought without files, Lambda's word alone, no other process can collect again.
func (r Round) HasFiles() bool { return len(r.files) > 0 }

// Collect reads what is complete: files of invocations that ended, what child processes have written so far and what an earlier life of
// the environment left. The running invocation is the one announced last. With final everything is complete, because nobody will write
// any more.
func (in *Intake) Collect(final bool) Round {
	var r Round
	var files []file
	files, r.More = in.choose(final)
	if !r.More {
		defer clear(in.visited)
	}
	for _, f := range files {
		r.Bytes += f.size
		if in.take(f) && f.whole {
			r.files = append(r.files, f.name.String())
		}
	}
	last := final && !r.More
	in.join.born, in.join.concurrent, in.join.noHeaders = in.born, in.Concurrent, in.NoHeaders
	var left bool
	r.Later = in.later
	r.Invocations, left = in.join.settle(last, !r.More && (last || !r.Later)) // at the end nobody waits for what cannot be read
	r.More = r.More || left
	if last && !left {
		r.Lost = in.join.unplaced()
	}
	return r
}

// Release deletes the files of a round, whose content is safe now: delivered, or kept by somebody who will try again. A round that is not
// released is read again by the next Collect.
func (in *Intake) Release(r Round) {
	for _, name := range r.files {
		in.remove(name)
	}
	in.join.deleted(r.files)
	in.goesOn = r.More
}

// Hold keeps the files of a round, whose content is in the memory of this process alone, without reading them again. Release deletes them once it is safe.
func (in *Intake) Hold(r Round) {
	for _, name := range r.files {
		in.done[name] = true
	}
	in.goesOn = r.More
}

// Discard deletes what Collect would read whole, unread: for an extension that has nowhere to export to.
func (in *Intake) Discard() {
	files, _ := in.choose(false)
	for _, f := range files {
		if f.whole {
			in.remove(f.name.String())
		}
	}
}

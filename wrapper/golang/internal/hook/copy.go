package hook

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/afterglow-lambda/afterglow/spool"
)

// A Copy keeps the first bytes of what passes, and counts the rest.
type Copy struct {
	budget int
	kept   []byte
	size   int64
	about  int64 // the size as announced; 0 if unknown
}

// NewCopy makes a Copy that keeps at most budget bytes. expected is the size as announced, 0 or less if it is not known.
func NewCopy(budget int, expected int64) *Copy { return &Copy{budget: budget, about: expected} }

// Reset makes a Copy as NewCopy does.
func (c *Copy) Reset(budget int, expected int64) {
	kept := c.kept
	*c = Copy{budget: budget, about: expected}
	if kept != nil {
		c.kept = kept[:0]
	}
}

// Free gives the memory back. What Bytes gave is not to be used any more.
func (c *Copy) Free() {
	giveBack(c.kept)
	c.kept = nil
}

var (
	memory sync.Pool              //nolint:gochecknoglobals // memory, no state
	spare  atomic.Pointer[[]byte] //nolint:gochecknoglobals // the same, for a large body: the collector empties a pool, and getting it anew takes as long as filling it
)

// takeMemory gives an empty slice with room for so much.
func takeMemory(room int) []byte {
	if room > mostScratch {
		if b := spare.Swap(nil); b != nil && cap(*b) >= room {
			return *b
		}
		return make([]byte, 0, room)
	}
	if b, ok := memory.Get().(*[]byte); ok {
		return slices.Grow(*b, room)
	}
	return make([]byte, 0, room)
}

func giveBack(b []byte) {
	b = b[:0]
	switch {
	case cap(b) == 0, cap(b) > mostKept:
	case cap(b) > mostScratch:
		spare.Store(&b)
	default:
		memory.Put(&b)
	}
}

// Add takes what passes. Whoever owns it may use its memory again.
func (c *Copy) Add(p []byte) {
	c.size += int64(len(p))
	room := c.budget - len(c.kept)
	if room <= 0 || len(p) == 0 {
		return
	}
	if len(p) > room {
		p = p[:room]
	}
	if c.kept == nil {
		c.kept = takeMemory(max(len(p), int(min(c.about, int64(c.budget)))))
	}
	c.kept = append(c.kept, p...)
}

// Within gives what has passed of p according to whoever read or wrote it. What he says may be out of bounds, and is for the function to find wrong.
func Within(p []byte, n int) []byte { return p[:min(max(n, 0), len(p))] }

// Bytes gives what was kept.
func (c *Copy) Bytes() []byte { return c.kept }

// Size is how much has passed.
func (c *Copy) Size() int64 { return c.size }

// Part describes what was kept.
func (c *Copy) Part(of string) spool.Part {
	size := c.size
	return spool.Part{Of: of, Len: int64(len(c.kept)), Size: &size, Truncated: size > int64(len(c.kept))}
}

// A Counter names calls.
type Counter struct {
	process string // what all of this process' begin with
	n       atomic.Int64
}

// Next gives the name of the next one.
func (c *Counter) Next() string {
	var room [40]byte
	return string(strconv.AppendInt(append(room[:0], c.process...), c.n.Add(1), 10))
}

// An Event is an invocation's event as it arrives: whole if it is within the budget, else shortened.
type Event struct {
	copy  *Copy
	short *shortener // once there is more than the budget
}

// Expect tells the size of the event, as the header has it. One that is larger than the budget need not be kept first.
func (e *Event) Expect(contentLength string) {
	e.copy.about, _ = strconv.ParseInt(contentLength, 10, 64) // what is none is not expected
	if e.isLarge(e.copy.about) {
		e.short = newShortener(e.copy.budget)
	}
}

func (e *Event) isLarge(size int64) bool { return size > int64(e.copy.budget) && e.copy.budget > 0 }

// Add takes a piece.
func (e *Event) Add(p []byte) {
	if e.short == nil && e.isLarge(e.copy.size+int64(len(p))) { // it is larger than it was said to be
		e.short = newShortener(e.copy.budget)
		e.short.add(e.copy.kept)
	}
	if e.short == nil {
		e.copy.Add(p)
		return
	}
	e.copy.size += int64(len(p))
	e.short.add(p)
}

// part gives what the record has of it.
func (e *Event) part() (spool.Part, []byte) {
	p := e.copy.Part(spool.PartEvent)
	if e.short == nil {
		return p, e.copy.kept
	}
	data := e.short.end()
	p.Len, p.Shortened, p.Truncated = int64(len(data)), true, true
	return p, data
}

// free gives the memory back. What part gave is not to be used any more.
func (e *Event) free() {
	e.copy.Free()
	if e.short != nil {
		giveBack(e.short.out)
		e.short = nil
	}
}

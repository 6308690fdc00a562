// Package telemetry listens to what Lambda tells through its Telemetry API: ends of invocations, what they cost, the function's log.
//
// It takes the posts of the platform to a port of its own and gives event.Facts. It promises that a post is answered as soon as it is taken in, and not
// before, whatever becomes of its content; that what it keeps is bounded and what does not fit is counted; and that a line of the function's log is an event.Text.
//
// # What is where
//
//   - telemetry.go: the Listener and what it keeps.
//   - serve.go, post.go: the port, its connections, and HTTP.
//   - parse.go, scan.go: from a post to facts, however it is damaged.
//   - ends.go: which end is the end of which attempt.
package telemetry

import (
	"hash/maphash"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const (
	// maxBytes of what the platform told are kept between two Takes. An invocation has three facts, some 1.4 KiB, so this is 3,000 invocations:
	// what a function that takes 2 ms has in the five seconds between two flushes, and some more.
	maxBytes = 4 << 20
	// maxLineBytes of the function's log are kept beside them: what Lambda itself may send in two posts, some 2,400 short lines. Who logs more between two
	// flushes does without the oldest: what was printed last tells why something failed.
	maxLineBytes = 1 << 20
	// factBytes is what a fact takes beside its texts.
	factBytes = 400
	// silentAfter so many invocations without a word since the start, nothing will come: Lambda tells of the init before the first one, with a
	// delay of 25 ms that a freeze may stretch into the second.
	silentAfter = 3
	// rememberedPosts are known by their content. A post whose answer was lost comes again before any other does, over this or another connection.
	rememberedPosts = 4
)

// Options of a Listener.
type Options struct {
	Lines bool // lines of the function's log are wanted
	// Guarded refuses connections from other machines. On Lambda there are none, and nobody knows which of the environment's addresses the platform comes
	// from; elsewhere a port that is open on all addresses would let anybody tell us anything.
	Guarded bool
}

// A Listener gets the platform's posts. Its methods may be called by any goroutine. The zero Listener is one to which nothing comes.
type Listener struct {
	opt     Options
	port    int
	socket  *os.File // nil in the zero Listener
	serving sync.WaitGroup

	mu         sync.Mutex
	listener   net.Listener
	conns      []net.Conn // the oldest first
	closed     bool
	subscribed bool
	heard      bool // anything that was understood
	begun      int  // invocations
	facts      []event.Fact
	bytes      int64            // of them, but for lines
	lineBytes  int64            // of lines
	oldest     int              // index in facts: there is no line before it
	gaps       int              // lines in facts that were dropped
	lost       map[string]*loss // by reason, since the last Take
	ends       ends
	whole      chan struct{} // nil until somebody waits for all that there is to tell
	posts      int
	seen       [rememberedPosts]uint64 // hashes of the last posts
	seed       maphash.Seed
	parser     parser
}

type loss struct{ records, bytes int64 }

// Subscribed says that Lambda has accepted the subscription.
func (l *Listener) Subscribed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribed = true
}

// Told is false where nothing will ever come: there is no subscription, or three invocations have begun and Lambda has not even told of
// the init. What comes makes it true in any case, for a subscription whose answer was lost.
func (l *Listener) Told() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isTold()
}

func (l *Listener) isTold() bool { return l.heard || l.subscribed && l.begun < silentAfter }

// Heard is true once Lambda has told of anything.
func (l *Listener) Heard() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard
}

// Began says that Lambda has told of an invocation. It is for each INVOKE, before Ended is asked for it: only so can a second attempt, which
// has the id of the first, be told from it.
func (l *Listener) Began(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun++
	l.ends.began(id)
}

// Ended gives a channel that is closed when platform.runtimeDone of that invocation came, or had come before. It is that of the attempt
// that Began was called for last. The channel may stay open for good: an end may be lost, and on Managed Instances there is none.
func (l *Listener) Ended(id string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ends.wait(id)
}

// Whole gives a channel that is closed when Lambda has told all that it will tell of what has begun so far: the report of the last invocation, or where there was
// none, of the set-up that the environment began with, and of the invocation that this failed. It may stay open for good, as a report may be lost; where nothing will ever come it
// is closed.
func (l *Listener) Whole() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.whole == nil || isClosed(l.whole) {
		l.whole = make(chan struct{})
	}
	l.tellWhole()
	return l.whole
}

// tellWhole closes the channel of whoever waits for all, if it is time.
func (l *Listener) tellWhole() {
	owes := l.isTold()
	if l.heard {
		owes = l.ends.owes()
	}
	if l.whole != nil && !owes && !isClosed(l.whole) {
		close(l.whole)
	}
}

// Take gives the facts that came since the last Take, oldest first. What did not fit, or was not understood, is told after them in
// facts of the kind FactDropped with a Reason.
func (l *Listener) Take() []event.Fact {
	l.mu.Lock()
	defer l.mu.Unlock()
	facts := l.withoutGaps()
	for _, reason := range []string{event.DroppedFull, event.DroppedDamaged} {
		if n := l.lost[reason]; n != nil {
			facts = append(facts, event.Fact{Kind: event.FactDropped, Time: time.Now(), Reason: reason, DroppedRecords: n.records, DroppedBytes: n.bytes})
		}
	}
	l.facts, l.bytes, l.lineBytes, l.lost, l.oldest, l.gaps = nil, 0, 0, nil, 0, 0
	return facts
}

// Waiting tells how many bytes the next Take will give, roughly.
func (l *Listener) Waiting() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes + l.lineBytes
}

// read takes the content of a post.
func (l *Listener) read(post []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			l.lose(event.DroppedDamaged, 1, int64(len(post)))
		}
	}()
	hash := maphash.Bytes(l.seed, post)
	if slices.Contains(l.seen[:], hash) {
		return // the answer to it was lost
	}
	l.seen[l.posts%rememberedPosts] = hash
	l.posts++
	understood, damaged := l.parser.parse(post, time.Now(), l.add)
	l.heard = l.heard || understood > 0
	l.tellWhole()
	if damaged > 0 {
		l.lose(event.DroppedDamaged, damaged, 0)
	}
}

// add keeps a fact. What it tells of ends counts even if there is no room for it.
func (l *Listener) add(f event.Fact) {
	switch f.Kind {
	case event.FactInitStart:
		l.ends.restart(f.Phase)
	case event.FactStart:
		l.ends.started(f.ID, f.Time)
	case event.FactDone:
		l.ends.done(f.ID, f.Time)
	case event.FactReport:
		l.ends.report(f.ID, f.Time)
	case event.FactInitReport:
		l.ends.isSetUp(f.Phase)
	}
	used, most := &l.bytes, int64(maxBytes)
	if f.Kind == event.FactLine {
		if !l.opt.Lines {
			return
		}
		used, most = &l.lineBytes, maxLineBytes
	}
	size := sizeOf(f)
	if f.Kind == event.FactLine && size <= most {
		l.dropLines(most - size)
	}
	if *used+size > most {
		l.lose(event.DroppedFull, 1, int64(f.Line.Len()))
		return
	}
	*used += size
	l.facts = append(l.facts, f)
}

// dropLines drops the oldest lines until those that are left take no more than so many bytes.
func (l *Listener) dropLines(most int64) {
	for ; l.lineBytes > most && l.oldest < len(l.facts); l.oldest++ {
		f := &l.facts[l.oldest]
		if f.Kind != event.FactLine {
			continue
		}
		l.lineBytes -= sizeOf(*f)
		l.lose(event.DroppedFull, 1, int64(f.Line.Len()))
		*f = event.Fact{}
		l.gaps++
	}
	if l.gaps > len(l.facts)/2 { // a flood does not take more room than what is kept of it
		l.facts, l.oldest, l.gaps = l.withoutGaps(), 0, 0
	}
}

func (l *Listener) withoutGaps() []event.Fact {
	if l.gaps == 0 {
		return l.facts
	}
	return slices.DeleteFunc(l.facts, func(f event.Fact) bool { return f.Kind == 0 })
}

func sizeOf(f event.Fact) int64 {
	return factBytes + int64(f.Line.Len()+len(f.ID)+len(f.Trace)+len(f.Tenant)+len(f.Instance)+
		len(f.Status)+len(f.ErrorType)+len(f.Phase)+len(f.InitType)+len(f.Level))
}

func (l *Listener) lose(reason string, records, bytes int64) {
	if l.lost == nil {
		l.lost = map[string]*loss{}
	}
	if l.lost[reason] == nil {
		l.lost[reason] = &loss{}
	}
	l.lost[reason].records += records
	l.lost[reason].bytes += bytes
}

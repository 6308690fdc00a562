// Package telemetry listens to what Lambda tells through its Telemetry API: ends of invocations, what they cost, the function's log.
//
// It takes the posts of the platform to a port of its own and gives event.Facts. It promises that a post is answered at once, whatever becomes of
// its content; that what it keeps is bounded and what does not fit is counted; and that a line of the function's log is an event.Text.
//
// # What is where
//
//   - telemetry.go: the Listener and what it keeps.
//   - serve.go: the port, connections and posts.
//   - parse.go, scan.go: from a post to facts, however it is damaged.
//   - ends.go: which end is the end of which attempt.
package telemetry

import (
	"hash/maphash"
	"net"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const (
	// maxFacts are kept between two Takes. An invocation has three, so this is some 2,700 invocations, which even a function that
	// takes 2 ms does not have in the five seconds between two flushes; all of them are some 3 MiB.
	maxFacts = 8192
	// maxLineBytes of the function's log are kept between two Takes: what Lambda itself may send in two posts. What logs more between two flushes is
	// no use to anybody in full.
	maxLineBytes = 1 << 20
	// maxLine is kept of one line, as hooks keep it of a body (AFTERGLOW_CAPTURE_BODY_BYTES).
	maxLine = 32 << 10
	// silentAfter invocations without any post since the start, nothing will come: Lambda tells of the init before the first one, with a delay
	// of 25 ms that a freeze may stretch into the second.
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
	opt      Options
	listener net.Listener
	serving  sync.WaitGroup

	mu         sync.Mutex
	conns      []net.Conn // the oldest first
	closed     bool
	subscribed bool
	posts      int // that were whole
	begun      int // invocations
	facts      []event.Fact
	lineBytes  int64
	lost       map[string]*loss // by reason, since the last Take
	ends       ends
	seen       [rememberedPosts]uint64 // hashes of the last posts
	seed       maphash.Seed
	parser     parser
}

type loss struct{ records, bytes int64 }

// Counts are what a Listener keeps at the moment.
type Counts struct {
	Facts     int
	LineBytes int64
}

// Subscribed says that Lambda has accepted the subscription.
func (l *Listener) Subscribed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribed = true
}

// Told is false where nothing will ever come: there is no subscription, or three invocations have begun and Lambda has not even told of
// the init. A post makes it true in any case, for a subscription whose answer was lost.
func (l *Listener) Told() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.posts > 0 || l.subscribed && l.begun < silentAfter
}

// Heard is true once Lambda has told of anything.
func (l *Listener) Heard() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.posts > 0
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

// Take gives the facts that came since the last Take, oldest first. What did not fit, or was not understood, is told after them in
// facts of the kind FactDropped with a Reason.
func (l *Listener) Take() []event.Fact {
	l.mu.Lock()
	defer l.mu.Unlock()
	facts := l.facts
	for _, reason := range []string{event.DroppedFull, event.DroppedDamaged} {
		if n := l.lost[reason]; n != nil {
			facts = append(facts, event.Fact{Kind: event.FactDropped, Time: time.Now(), Reason: reason, DroppedRecords: n.records, DroppedBytes: n.bytes})
		}
	}
	l.facts, l.lineBytes, l.lost = nil, 0, nil
	return facts
}

// Waiting tells how much the next Take will give.
func (l *Listener) Waiting() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Counts{Facts: len(l.facts), LineBytes: l.lineBytes}
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
	for _, s := range l.seen {
		if s == hash {
			return // an earlier answer was lost
		}
	}
	l.seen[l.posts%rememberedPosts] = hash
	l.posts++
	damaged := l.parser.parse(post, time.Now(), l.add)
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
	case event.FactLine:
		if !l.opt.Lines {
			return
		}
		if l.lineBytes+int64(f.Line.Len()) > maxLineBytes {
			l.lose(event.DroppedFull, 1, int64(f.Line.Len()))
			return
		}
	}
	if len(l.facts) >= maxFacts {
		l.lose(event.DroppedFull, 1, int64(f.Line.Len()))
		return
	}
	l.lineBytes += int64(f.Line.Len())
	l.facts = append(l.facts, f)
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

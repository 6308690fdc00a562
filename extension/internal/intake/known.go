package intake

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// An attempt is one run of an invocation, and what is remembered of it. A second attempt at an asynchronous invocation has the same id.
type attempt struct {
	Announcement
	announced bool
	first     bool // of this life
	over      bool // a Collect before found that only Lambda told of it, and waited for the hook once more
	given     giver
	claimed   bool      // there are records of its hook's
	source    fileKey   // that it was given from, byHook
	named     time.Time // Invocation.Attempt, once it was given

	tenant   string
	process  event.Process
	platform event.Platform
	lines    []event.Line // that came and were not given yet
	calls    *draft       // calls that came since it was given
}

// A giver is who told of an invocation that was given.
type giver int

const (
	nobody   giver = iota
	byHook         // the process that ran the handler
	byOthers       // Lambda or a child process alone: what the hook tells later adds calls, and no second span
)

// told says whether Lambda told more of an attempt than that it is to run.
func (a *attempt) told() bool {
	return !a.platform.Start.IsZero() || !a.platform.Done.IsZero() || a.platform.Report != nil
}

// ended says whether Lambda told that an attempt is over. On Managed Instances there is no runtimeDone, only a report.
func (a *attempt) ended() bool { return !a.platform.Done.IsZero() || a.platform.Report != nil }

// A memory knows the attempts of this life. All of its work takes the same time however many there are.
type memory struct {
	byID    map[string][]*attempt // oldest first; there is rarely more than one
	pending []*attempt            // not given when it was last tidied, oldest first
	recent  []*attempt            // given, oldest first

	seed maphash.Seed
	gone map[uint64]bool // ids of those that were given and are not remembered any more
	ring []uint64        // the same, oldest first from next on
	next int

	begun bool // there was an attempt in this life
}

func newMemory() memory {
	return memory{byID: map[string][]*attempt{}, gone: map[uint64]bool{}, seed: maphash.MakeSeed()}
}

// add remembers a new attempt. What had to make room for it is returned.
func (m *memory) add(id string) (a, dropped *attempt) {
	if len(m.pending) >= MaxKnown {
		dropped = m.pending[0]
		m.pending = m.pending[1:]
		m.remove(dropped)
	}
	a = &attempt{Announcement: Announcement{ID: id}}
	m.pending = append(m.pending, a)
	m.byID[id] = append(m.byID[id], a)
	return a, dropped
}

// first gives the oldest attempt at an invocation that fits; nil if there is none.
func (m *memory) first(id string, fits func(*attempt) bool) *attempt {
	all := m.byID[id]
	if i := slices.IndexFunc(all, fits); i >= 0 {
		return all[i]
	}
	return nil
}

// last gives the newest attempt; nil if there is none.
func (m *memory) last(id string) *attempt {
	if all := m.byID[id]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// mostAttempts of one invocation wait. Lambda makes three (docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html), and each fact is compared with all;
// the port that facts come to is open to the function.
const mostAttempts = 64

// isCrowded tells whether so many attempts at an invocation are remembered that no fact may begin another one.
func (m *memory) isCrowded(id string) bool { return len(m.byID[id]) >= mostAttempts+MaxRecent }

// isGone tells whether an invocation was given so long ago that nothing else is known of it.
func (m *memory) isGone(id string) bool {
	return len(m.byID[id]) == 0 && m.gone[maphash.String(m.seed, id)]
}

// tidy forgets the oldest of those that were given, and of those of which an announcement is all that ever came.
func (m *memory) tidy() {
	rest := m.pending[:0]
	announcements := 0
	for _, a := range m.pending {
		switch {
		case a.given != nobody:
			m.recent = append(m.recent, a)
			continue
		case !a.told():
			announcements++
		}
		rest = append(rest, a)
	}
	clear(m.pending[len(rest):])
	m.pending = rest
	if surplus := announcements - MaxRecent; surplus > 0 {
		m.pending = slices.DeleteFunc(m.pending, func(a *attempt) bool {
			if surplus == 0 || a.told() {
				return false
			}
			surplus--
			m.remove(a)
			return true
		})
	}
	if surplus := len(m.recent) - MaxRecent; surplus > 0 {
		for _, a := range m.recent[:surplus] {
			m.remove(a)
			m.bury(a.ID)
		}
		m.recent = slices.Clone(m.recent[surplus:])
	}
}

func (m *memory) remove(a *attempt) {
	rest := slices.DeleteFunc(m.byID[a.ID], func(b *attempt) bool { return a == b })
	if len(rest) == 0 {
		delete(m.byID, a.ID)
		return
	}
	m.byID[a.ID] = rest
}

// bury remembers an id and nothing else.
func (m *memory) bury(id string) {
	h := maphash.String(m.seed, id)
	if len(m.ring) < MaxGone {
		m.ring = append(m.ring, h)
	} else {
		delete(m.gone, m.ring[m.next])
		m.ring[m.next] = h
		m.next = (m.next + 1) % MaxGone
	}
	m.gone[h] = true
}

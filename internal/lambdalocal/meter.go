package lambdalocal

import (
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal/cgroup"
)

// meterEvery is how often the memory of an environment that is not frozen is looked at. A look takes the kernel some
// ten microseconds.
const meterEvery = 50 * time.Millisecond

// memoryMeter finds the most memory that a group's processes have held at once. The kernel keeps only the peak of
// what they hold and the page cache together, and the cache may be gone by the time that anybody asks: so it looks
// again and again while they run, at each freeze and before each end, and takes the most that it has seen.
//
// What came and went between two looks it gets from two bounds: processes that live know the most that they have had
// themselves, and the group's peak without the most cache that was ever seen is no less than what was held then. The
// lesser of the two is taken. A process that begins, takes memory and ends between two looks is not seen.
type memoryMeter struct {
	group *cgroup.Group // nil where there is none

	mu   sync.Mutex
	seen cgroup.MemoryUse // the most of each
	ok   bool
	stop chan struct{} // closed to end looking; nil while nobody looks
	done chan struct{}
}

// run begins to look, unless somebody looks.
func (m *memoryMeter) run() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.group == nil || m.stop != nil {
		return
	}
	m.stop, m.done = make(chan struct{}), make(chan struct{})
	go m.loop(m.stop, m.done)
}

func (m *memoryMeter) loop(stop, done chan struct{}) {
	defer close(done)
	ticker := time.NewTicker(meterEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			m.look()
		case <-stop:
			return
		}
	}
}

// pause looks once more and ends looking.
func (m *memoryMeter) pause() {
	m.look()
	m.mu.Lock()
	stop, done := m.stop, m.done
	m.stop, m.done = nil, nil
	m.mu.Unlock()
	if stop != nil {
		close(stop)
		<-done
	}
}

func (m *memoryMeter) look() {
	if m.group == nil {
		return
	}
	if now, err := m.group.Memory(); err == nil { // else there is no controller, which was said once
		m.add(now)
	}
}

func (m *memoryMeter) add(now cgroup.MemoryUse) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ok = true
	m.seen.Held = max(m.seen.Held, now.Held)
	m.seen.Cache = max(m.seen.Cache, now.Cache)
	m.seen.Peak = max(m.seen.Peak, now.Peak)
}

// most is the most that was held at once, in bytes, given what the processes that live say of themselves; false
// where nothing counts it.
func (m *memoryMeter) most(own int64) (int64, bool) {
	m.look()
	m.mu.Lock()
	ok := m.ok
	m.mu.Unlock()
	return m.held(own), ok
}

func (m *memoryMeter) held(own int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(m.seen.Held, min(m.seen.Peak-m.seen.Cache, own))
}

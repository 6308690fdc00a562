package deliver

import (
	"context"
	"sync"
	"time"
)

// A beside is what a Flush is told with whose caller waits for work alone, and not for answers.
type beside struct {
	tell func()

	mu    sync.Mutex
	told  bool
	at    time.Time // when it was told
	lanes int       // that have something to do, or have not begun
	some  bool      // of them wait
}

type besideKey struct{}

// Beside has a Flush tell, once, as soon as there is nothing left of it but to wait for others: requests are compressed and written, or wait for a connection.
// What follows goes on beside whatever the caller does then, and costs no credit, because nobody waits for it. tell is called by another goroutine, and not at
// all where there is nothing to wait for.
func Beside(ctx context.Context, tell func()) context.Context {
	return context.WithValue(ctx, besideKey{}, &beside{tell: tell})
}

// Waiting tells it, for another Delivery than Lanes.
func Waiting(ctx context.Context) {
	if b := besideOf(ctx); b != nil {
		b.begin(1)
		b.lane()(true)
	}
}

func besideOf(ctx context.Context) *beside {
	b, _ := ctx.Value(besideKey{}).(*beside)
	return b
}

// begin says how many lanes there will be.
func (b *beside) begin(lanes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lanes, b.some = lanes, false
}

// lane gives what one of them is to call when it waits or is done, whatever comes first.
func (b *beside) lane() func(waits bool) {
	var once sync.Once
	return func(waits bool) {
		once.Do(func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.lanes--
			b.some = b.some || waits
			if b.lanes == 0 && b.some && !b.told {
				b.told, b.at = true, wall(time.Now())
				b.tell()
			}
		})
	}
}

// waitedFor gives what was waited for of a flush that began then and waited so long for nothing.
func (b *beside) waitedFor(began time.Time, waited time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.told {
		return waited
	}
	return min(waited, max(0, b.at.Sub(began)))
}

package telemetry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Pauses between attempts of a delivery. TEL promises retries with backoff and gives no numbers; the first
// one is short because a listener that is just starting is the usual case, and the longest is short against
// a function's timeout.
const (
	firstRetry = 10 * time.Millisecond
	lastRetry  = time.Second
)

// droppedReason is the reason that TELSCH shows for platform.logsDropped.
const droppedReason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."

// subscriber is one extension's subscription, with a goroutine that delivers.
type subscriber struct {
	extension string
	want      subscription
	to        destination
	cancel    context.CancelFunc
	ended     chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex
	waiting  buffer
	paused   bool          // frozen
	pausedAt time.Time     // since when
	wake     chan struct{} // has a token when the goroutine should look again
	taken    int           // events that have left the buffer
	accepted int           // events that the listener has accepted
	flushTo  int           // up to which event all are due, however few they are
	progress chan struct{} // closed and made anew after every delivery
}

// startSubscriber starts delivering, first of all what has come before.
func startSubscriber(ctx context.Context, extension string, want subscription, to destination, history buffer, paused bool) *subscriber {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it outlives the request, and ends with Close
	s := &subscriber{
		extension: extension, want: want, to: to, cancel: cancel, ended: make(chan struct{}),
		waiting: buffer{maxItems: backlog * want.maxItems, maxBytes: backlog * want.maxBytes},
		paused:  paused, wake: make(chan struct{}, 1), progress: make(chan struct{}),
	}
	now := time.Now()
	for _, k := range history.kept {
		if it := k.item; s.wants(it) {
			s.waiting.push(it, len(it.as(want.objects)), now) // the time limit counts from the subscription
		}
	}
	s.waiting.lost = maps.Clone(history.lost)
	s.tellLoss()
	go s.run(ctx)
	return s
}

func (s *subscriber) wants(it item) bool { return slices.Contains(s.want.types, it.class) }

func (s *subscriber) add(it item) {
	if !s.wants(it) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting.lost != nil && !s.waiting.full() {
		s.tellLoss()
	}
	s.waiting.add(it, len(it.as(s.want.objects)))
	s.look()
}

// look makes the goroutine look again. It is called under the lock.
func (s *subscriber) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// tellLoss puts platform.logsDropped where the lost events would have been. Whoever did not subscribe to the
// platform's events is not told. It is called under the lock.
func (s *subscriber) tellLoss() {
	record := DroppedRecord{Reason: droppedReason}
	for _, class := range s.want.types {
		record.DroppedRecords += s.waiting.lost[class].records
		record.DroppedBytes += s.waiting.lost[class].bytes
	}
	s.waiting.lost = nil
	it := encode(Event{Type: LogsDropped, Record: record}, false)
	if record.DroppedRecords > 0 && s.wants(it) {
		s.waiting.push(it, len(it.text), time.Now())
	}
}

func (s *subscriber) setPaused(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case paused && !s.paused:
		s.pausedAt = time.Now()
	case s.paused && !paused:
		s.waiting.later(s.pausedAt)
	}
	s.paused = paused
	s.look()
}

// flush makes all that waits due and returns what awaitAccepted is to wait for.
func (s *subscriber) flush() (upTo int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting.lost != nil {
		s.tellLoss()
	}
	s.flushTo = s.taken + len(s.waiting.kept)
	s.look()
	return s.flushTo
}

// awaitAccepted waits until the listener has accepted so many events.
func (s *subscriber) awaitAccepted(ctx context.Context, upTo int) {
	for {
		s.mu.Lock()
		done, progress := s.accepted >= upTo, s.progress
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-progress:
		case <-s.ended:
			return
		case <-ctx.Done():
			return
		}
	}
}

// run delivers until the stream is closed.
func (s *subscriber) run(ctx context.Context) {
	defer close(s.ended)
	defer s.to.close()
	for {
		batch, ok := s.next(ctx)
		if !ok || !s.deliver(ctx, batch) {
			return
		}
	}
}

// next waits for a batch that is due.
func (s *subscriber) next(ctx context.Context) (batch [][]byte, ok bool) {
	for {
		batch, wait := s.takeDue()
		if batch != nil {
			return batch, true
		}
		if !s.sleep(ctx, wait) {
			return nil, false
		}
	}
}

// sleep waits until there is something to look at, or for a while; 0 is for ever. It tells whether the
// subscriber goes on.
func (s *subscriber) sleep(ctx context.Context, wait time.Duration) bool {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-s.wake:
	case <-over:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// takeDue returns a batch if one is due, or else how long it is until then, 0 if nothing is to be expected.
// Whichever of items, bytes and time is reached first makes it due (TEL), and a flush.
func (s *subscriber) takeDue() (batch [][]byte, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused || len(s.waiting.kept) == 0 {
		return nil, 0
	}
	since := s.waiting.kept[0].at
	full := len(s.waiting.kept) >= s.want.maxItems || s.waiting.bytes >= s.want.maxBytes
	if wait := time.Until(since.Add(s.want.timeout)); !full && s.taken >= s.flushTo && wait > 0 {
		return nil, wait
	}
	for _, k := range s.waiting.take(s.want.maxItems, s.want.maxBytes) {
		batch = append(batch, k.as(s.want.objects))
	}
	s.taken += len(batch)
	if s.waiting.lost != nil {
		s.tellLoss()
	}
	return batch, 0
}

// deliver makes a delivery until it is accepted (TEL: with backoff while there is no listener, or it answers
// with an error). It tells whether the subscriber goes on.
func (s *subscriber) deliver(ctx context.Context, batch [][]byte) bool {
	for wait := firstRetry; s.to.send(ctx, batch) != nil; wait = min(2*wait, lastRetry) {
		if !s.awaitRetry(ctx, wait) {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted += len(batch)
	close(s.progress)
	s.progress = make(chan struct{})
	return true
}

// awaitRetry waits for a while, and for the thaw if the environment is frozen then.
func (s *subscriber) awaitRetry(ctx context.Context, wait time.Duration) bool {
	end := time.Now().Add(wait)
	for {
		s.mu.Lock()
		paused := s.paused
		s.mu.Unlock()
		left := time.Until(end)
		if !paused && left <= 0 {
			return true
		}
		if !s.sleep(ctx, left) { // once its time is over, a pause is waited out
			return false
		}
	}
}

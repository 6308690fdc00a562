package lambdalocal

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// StreamHead is what is known of a response before its first byte.
type StreamHead struct {
	// ContentType is the runtime's; "" if it gave none. HTTPIntegration says that a prelude comes first.
	ContentType string
	// Streaming tells whether the runtime writes in pieces as it has them.
	Streaming bool
	// Deadline is when the function's time is over: nobody has to take a piece for much longer.
	Deadline time.Time
}

const (
	// streamBurst is how much of a stream is not throttled, streamRate how many bytes a second come after it
	// (LIM: "first 6 MB uncapped, then 2 MB/s"; RIE interop.ResponseBandwidthBurstSize and -Rate).
	streamBurst = 6 * 1024 * 1024
	streamRate  = 2 * 1024 * 1024
	// refillInterval is how often a throttled stream may go on.
	refillInterval = 25 * time.Millisecond
	// copyBuffer is how much is read at once of a body; a piece of a stream is seldom larger.
	copyBuffer = 32 * 1024
)

// throttle is the bandwidth of streamed responses.
type throttle struct{ burst, rate int64 }

// newThrottle takes Options.StreamRate.
func newThrottle(rate int64) throttle {
	if rate == 0 {
		rate = streamRate
	}
	return throttle{burst: streamBurst, rate: rate}
}

// bucket is one stream's allowance: what is taken from it comes back at the throttle's rate, up to the
// burst (RIE core/bandwidthlimiter).
type bucket struct {
	throttle
	left   float64
	filled time.Time
}

func (t throttle) bucket() *bucket {
	return &bucket{throttle: t, left: float64(t.burst), filled: time.Now()}
}

// take waits until n bytes may pass.
func (b *bucket) take(ctx context.Context, n int) error {
	for {
		now := time.Now()
		b.left = min(float64(b.burst), b.left+now.Sub(b.filled).Seconds()*float64(b.rate))
		b.filled = now
		if b.rate < 0 || b.left >= float64(n) {
			b.left -= float64(n)
			return nil
		}
		select {
		case <-time.After(refillInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errCallerGone ends a stream whose caller does not wait for it any more.
var errCallerGone = errors.New("the caller is gone")

// callerStream is the caller's end of a streamed response.
//
// What it calls of the caller runs beside it, because a caller that does not read may hold a Write for ever, and
// neither the runtime nor the invocation's end can wait for that. Once the stream is detached no call begins any
// more, whoever waits for one is let go, and the one that was made last is left to itself, with a piece that is its
// own.
type callerStream struct {
	begin    func(StreamHead) io.Writer
	detached chan struct{}
	once     sync.Once // closes it

	// of whoever writes, which is one goroutine at a time:
	out   io.Writer
	piece []byte // a copy of what is being written
	gone  bool
}

// detachable makes an invocation's Stream one that ends when detach is called.
func detachable(begin func(StreamHead) io.Writer) (stream func(StreamHead) io.Writer, detach func()) {
	if begin == nil {
		return nil, func() {}
	}
	c := &callerStream{begin: begin, detached: make(chan struct{})}
	return c.open, func() { c.once.Do(func() { close(c.detached) }) }
}

func (c *callerStream) open(head StreamHead) io.Writer {
	opened := make(chan io.Writer, 1)
	if c.beside(func() { opened <- c.begin(head) }) {
		c.out = <-opened
	}
	return c
}

// Write gives a piece to the caller. A caller that fails to take one gets no other.
func (c *callerStream) Write(p []byte) (int, error) {
	if c.gone {
		return 0, errCallerGone
	}
	type wrote struct {
		n   int
		err error
	}
	c.piece = append(c.piece[:0], p...)
	done, out, piece := make(chan wrote, 1), c.out, c.piece
	if !c.beside(func() { n, err := out.Write(piece); done <- wrote{n, err} }) {
		return 0, errCallerGone
	}
	w := <-done
	c.gone = w.err != nil
	return w.n, w.err
}

// beside makes a call of the caller's and tells whether it has ended. If the caller is detached before, nothing may
// be called any more.
func (c *callerStream) beside(call func()) (ended bool) {
	done := make(chan struct{})
	select {
	case <-c.detached:
		c.gone = true
		return false
	default:
	}
	go func() {
		defer close(done)
		call()
	}()
	select {
	case <-done:
		return true
	case <-c.detached:
		c.gone = true
		return false
	}
}

// untilAnswered is the caller's end of a streamed response for as long as its invocation goes on. On a managed instance
// an error that is told meanwhile ends it, and so does its timeout (RIE-LMI invoke/running_invoke.go): the runtime, which
// knows of the error that it told, has broken off its own stream, and what it still writes is nobody's. The caller would
// be let go a moment later in any case, when whoever waits for the answer has it; that moment may be long on a busy machine.
type untilAnswered struct {
	io.Writer
	g  *generation
	in *invocation
}

func (u untilAnswered) Write(p []byte) (int, error) {
	u.g.mu.Lock()
	over := u.in.response != nil || u.in.expired
	u.g.mu.Unlock()
	if over {
		return 0, errCallerGone
	}
	return u.Writer.Write(p) //nolint:wrapcheck // it is the caller's own
}

// body is a response's body on its way from the runtime to its caller: kept in memory, or passed on while
// it comes.
type body struct {
	limit int64
	kept  []byte

	stream io.Writer // the caller's; nil if it waits for the whole
	bucket *bucket

	size        int64
	first, last time.Time
}

// copy reads a body to its end. A caller that hangs up does not end it: the function goes on, as on
// Lambda, and nobody reads (AWS: "configuration-response-streaming", interruptions).
func (b *body) copy(ctx context.Context, from io.Reader) error {
	buffer := make([]byte, copyBuffer)
	for {
		n, err := from.Read(buffer)
		now := time.Now()
		if b.first.IsZero() {
			b.first = now
		}
		b.last = now
		fits := buffer[:min(int64(n), b.limit-b.size)]
		b.size += int64(n)
		if passErr := b.pass(ctx, fits); passErr != nil {
			return passErr
		}
		switch {
		case b.size > b.limit:
			return errTooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (b *body) pass(ctx context.Context, p []byte) error {
	switch {
	case len(p) == 0:
		return nil
	case b.stream == nil:
		b.kept = append(b.kept, p...)
		return nil
	}
	if err := b.bucket.take(ctx, len(p)); err != nil {
		return err
	}
	_, _ = b.stream.Write(p) // see copy
	return nil
}

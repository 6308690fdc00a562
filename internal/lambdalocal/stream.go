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

// callerStream is the caller's end of a streamed response. Once it is detached, nothing more is written.
type callerStream struct {
	mu    sync.Mutex
	begin func(StreamHead) io.Writer
	out   io.Writer
	gone  bool
}

// detachable makes an invocation's Stream one that ends when detach returns.
func detachable(begin func(StreamHead) io.Writer) (stream func(StreamHead) io.Writer, detach func()) {
	if begin == nil {
		return nil, func() {}
	}
	c := &callerStream{begin: begin}
	return c.open, c.detach
}

func (c *callerStream) open(head StreamHead) io.Writer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		c.out = c.begin(head)
	}
	return c
}

// Write gives a piece to the caller. A caller that fails to take one gets no other.
func (c *callerStream) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return 0, errCallerGone
	}
	n, err := c.out.Write(p)
	c.gone = err != nil
	return n, err
}

func (c *callerStream) detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
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

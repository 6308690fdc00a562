package lifecycle

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/export"
)

// MaxQueueBytes bounds what is kept in memory of exports that failed: eight invocations at the default limit, a small part of
// the smallest function's memory. An outbox on disk will stand behind it.
const MaxQueueBytes = 4 << 20

// maxBatchBytes bounds one request where the settings do not. Collectors and what stands before them commonly take 4 MiB, some 1 MiB, before decompression.
const maxBatchBytes = 1 << 20

// A rendered invocation is ready to be sent: masked, limited, encoded.
type rendered struct {
	payload []byte // an ExportTraceServiceRequest; several behind each other make one
	spans   int
}

// A queue holds what is to be sent, oldest first.
type queue struct {
	items []rendered
	bytes int
}

// push adds an item and drops the oldest ones beyond the limit. It returns what it dropped.
func (q *queue) push(r rendered) (dropped []rendered) {
	q.items = append(q.items, r)
	q.bytes += len(r.payload)
	for q.bytes > MaxQueueBytes && len(q.items) > 1 {
		dropped = append(dropped, q.items[0])
		q.remove(0, 1)
	}
	return dropped
}

// batch joins the oldest items from one on, at most so many and so many bytes, to one payload; one alone may be larger. n is how many they are.
func (q *queue) batch(from, most, mostBytes int) (payload []byte, n int) {
	if mostBytes <= 0 {
		mostBytes = maxBatchBytes
	}
	items := q.items[from:]
	size := 0
	for n < len(items) && n < most && (n == 0 || size+len(items[n].payload) <= mostBytes) {
		size += len(items[n].payload)
		n++
	}
	if n == 1 {
		return items[0].payload, 1
	}
	payload = make([]byte, 0, size)
	for _, r := range items[:n] {
		payload = append(payload, r.payload...)
	}
	return payload, n
}

// remove removes n items from one on.
func (q *queue) remove(from, n int) {
	for _, r := range q.items[from : from+n] {
		q.bytes -= len(r.payload)
	}
	if from == 0 {
		clear(q.items[:n])
		q.items = q.items[n:]
	} else {
		q.items = slices.Delete(q.items, from, from+n)
	}
	if len(q.items) == 0 {
		q.items = nil
	}
}

// A Sender delivers an encoded request. export.Client is the real one.
type Sender interface {
	Send(ctx context.Context, payload []byte) (export.Result, error)
}

// Reasons of a Loss that is found here.
const (
	LossQueueFull = "queue-full" // spans that waited for the collector for too long
	LossRefused   = "refused"    // spans that the collector did not take
)

const (
	// A collector that failed is left alone for a second, then twice as long each time, so that an outage costs a busy function one timeout a
	// minute and not one an invocation.
	firstBreak   = time.Second
	longestBreak = time.Minute
)

// Memory is a Delivery that keeps in memory what was not accepted.
type Memory struct {
	Sender Sender
	Batch  int // most bytes of one request: AFTERGLOW_LIMIT_BATCH_BYTES; 0 for the default
	Log    zerolog.Logger

	queue     queue
	lost      []event.Loss
	failures  int       // in a row
	notBefore time.Time // wall clock: a frozen environment's monotonic clock may stand still
}

// Add implements deliver.Delivery.
func (m *Memory) Add(b deliver.Batch) {
	for _, d := range m.queue.push(rendered{b.Payload, b.Records}) {
		m.lose(LossQueueFull, int64(d.spans), int64(len(d.payload)))
	}
}

// Due implements deliver.Delivery.
func (m *Memory) Due(now time.Time) bool { return !now.Before(m.notBefore) }

// Flush implements deliver.Delivery.
func (m *Memory) Flush(ctx context.Context, last bool) deliver.Report {
	if s, ok := m.Sender.(interface{ Last() }); ok && last {
		s.Last() // export.Group leaves nobody alone at the end
	}
	delivered := len(m.queue.items) == 0
	if last || m.Due(time.Now()) {
		delivered = m.deliver(ctx)
	}
	lost := m.lost
	m.lost = nil
	return deliver.Report{Safe: delivered || !last, Kept: len(m.queue.items), Lost: lost}
}

// Owe implements deliver.Delivery.
func (m *Memory) Owe([]event.Loss) { m.Abandon() }

// Owed implements deliver.Delivery.
func (m *Memory) Owed() []event.Loss { return nil }

// Abandon implements deliver.Delivery.
func (m *Memory) Abandon() {
	spans := 0
	for _, r := range m.queue.items {
		spans += r.spans
	}
	if spans > 0 {
		m.Log.Warn().Int("undelivered", spans).Msg("not everything could be exported before the end")
	}
}

// deliver sends the queue. It returns false if something is left in it.
func (m *Memory) deliver(ctx context.Context) bool {
	most := math.MaxInt
	from := 0 // what stands before is left for exporters that lack it; the others have it
	for from < len(m.queue.items) {
		if ctx.Err() != nil {
			return false
		}
		payload, n := m.queue.batch(from, most, m.Batch)
		result, err := m.Sender.Send(ctx, payload)
		if result.Rejected > 0 {
			m.lose(LossRefused, result.Rejected, 0)
			m.Log.Warn().Int64("spans", result.Rejected).Str("reason", result.Text).Msg("the collector refused a part")
		}
		var refused *export.Error
		switch {
		case err == nil:
			m.failures, m.notBefore = 0, time.Time{}
			m.queue.remove(from, n)
			continue
		case errors.As(err, &refused) && refused.Partly:
			m.failures, m.notBefore = 0, time.Time{}
			from += n
			if !refused.Paused {
				m.Log.Warn().Err(err).Int("kept", len(m.queue.items)).Msg("cannot export to all")
			}
			continue
		case errors.As(err, &refused) && !refused.Retry && n > 1:
			most = 1 // one of them may be the reason
			continue
		case errors.As(err, &refused) && !refused.Retry:
			m.lose(LossRefused, int64(m.queue.items[from].spans), int64(len(payload)))
			m.queue.remove(from, 1)
		}
		var after time.Duration
		if refused != nil {
			after = refused.After
		}
		m.failed(after)
		m.Log.Warn().Err(err).Int("kept", len(m.queue.items)).Msg("cannot export")
		return len(m.queue.items) == 0
	}
	return len(m.queue.items) == 0
}

// failed notes an export that failed; after is how long the collector asked to be left alone.
func (m *Memory) failed(after time.Duration) {
	pause := longestBreak
	if m.failures < 6 { // 1 s doubled six times is beyond the longest
		pause = min(firstBreak<<m.failures, longestBreak)
	}
	m.failures++
	m.notBefore = time.Now().Round(0).Add(max(pause, after))
}

func (m *Memory) lose(reason string, records, bytes int64) {
	m.lost = append(m.lost, event.Loss{Reason: reason, Records: records, Bytes: bytes})
}

package export

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Sender is one way out. Client is one, Log another. A Sender returns when its context ends.
type Sender interface {
	Send(ctx context.Context, payload []byte) (Result, error)
}

// An Exporter is a Sender with its name and what its receiver takes.
type Exporter struct {
	Name   string
	Sender Sender
	Limits Limits
}

// A Group sends to several exporters at once. It is not safe for concurrent use.
//
// Each has a lane of its own: what one accepted is not sent to it again while others still lack it, one that fails is left alone for a
// while, and the others go on. The batch is remembered by hashes of its parts, so that it may come back joined with others or in parts.
type Group struct {
	lanes []*lane
	seed  maphash.Seed
	last  bool
}

// NewGroup makes a Group.
func NewGroup(exporters ...Exporter) *Group {
	g := &Group{seed: maphash.MakeSeed()}
	for _, e := range exporters {
		g.lanes = append(g.lanes, &lane{Exporter: e})
	}
	return g
}

// Last says that the environment ends: whoever was left alone gets a last chance.
func (g *Group) Last() { g.last = true }

// An outcome is what a lane has to tell of one Send.
type outcome struct {
	Result
	err    error // what is missing there may be sent again
	after  time.Duration
	paused bool // the lane is left alone, nobody was asked
}

// Send sends to every exporter that has not accepted the payload yet, at the same time, until all are done or ctx is. The error is an *Error
// with Retry set: call again, with the same bytes or what they were made of. It may come with a Result.
func (g *Group) Send(ctx context.Context, payload []byte) (Result, error) {
	pieces := cut(payload, g.seed)
	outcomes := make([]outcome, len(g.lanes))
	var wait sync.WaitGroup
	for n, l := range g.lanes {
		work := func() {
			defer func() {
				if r := recover(); r != nil {
					// Its text may quote what was to be sent.
					outcomes[n].err = fmt.Errorf("the exporter broke: %T", r)
					l.failed(0)
				}
			}()
			outcomes[n] = l.send(ctx, l.lacks(pieces, g.seed), g.last)
		}
		if len(g.lanes) == 1 {
			work()
			break
		}
		wait.Go(work)
	}
	wait.Wait()
	result, err := g.sum(outcomes)
	if err == nil {
		for _, l := range g.lanes {
			l.forget(pieces, g.seed)
		}
	}
	return result, err
}

func (g *Group) sum(outcomes []outcome) (Result, error) {
	var result Result
	var said, failures []string
	e := &Error{Retry: true, Paused: true}
	failed := 0
	for n, o := range outcomes {
		name := g.lanes[n].Name
		result.Rejected += o.Rejected
		if o.Text != "" {
			said = append(said, name+": "+o.Text)
		}
		if o.err == nil {
			e.Partly = true
			continue
		}
		failed++
		failures = append(failures, name+": "+strings.TrimPrefix(o.err.Error(), "export spans: "))
		e.Paused = e.Paused && o.paused
		if e.After == 0 || o.after < e.After {
			e.After = o.after // then one of them may be tried again
		}
		e.cause = errors.Join(e.cause, o.err)
	}
	result.Text = strings.Join(said, "; ")
	if failed == 0 {
		return result, nil
	}
	e.Text = strings.Join(failures, "; ")
	return result, e
}

const (
	// An exporter that fails is left alone as lifecycle leaves a collector alone when it is the only one: a second, doubled up to a minute.
	firstBreak   = time.Second
	longestBreak = time.Minute
	// mostSettled pieces are remembered as accepted by one exporter while another lacks them: more than the queue and its smallest batches hold.
	mostSettled = 1 << 14
)

// A lane is one exporter with what is known of it.
type lane struct {
	Exporter
	settled   map[uint64]bool // pieces that were accepted, or given up and counted
	order     []uint64        // of settled, oldest first
	failures  int
	notBefore time.Time // wall clock
	why       error
}

// lacks gives those pieces, as far as the receiver takes, that are not settled.
func (l *lane) lacks(pieces []piece, seed maphash.Seed) []piece {
	var lacks []piece
	for _, whole := range pieces {
		for _, p := range l.Limits.fit(whole, seed) {
			if !l.settled[p.key] {
				lacks = append(lacks, p)
			}
		}
	}
	return lacks
}

// send brings the pieces to the exporter, as many in a request as it takes.
func (l *lane) send(ctx context.Context, pieces []piece, last bool) (o outcome) {
	if len(pieces) == 0 {
		return outcome{}
	}
	if left := time.Until(l.notBefore); left > 0 && !last {
		return outcome{err: l.why, after: left, paused: true}
	}
	most := len(pieces)
	for len(pieces) > 0 {
		if pieces[0].bytes == nil {
			o.add(Result{int64(pieces[0].spans), fmt.Sprintf("a span has more than %d bytes, whatever is taken out of it", l.Limits.SpanBytes)})
			l.settle(pieces[:1])
			pieces = pieces[1:]
			continue
		}
		request, n, spans := l.Limits.join(pieces[:min(most, len(pieces))])
		result, err := l.Sender.Send(ctx, request)
		o.add(result)
		var refused *Error
		switch isRefused := errors.As(err, &refused) && !refused.Retry; {
		case err == nil:
			l.failures = 0
		case isRefused && n > 1:
			most = 1 // one of them may be the reason
			continue
		case isRefused:
			o.add(Result{int64(spans), refused.Error()})
			l.settle(pieces[:1])
			o.after = l.failed(refused.After)
			if len(pieces) > 1 {
				l.why, o.err = err, err
			}
			return o
		default:
			if refused != nil {
				o.after = refused.After
			}
			l.why, o.err, o.after = err, err, l.failed(o.after)
			return o
		}
		l.settle(pieces[:n])
		pieces = pieces[n:]
	}
	return o
}

func (o *outcome) add(r Result) {
	o.Rejected += r.Rejected
	if r.Text != "" && !strings.Contains(o.Text, r.Text) {
		o.Text = strings.TrimPrefix(o.Text+", "+r.Text, ", ")
	}
}

// failed leaves the exporter alone for a while, and tells for how long.
func (l *lane) failed(after time.Duration) time.Duration {
	pause := longestBreak
	if l.failures < 6 { // 1 s doubled six times is beyond the longest
		pause = min(firstBreak<<l.failures, longestBreak)
	}
	pause = max(pause, after)
	l.failures++
	l.notBefore = time.Now().Round(0).Add(pause)
	if l.why == nil {
		l.why = errors.New("it failed before")
	}
	return pause
}

func (l *lane) settle(pieces []piece) {
	if l.settled == nil {
		l.settled = map[uint64]bool{}
	}
	for _, p := range pieces {
		if !l.settled[p.key] {
			l.settled[p.key] = true
			l.order = append(l.order, p.key)
		}
	}
	for len(l.order) > mostSettled {
		delete(l.settled, l.order[0])
		l.order = l.order[1:]
	}
}

// forget drops what will not come again, because all exporters are done with it.
func (l *lane) forget(pieces []piece, seed maphash.Seed) {
	if len(l.settled) == 0 {
		return
	}
	for _, whole := range pieces {
		for _, p := range l.Limits.fit(whole, seed) {
			delete(l.settled, p.key)
		}
	}
	l.order = slices.DeleteFunc(l.order, func(key uint64) bool { return !l.settled[key] })
}

// join makes one request of the first pieces, at most as much as the receiver takes.
func (l Limits) join(pieces []piece) (request []byte, n, spans int) {
	size := 0
	for _, p := range pieces {
		if p.bytes == nil || n > 0 && (!within(size+len(p.bytes), l.Bytes) || !within(spans+p.spans, l.Spans)) {
			break
		}
		size += len(p.bytes)
		spans += p.spans
		n++
	}
	if n == 1 {
		return pieces[0].bytes, 1, spans
	}
	request = make([]byte, 0, size)
	for _, p := range pieces[:n] {
		request = append(request, p.bytes...)
	}
	return request, n, spans
}

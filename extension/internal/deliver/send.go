package deliver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
)

// A run is the sending of one flush.
type run struct {
	*lane
	last bool
	have time.Duration // credit at the beginning
	// failed has the signals that failed in this flush.
	failed map[string]bool

	ahead *outcome // of the group's first request, which was made already; nil: it was not

	signal   string
	accepted bool // something, of the group
	refused  bool // something, of the group
	probes   int  // that are left to the group
}

// isResting tells whether a signal is not to be sent now.
func (r *run) isResting(signal string) bool {
	return r.failed[signal] || !r.last && r.resting[signal].paused(time.Now())
}

// next takes the oldest item that may be sent, and of the same signal as many behind it as go into one request. What cannot be read any more is lost.
// The items stay where they are. After an attempt of which nobody heard the answer, that request is sent alone until one works: what goes with it may arrive twice
// too. At the end it has to wait for the others, which have not had their chance.
func (r *run) next() []*item { return r.nextOf("") }

// nextOf is next for one signal alone, whichever comes first if it is "".
func (r *run) nextOf(signal string) (items []*item) {
	all := slices.Clone(r.items)
	if slices.ContainsFunc(all, func(it *item) bool { return it.doubtful }) {
		slices.SortStableFunc(all, func(a, b *item) int {
			if a.doubtful == b.doubtful {
				return 0
			}
			if a.doubtful != r.last {
				return -1
			}
			return 1
		})
	}
	size := 0
	for _, it := range all {
		if len(items) > 0 && (it.doubtful != items[0].doubtful || r.breaker.doubtful && !r.last) {
			break
		}
		if signal != "" && it.signal != signal || r.isResting(it.signal) || len(items) > 0 && it.signal != items[0].signal {
			continue
		}
		if len(items) > 0 && size+int(it.length()) > r.most {
			break
		}
		if !r.isReadable(it) {
			continue
		}
		size += len(it.payload)
		items = append(items, it)
	}
	return items
}

func (r *run) mayGoOn(ctx context.Context) bool {
	_, ok := r.breaker.may(time.Now(), r.have-r.waited, r.Timeout)
	if d, has := ctx.Deadline(); has && time.Until(d) < least {
		return false
	}
	return ctx.Err() == nil && (ok || r.last)
}

// group sends items of one signal.
func (r *run) group(ctx context.Context, items []*item) {
	r.signal, r.accepted, r.refused, r.probes = items[0].signal, false, false, r.budget
	var left, parts []part
	for _, it := range items {
		parts = append(parts, r.parts(it)...)
	}
	for len(parts) > 0 {
		n := r.together(parts)
		some, ok := r.bring(ctx, parts[:n])
		left, parts = append(left, some...), parts[n:]
		if !ok {
			r.failed[r.signal] = true
			left = append(left, parts...)
			break
		}
	}
	r.settle(items, left)
	if !r.takes(r.signal) {
		for _, it := range slices.Clone(r.items) {
			if it.signal == r.signal {
				r.lose(LossRefused, it)
			}
		}
	}
	switch {
	case r.accepted:
		r.budget = mostProbes
	case r.refused:
		r.budget /= 2
		r.rest(0)
		r.failed[r.signal] = r.failed[r.signal] || !r.last // at the end each gets its chance, since there is no other
	}
}

// rest leaves the signal alone for a while.
func (r *run) rest(after time.Duration) {
	if r.resting == nil {
		r.resting = map[string]breaker{}
	}
	r.resting[r.signal] = r.resting[r.signal].failed(time.Now(), 0, after)
}

// together tells how many of the parts go into one request.
func (r *run) together(parts []part) (n int) {
	most := r.most
	if r.Limits.Bytes > 0 {
		most = min(most, r.Limits.Bytes)
	}
	size, records := 0, 0
	for _, p := range parts {
		size += len(p.payload)
		records += p.records
		if n > 0 && (size > most || r.Limits.Records > 0 && records > r.Limits.Records) {
			break
		}
		n++
	}
	return n
}

func recordsOf(parts []part) (n int64) {
	for _, p := range parts {
		n += int64(max(1, p.records))
	}
	return n
}

// bring sends parts in one request, and in smaller ones where that one is refused for what is in it. It gives what is left to be sent later, and false
// if the exporter is not to be asked any more now.
func (r *run) bring(ctx context.Context, parts []part) (left []part, ok bool) {
	if len(parts) == 0 {
		return nil, true
	}
	if r.ahead == nil && !r.mayGoOn(ctx) {
		return parts, false
	}
	result, err := r.try(ctx, parts)
	result.Rejected = min(result.Rejected, recordsOf(parts)) // of what it was sent: its word for more would be counted as lost
	for _, p := range parts {
		p.of.doubtful = r.breaker.doubtful
	}
	if result.Rejected > 0 || result.Text != "" {
		r.lost.add(r.signal, LossRefused, int(result.Rejected), 0)
		what := refusing
		if result.Rejected == 0 {
			what = warning
		} else {
			r.againOf(parts) // nobody says which it was: what it told may be told twice then, which is better than never
		}
		r.say(remark{what: what, signal: r.signal, records: result.Rejected, text: result.Text})
	}
	var e *export.Error
	switch {
	case err == nil:
		r.accepted = true
		delete(r.resting, r.signal)
		return nil, true
	case !errors.As(err, &e) || e.Retry:
		r.say(remark{what: failing, signal: r.signal, err: err})
		return parts, false
	case e.IsTooLarge() && length(parts) > smallestRequest:
		r.most = max(smallestRequest, min(r.most, length(parts)/2))
		if first, second, ok := halves(parts); ok {
			return r.both(ctx, first, second)
		}
	case e.IsAboutContent() && r.probes > 0:
		if first, second, ok := halves(parts); ok {
			r.probes--
			return r.both(ctx, first, second)
		}
	case e.IsNoEndpoint() && r.signal != otlplog.Traces:
		r.switchOff(err)
	}
	r.refuse(parts, err)
	return nil, true
}

// both brings the first parts, then the second.
func (r *run) both(ctx context.Context, first, second []part) (left []part, ok bool) {
	left, ok = r.bring(ctx, first)
	if !ok {
		return slices.Concat(left, second), false
	}
	return r.bring(ctx, second)
}

// switchOff gives up a signal of this exporter for the life of the process.
func (r *run) switchOff(err error) {
	if r.off == nil {
		r.off = map[string]int{}
	}
	r.off[r.signal] = 0
	r.say(remark{what: ending, signal: r.signal, err: err})
}

// againOf has what parts told of losses told again.
func (r *run) againOf(parts []part) {
	for _, p := range parts {
		r.again.told(r.signal, p.payload)
	}
}

func (r *run) refuse(parts []part, err error) {
	records, bytes := 0, 0
	for _, p := range parts {
		records += p.records
		bytes += len(p.payload)
	}
	r.againOf(parts)
	r.refused = true
	r.lost.add(r.signal, LossRefused, records, int64(bytes))
	what := refusing
	if e := (*export.Error)(nil); errors.As(err, &e) && e.IsNoEndpoint() {
		what = astray
	}
	r.say(remark{what: what, signal: r.signal, err: err, records: int64(records)})
}

// An outcome is what came of a request.
type outcome struct {
	result      export.Result
	err         error
	took, limit time.Duration
	cut         bool // by the limit
	froze       bool // the environment stood still meanwhile
	unwanted    bool // nobody waited for the answer any more
	abreast     bool // of others: they were waited for at the same time, and fail for the same reason
}

// try makes one request within the time that the exporter has deserved, and tells the breaker.
func (r *run) try(ctx context.Context, parts []part) (export.Result, error) {
	if o := r.ahead; o != nil {
		r.ahead = nil
		r.learn(*o)
		return o.result, o.err
	}
	limit, _ := r.breaker.may(time.Now(), r.have-r.waited, r.Timeout)
	if r.last {
		limit = r.Timeout // the Sender's own
	}
	o := r.ask(ctx, r.signal, parts, limit)
	r.learn(o)
	return o.result, o.err
}

// ask makes a request. It touches nothing of the lane's.
func (r *run) ask(ctx context.Context, signal string, parts []part, limit time.Duration) (o outcome) {
	o.limit = limit
	start, within := wall(time.Now()), ctx
	if !r.last {
		var l *export.Limit
		within, l = export.NewLimit(ctx, limit)
		within = l.UntilConnected(within)
		defer func() { o.froze = l.Froze(); l.Stop() }()
	}
	o.result, o.err = r.send(within, signal, parts)
	o.took = max(0, wall(time.Now()).Sub(start))
	o.unwanted = ctx.Err() != nil
	o.cut = within.Err() != nil || errors.Is(o.err, context.DeadlineExceeded)
	return o
}

// send sends parts in one request.
func (l *lane) send(ctx context.Context, signal string, parts []part) (export.Result, error) {
	p, ok := l.Sender.(Preparer)
	if !ok {
		return l.Sender.Send(ctx, signal, join(parts)) //nolint:wrapcheck // learn and bring look into it
	}
	pieces := make([][]byte, 0, len(parts))
	for _, part := range parts {
		pieces = append(pieces, part.payload)
	}
	return p.SendPieces(ctx, signal, pieces) //nolint:wrapcheck // learn and bring look into it
}

// learn tells the breaker of a request. An attempt in which the environment stood still for long tells nothing of the exporter; but the next one has to.
func (r *run) learn(o outcome) {
	took := min(o.took, o.limit)
	if wasted := min(o.took, o.limit+o.limit/2); o.err != nil && o.abreast { // a freeze in the middle of an attempt makes it as long as the freeze
		r.waited = max(r.waited, wasted)
	} else if o.err != nil {
		r.waited += wasted
	}
	var e *export.Error
	switch isError := errors.As(o.err, &e); {
	case o.err == nil && o.froze:
		r.breaker = breaker{full: max(r.breaker.full, firstCredit)} // it works; how fast it is was seen before, if at all
	case o.err == nil:
		r.breaker = r.breaker.worked(o.took)
	case isError && e.Status != 0:
		r.breaker = r.breaker.refused(took)
		if e.Retry {
			r.rest(e.After)
		}
	case isError && !e.Retry: // nobody was asked
		r.breaker.need = max(r.breaker.need, least)
	case o.froze && !r.breaker.doubtful:
		r.breaker.doubtful = true
	case o.unwanted:
		r.breaker = r.breaker.cut(took)
	case o.abreast && r.breaker.failures > 0:
		r.breaker.need = max(r.breaker.need, min(2*took, r.Timeout))
		r.breaker.doubtful = r.breaker.doubtful || o.cut
	default:
		r.breaker = r.breaker.failed(wall(time.Now()), took, 0)
		r.breaker.doubtful = o.cut
	}
}

// settle removes items of which nothing is left, and notes what is left of the others.
func (r *run) settle(items []*item, left []part) {
	parts := map[*item][]part{}
	for _, p := range left {
		parts[p.of] = append(parts[p.of], p)
	}
	for _, it := range items {
		rest := parts[it]
		switch {
		case len(rest) == 0:
			r.drop(it)
		case length(rest) != len(it.payload):
			it.payload, it.records, it.changed = join(rest), 0, true
			for _, p := range rest {
				it.records += p.records
			}
		case it.name != "" && !it.changed:
			it.payload = nil // it is in the file
		}
	}
}

func length(parts []part) (bytes int) {
	for _, p := range parts {
		bytes += len(p.payload)
	}
	return bytes
}

// join makes one request of parts.
func join(parts []part) []byte {
	if len(parts) == 1 {
		return parts[0].payload
	}
	all := make([]byte, 0, length(parts))
	for _, p := range parts {
		all = append(all, p.payload...)
	}
	return all
}

// halves parts them in two: by items as far as there are several, else within the one.
func halves(parts []part) (first, second []part, ok bool) {
	if n := len(parts); n > 1 {
		return parts[:n/2], parts[n/2:], true
	}
	p := parts[0]
	a, b, ok := export.Halve(p.payload)
	if !ok {
		return nil, nil, false
	}
	return []part{{p.of, a, export.Records(p.of.signal, a)}}, []part{{p.of, b, export.Records(p.of.signal, b)}}, true
}

package deliver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
)

// abreast sends the first request of each signal at the same time, so that a flush with metrics in it takes one round trip and not two. It does so with an exporter that
// works and has no other connections to pay for (Exporter.Abreast), and within a process's life: whoever is doubtful is asked one thing at a time. What came of it is
// learned one after the other, as if it had been: what works first, because what fails has the last word.
func (r *run) abreast(ctx context.Context) {
	if b := r.breaker; !r.Abreast || r.last || b.full == 0 || b.need > 0 || b.doubtful || r.Limits != (export.Limits{}) || !r.mayGoOn(ctx) {
		return
	}
	groups := r.firsts()
	if len(groups) < 2 {
		return
	}
	limit, _ := r.breaker.may(time.Now(), r.have, r.Timeout)
	outcomes := make([]outcome, len(groups))
	ask := func(n int) {
		var parts []part
		for _, it := range groups[n] {
			parts = append(parts, r.parts(it)...)
		}
		outcomes[n] = r.ask(ctx, groups[n][0].signal, parts[:r.together(parts)], limit)
	}
	var wait sync.WaitGroup
	for n := 1; n < len(groups); n++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer func() { outcomes[n].broke(recover()) }()
			ask(n)
		}()
	}
	// Spans are the first signal, and the one that is compressed ahead, by the one compressor that all share: whoever else takes it throws that away. So they go on from here, on
	// the one thread that there is for all.
	func() {
		defer func() { outcomes[0].broke(recover()) }()
		ask(0)
	}()
	wait.Wait()
	for _, worked := range [...]bool{true, false} {
		for n, items := range groups {
			if (outcomes[n].err == nil) == worked {
				outcomes[n].abreast = true
				r.ahead = &outcomes[n]
				r.group(ctx, items)
				r.ahead = nil
			}
		}
	}
}

// broke notes that the exporter panicked, if it did.
func (o *outcome) broke(with any) {
	if with != nil {
		o.err = &export.Error{Retry: true, Text: fmt.Sprintf("the exporter broke: %T", with)} // its text may quote what was to be sent
	}
}

// firsts gives what the first request of each signal is made of.
func (r *run) firsts() (groups [][]*item) {
	for _, signal := range r.Signals {
		if items := r.nextOf(signal); len(items) > 0 {
			groups = append(groups, items)
		}
	}
	return groups
}

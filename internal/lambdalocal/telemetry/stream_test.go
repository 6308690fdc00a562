package telemetry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Source: LRE and reference 2.5, 3.7: in a frozen environment nothing runs, and no time passes for it.
func TestFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := NewStream(Options{}), &listener{}
		defer s.Close()
		join(t, s, "ext", to, functionLines+`,"buffering":{"timeoutMs":100,"maxItems":1000}`)
		s.Emit(line("before"))
		pass(60 * time.Millisecond)
		s.Pause()
		for range 1500 {
			s.Emit(line("frozen"))
		}
		pass(time.Hour)
		if len(to.tried) > 0 {
			t.Errorf("delivered while frozen: %v", to.got)
		}
		thaw := time.Now()
		s.Resume()
		pass(time.Hour)
		if len(to.got) != 2 || to.got[0].at != thaw || to.got[1].at.Sub(thaw) != 100*time.Millisecond {
			t.Errorf("deliveries at %v and %v after the thaw", to.got[0].at.Sub(thaw), to.got[len(to.got)-1].at.Sub(thaw))
		}
		if len(to.got[0].records) != 1000 || to.got[0].records[0] != "before" {
			t.Errorf("the first delivery has %d", len(to.got[0].records))
		}
	})
}

// The time limit goes on after a thaw and does not begin anew: an environment whose invocations are all
// shorter than it still delivers.
func TestFreezeAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := NewStream(Options{}), &listener{}
		defer s.Close()
		join(t, s, "ext", to, functionLines+`,"buffering":{"timeoutMs":100}`)
		s.Emit(line("before"))
		for range 12 {
			if len(to.got) == 0 {
				s.Pause()
				pass(time.Hour)
				s.Resume()
				pass(10 * time.Millisecond)
			}
		}
		if len(to.got) != 1 {
			t.Errorf("%d deliveries in 12 invocations of a tenth of the time limit and more", len(to.got))
		}
	})
}

// A delivery whose listener is frozen in the middle of it, or whose connection is cut meanwhile, is not lost.
func TestFreezeInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		name     string
		cut      int // deliveries
		attempts int
	}{{"it goes on", 0, 1}, {"the connection is cut", 1, 2}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, to := NewStream(Options{}), &listener{blocked: make(chan struct{}), refuse: c.cut}
				defer s.Close()
				join(t, s, "ext", to, functionLines+`,"buffering":{"timeoutMs":25}`)
				s.Emit(line("x"))
				pass(30 * time.Millisecond)
				s.Pause()
				if c.cut > 0 {
					close(to.blocked)
				}
				pass(time.Hour)
				if len(to.tried) != 1 {
					t.Errorf("%d attempts while frozen", len(to.tried))
				}
				s.Resume()
				if c.cut == 0 {
					close(to.blocked)
				}
				synctest.Wait() // a thaw is no time to wait
				if len(to.tried) != c.attempts || len(to.got) != 1 {
					t.Errorf("%d attempts and %d deliveries right after the thaw", len(to.tried), len(to.got))
				}
			})
		})
	}
}

// Somebody who subscribes to a stream that is paused gets nothing until it goes on.
func TestSubscribeWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := NewStream(Options{}), &listener{}
		defer s.Close()
		s.Emit(line("x"))
		s.Pause()
		join(t, s, "ext", to, functionLines)
		pass(time.Hour)
		if len(to.got) > 0 {
			t.Error("delivered while paused")
		}
		s.Resume()
		pass(time.Hour)
		if len(to.got) != 1 {
			t.Error("not delivered after")
		}
	})
}

// Source: TEL ("If any of the input streams are closed, Lambda flushes the logs").
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream(Options{})
		defer s.Close()
		one, two := &listener{}, &listener{refuse: 2}
		const slowly = functionLines + `,"buffering":{"maxItems":1000,"timeoutMs":30000}`
		join(t, s, "one", one, slowly)
		join(t, s, "two", two, slowly)
		start := time.Now()
		s.Flush(t.Context()) // of nothing
		for range 1500 {
			s.Emit(line("x"))
		}
		s.Flush(t.Context())
		if len(one.records()) != 1500 || len(two.records()) != 1500 {
			t.Errorf("after the flush one has %d and the other %d", len(one.records()), len(two.records()))
		}
		if took := time.Since(start); took != 30*time.Millisecond { // two retries
			t.Errorf("it took %v", took)
		}
		s.Emit(line("later"))
		pass(29 * time.Second)
		if len(one.records()) != 1500 {
			t.Error("what came after the flush was flushed as well")
		}
	})
}

func TestFlushHasAnEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*Stream)
		took time.Duration
	}{
		{"the listener blocks", func(*Stream) {}, time.Minute},
		{"frozen", (*Stream).Pause, time.Minute},
		{"closed", func(s *Stream) { go func() { time.Sleep(time.Second); s.Close() }() }, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewStream(Options{})
				defer s.Close()
				join(t, s, "ext", &listener{blocked: make(chan struct{})}, functionLines)
				s.Emit(line("x"))
				c.do(s)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				s.Flush(ctx)
				if took := time.Since(start); took != c.took {
					t.Errorf("it took %v, not %v", took, c.took)
				}
			})
		})
	}
}

// After Close nothing is delivered, nothing runs (synctest would not let the bubble end), and events are forgotten.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream(Options{})
		idle, down, stuck := &listener{}, &listener{refuse: 1 << 30}, &listener{blocked: make(chan struct{})}
		for name, to := range map[string]*listener{"idle": idle, "down": down, "stuck": stuck} {
			join(t, s, name, to, functionLines)
		}
		s.Emit(line("x"))
		pass(time.Minute)
		s.Emit(line("y"))
		subscribers := s.subscribers
		s.Close()
		for _, sub := range subscribers {
			select {
			case <-sub.ended:
			default:
				t.Errorf("%s still delivers when Close has returned", sub.extension)
			}
		}
		s.Emit(line("z"))
		tried := len(down.tried)
		pass(time.Hour)
		if got := idle.records(); len(got) != 1 || len(down.tried) != tried {
			t.Errorf("after Close %q was delivered, and %d attempts made", got, len(down.tried)-tried)
		}
		s.Close()
		s.Flush(t.Context())
		s.Pause()
		s.Resume()
	})
}

// Deliveries say nothing about themselves, however they go: whoever subscribes to everything would be told of
// being told (TEL).
func TestDeliveriesEmitNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := NewStream(Options{}), &listener{refuse: 5}
		defer s.Close()
		join(t, s, "ext", to, `"types":["platform","function","extension"]`)
		s.Emit(line("x"))
		pass(time.Hour)
		if got := to.records(); len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})
}

// The event of a subscription reaches the new subscriber as well (RIE-LMI telemetry/subscription_api.go), and the
// callback may emit it.
func TestSubscribedMayEmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *Stream
		s = NewStream(Options{Subscribed: func(extension string, types []string) {
			s.Emit(Event{Type: TelemetrySubscription, Record: SubscriptionRecord{Name: extension, State: "Subscribed", Types: types}})
		}})
		defer s.Close()
		to := &listener{}
		join(t, s, "ext", to, `"types":["platform"]`)
		pass(time.Hour)
		if got := to.records(); len(got) != 1 || got[0] != `platform.telemetrySubscription {"name":"ext","state":"Subscribed","types":["platform"]}` {
			t.Errorf("got %q", got)
		}
	})
}

package lifecycle

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// An endsDir is a spool directory and a Lambda that tells of ends.
type endsDir struct {
	*spoolDir
	*platform
	ends *Ends
}

func newEndsDir(t *testing.T) *endsDir {
	d := &endsDir{spoolDir: newSpoolDir(t), platform: &platform{told: true, ended: map[string]chan struct{}{}}}
	d.heard.Store(true)
	d.ends = &Ends{Watch: d.Watch, Platform: d.platform, Log: zerolog.Nop()}
	return d
}

func (d *endsDir) await(limit time.Duration, a Attempt) chan Ending {
	result := make(chan Ending, 1)
	d.Ended(a.ID) // made here: a map is for one goroutine
	ctx := within(d.t, limit)
	go func() { result <- d.ends.Await(ctx, a) }()
	return result
}

// done tells of an end.
func (d *endsDir) done(id string) { close(d.ended[id]) }

const long = 20 * time.Second

func TestEnds(t *testing.T) {
	t.Run("by a rename", func(t *testing.T) {
		d := newEndsDir(t)
		d.open("A.17.1.open", false)
		got := d.await(long, Attempt{ID: "A"})
		d.stillWaits(got)
		d.rename("A.17.1.open")
		d.expect(got, Ended)
	})
	t.Run("by Lambda, without a rename", func(t *testing.T) {
		d := newEndsDir(t)
		d.open("A.17.1.open", false)
		got := d.await(long, Attempt{ID: "A"})
		d.stillWaits(got)
		d.done("A")
		d.expect(got, Ended)
	})
	t.Run("by Lambda, without a hook", func(t *testing.T) {
		d := newEndsDir(t)
		got := d.await(long, Attempt{ID: "A"})
		d.stillWaits(got)
		d.done("A")
		d.expect(got, Ended)
	})
	t.Run("by Lambda, where the hook is silent", func(t *testing.T) {
		d := newEndsDir(t)
		d.open("init.17.1.open", false)
		got := d.await(long, Attempt{ID: "A"})
		time.Sleep(2 * soon) // the hook's time is over
		d.stillWaits(got)
		d.done("A")
		d.expect(got, Ended)
	})
	t.Run("before anybody waited", func(t *testing.T) {
		d := newEndsDir(t)
		d.Ended("A")
		d.done("A")
		d.expect(d.await(long, Attempt{ID: "A"}), Ended)
	})
	t.Run("by Lambda, which has not told anything before", func(t *testing.T) {
		d := newEndsDir(t)
		d.heard.Store(false)
		d.appearance = time.Second // on a busy machine, the next lines may take much of it
		got := d.await(long, Attempt{ID: "A"})
		d.heard.Store(true) // of the init, say
		time.Sleep(d.appearance + soon)
		d.stillWaits(got)
		d.done("A")
		d.expect(got, Ended)
	})
	t.Run("Lambda has never told anything", func(t *testing.T) {
		d := newEndsDir(t)
		d.heard.Store(false)
		d.expect(d.await(long, Attempt{ID: "A"}), NoHook)
	})
	t.Run("nobody tells", func(t *testing.T) {
		d := newEndsDir(t)
		d.told = false
		d.expect(d.await(long, Attempt{ID: "A"}), NoHook)
	})
}

// TestLambdaForgetsToTell: after an end that nobody told of none is waited for, until Lambda has told of several.
func TestLambdaForgetsToTell(t *testing.T) {
	d := newEndsDir(t)
	d.expect(d.await(2*soon, Attempt{ID: "A"}), Expired)
	for lost, trust := range []int{firstTrust, 2 * firstTrust} {
		for n := range trust {
			id := fmt.Sprint("B", lost, n)
			d.expect(d.await(long, Attempt{ID: id}), NoHook)
			d.done(id)
		}
		id := fmt.Sprint("C", lost)
		got := d.await(long, Attempt{ID: id})
		d.stillWaits(got)
		d.done(id)
		d.expect(got, Ended)
		d.expect(d.await(2*soon, Attempt{ID: "D" + id}), Expired)
	}
}

// TestAnEndThatIsLost is waited for as long as invocations before it make likely, and not to the deadline.
func TestAnEndThatIsLost(t *testing.T) {
	const minutes = 15 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		d := newEndsDir(t)
		run := func(id string, takes time.Duration) (held time.Duration) {
			began := time.Now()
			got := d.await(minutes, Attempt{ID: id})
			if takes > 0 {
				time.Sleep(takes)
				d.done(id)
			}
			<-got
			return time.Since(began)
		}
		for _, step := range []struct {
			id          string
			takes, want time.Duration
		}{
			{"quick", 10 * time.Millisecond, 10 * time.Millisecond},
			{"lost", 0, leastPatience},
		} {
			if held := run(step.id, step.takes); held != step.want {
				t.Errorf("%s: held %s, want %s", step.id, held, step.want)
			}
		}
		for n := range firstTrust {
			run(fmt.Sprint("told", n), time.Millisecond)
		}
		if held := run("slow", time.Second-time.Millisecond); held != time.Second-time.Millisecond {
			t.Errorf("slow: held %s", held)
		}
		if held, want := run("lost again", 0), patienceTimes*(time.Second-time.Millisecond); held != want {
			t.Errorf("lost after a slow one: held %s, want %s", held, want)
		}
	})
}

// TestAnEndThatIsLate is not lost: the function has become slow.
func TestAnEndThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newEndsDir(t)
		for _, id := range []string{"A", "B", "C"} {
			got := d.await(15*time.Minute, Attempt{ID: id})
			if id == "A" {
				d.done(id)
			}
			if id == "C" {
				time.Sleep(2 * leastPatience)
				d.stillWaits(got)
				d.done(id)
			}
			<-got
			if id == "B" {
				d.done(id)
			}
		}
	})
}

package lifecycle

import (
	"testing"
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

// TestLambdaForgetsToTell: an end that nobody tells of is waited for once.
func TestLambdaForgetsToTell(t *testing.T) {
	d := newEndsDir(t)
	d.expect(d.await(2*soon, Attempt{ID: "A"}), Expired)
	d.expect(d.await(long, Attempt{ID: "B"}), NoHook)
	d.done("B")
	got := d.await(long, Attempt{ID: "C"})
	d.stillWaits(got)
	d.done("C")
	d.expect(got, Ended)
}

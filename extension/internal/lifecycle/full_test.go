package lifecycle

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// A collector is a Sender that a test can switch off.
type collector struct {
	down bool
	got  strings.Builder
}

func (c *collector) Send(_ context.Context, payload []byte) (export.Result, error) {
	if c.down {
		return export.Result{}, tryLater
	}
	c.got.Write(payload)
	return export.Result{}, nil
}

// TestAFullSpoolIsEmptiedOnceTheCollectorIsBack plays a hook that has room for five files: beyond them it opens none, so that nothing tells
// of its invocations any more.
func TestAFullSpoolIsEmptiedOnceTheCollectorIsBack(t *testing.T) {
	const room, outage, after = 5, 8, 3
	d := newSpoolDir(t)
	c := &collector{down: true}
	p := &Pipeline{Endings: d.Watch, Intake: intake.New(d.dir, time.Now().Add(-time.Minute)), Render: renderText, Sender: c, Margin: margin, Log: zerolog.Nop()}
	number := 1
	d.open("init.17.1.open", false)
	d.rename("init.17.1.open")
	invoke := func(id string) (written bool) {
		names, err := intake.Names(d.dir)
		if err != nil {
			t.Fatal(err)
		}
		if written = len(names) < room; written {
			number++
			name := fmt.Sprintf("%s.17.%d.open", id, number)
			d.open(name, false)
			d.rename(name)
		}
		p.Invoke(t.Context(), lambdaapi.Event{Type: lambdaapi.Invoke, RequestID: id, Deadline: time.Now().Add(timeout)})
		return written
	}
	full := 0
	for n := range outage {
		if n == 1 {
			p.policy = Policy{}.Failed(time.Now(), time.Hour) // as after many attempts: the spool fills up meanwhile
		}
		if !invoke(fmt.Sprintf("down%d", n)) {
			full++
		}
	}
	if full == 0 {
		t.Fatal("the spool never was full")
	}
	c.down = false
	p.policy = Policy{}.Failed(time.Now().Add(-time.Hour), 0) // the pause is over
	for n := range after {
		if written := invoke(fmt.Sprintf("up%d", n)); written != (n > 0) {
			t.Errorf("invocation %d with the collector back: the hook wrote: %v", n, written)
		}
	}
	if got := strings.Count(c.got.String(), ";"); got != outage-full+after-1 {
		t.Errorf("%d invocations arrived, %d did not fit: %s", got, full, c.got.String())
	}
}

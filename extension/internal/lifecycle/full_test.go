package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/intake"
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi"
)

// TestAFullSpoolIsEmptiedOnceTheCollectorIsBack plays a hook that has room for five files: beyond them it opens none, so that nothing tells
// of its invocations any more.
func TestAFullSpoolIsEmptiedOnceTheCollectorIsBack(t *testing.T) {
	const room, outage, after = 5, 8, 3
	d := newSpoolDir(t)
	s := newStand(t)
	p := s.Pipeline
	p.Endings, p.Intake = d.Watch, intake.New(d.dir, time.Now().Add(-time.Minute))
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
		s.notDue = n > 0 // the spool fills up meanwhile
		if !invoke(fmt.Sprintf("down%d", n)) {
			full++
		}
	}
	if full == 0 {
		t.Fatal("the spool never was full")
	}
	s.notDue = false
	for n := range after {
		if written := invoke(fmt.Sprintf("up%d", n)); written != (n > 0) {
			t.Errorf("invocation %d with the collector back: the hook wrote: %v", n, written)
		}
	}
	if got := strings.Count(strings.Join(s.sent, ""), ";"); got != outage-full+after-1 {
		t.Errorf("%d invocations arrived, %d did not fit: %q", got, full, s.sent)
	}
}

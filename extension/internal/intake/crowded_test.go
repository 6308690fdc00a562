package intake

import (
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// TestStartsOfOneInvocation are bounded: Lambda makes a few attempts, and whoever posts more of them would cost time for each pair.
func TestStartsOfOneInvocation(t *testing.T) {
	in := New(t.TempDir(), time.Time{})
	const posted = 32_000
	began := time.Unix(1_800_000_000, 0)
	for n := range posted {
		in.Observe(event.Fact{Kind: event.FactStart, ID: "A", Time: began.Add(time.Duration(n) * time.Second)})
	}
	if n := len(in.join.memory.byID["A"]); n > mostAttempts+MaxRecent {
		t.Errorf("%d attempts are remembered", n)
	}
	lost := int64(0)
	round := in.Collect(true)
	told := round.Lost
	for _, inv := range round.Invocations {
		told = append(told, inv.Lost...)
	}
	for _, l := range told {
		if l.Reason == LossTooManyTold {
			lost += l.Records
		}
	}
	if lost == 0 {
		t.Error("what was too much is not counted")
	}
}

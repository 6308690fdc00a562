package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// TestTheTimeOfTheEndIsOver: what was made until then is handed over, and what nobody got round to is said.
func TestTheTimeOfTheEndIsOver(t *testing.T) {
	const files = 100
	for name, test := range map[string]struct {
		each   time.Duration // to make an invocation ready
		reason string
		sent   int
		said   []string
	}{
		"after some invocations":  {50 * time.Millisecond, "spindown", 35, []string{`"invocations":65`, notAll + `"`}},
		"within an invocation":    {time.Minute, "spindown", 0, []string{`"unread bytes":`, notAll + `"`}},
		"of a life before others": {time.Minute, "timeout", 0, []string{`"unread bytes":`, "next life"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				s.Batch = 1 << 20
				s.Render = func(inv event.Invocation) []deliver.Batch {
					time.Sleep(test.each)
					return renderText(inv)
				}
				for n := range files {
					s.spool(fmt.Sprintf("R%d", n))
				}
				if took := s.shutdownFor(test.reason); took > 2*time.Second {
					t.Errorf("took %s", took)
				}
				said := s.log.String()
				for _, want := range test.said {
					if !strings.Contains(said, want) {
						t.Errorf("said %q, want %s", said, want)
					}
				}
				time.Sleep(3 * time.Hour) // for what still works
				if sent := strings.Count(strings.Join(s.sent, ""), ";"); sent != test.sent && test.each < time.Minute {
					t.Errorf("%d were sent, want %d", sent, test.sent)
				}
			})
		})
	}
}

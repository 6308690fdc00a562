package lifecycle

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// A sharedLog is written while it is read.
type sharedLog struct {
	mu sync.Mutex
	strings.Builder
}

func (l *sharedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(b)
}

func (l *sharedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.String()
}

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
				log := new(sharedLog)
				s.Log = zerolog.New(log)
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
				said := log.String()
				for _, want := range test.said {
					if !strings.Contains(said, want) {
						t.Errorf("said %q, want %s", said, want)
					}
				}
				if s.working != nil {
					<-s.working // what was begun
				}
				if sent := strings.Count(strings.Join(s.sent, ""), ";"); sent != test.sent && test.each < time.Minute {
					t.Errorf("%d were sent, want %d", sent, test.sent)
				}
			})
		})
	}
}

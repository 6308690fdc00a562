package span

import (
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
)

// TestTimeoutIsToldAsConfigured: after a reset the handler has less than the function's timeout, which is what people know.
func TestTimeoutIsToldAsConfigured(t *testing.T) {
	set := func(phase string) *event.Init { return &event.Init{Phase: phase, Duration: 400 * time.Millisecond} }
	tests := []struct {
		name string
		took time.Duration
		p    event.Platform
		want string
	}{
		{"nothing is known", 0, event.Platform{}, "timed out"},
		{"the span's own", 2 * time.Second, event.Platform{}, "timed out after 2s"},
		{"with the set-up within the invocation", 1600 * time.Millisecond, event.Platform{Init: set("invoke")}, "timed out after 2s"},
		{"with the set-up before the invocation", 2 * time.Second, event.Platform{Init: set("init")}, "timed out after 2s"},
		{"as the report has it", 1600 * time.Millisecond, event.Platform{Init: set("invoke"), Report: &event.Report{Duration: 2 * time.Second}}, "timed out after 2s"},
		{"of the report alone", 0, event.Platform{Report: &event.Report{Duration: 2 * time.Second}}, "timed out after 2s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := mask.New(mask.Options{}).Apply(event.Invocation{Duration: test.took, Platform: test.p, Outcome: event.OutcomeTimeout, Open: true})
			if got := invocationFault(inv).message; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

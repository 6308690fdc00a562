package deliver

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
)

// TestDoubtSurvivesAReset: what was sent and not heard of is sent again by the next process, since it may not have arrived, and by itself, since it may have: what goes with it would
// arrive twice as well, if that one's answer is not heard either.
func TestDoubtSurvivesAReset(t *testing.T) {
	for name, test := range map[string]struct {
		then func(s *stand, f *fake) // before the reset
		want string                  // requests of the next process
	}{
		"nobody has heard":                {func(*stand, *fake) {}, "a, b c"},
		"the second time neither":         {func(s *stand, _ *fake) { s.flush(false) }, "a, b c"},
		"then it was refused for a while": {func(s *stand, f *fake) { f.answer = down; s.flush(false) }, "a b c"},
		"then nobody was there":           {func(s *stand, f *fake) { f.answer = nobody; s.flush(false) }, "a b c"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{answer: hangs}
				s := newStand(t, nil, one(f))
				s.invoke("a")
				s.invoke("b") // is not sent: there is a pause
				time.Sleep(5 * time.Minute)
				test.then(s, f)
				s.reset()
				var sent []string
				f.answer = func(_ context.Context, _ int, _ string, payload []byte) (export.Result, error) {
					sent = append(sent, strings.Join(names(payload), " "))
					return export.Result{}, nil
				}
				s.invoke("c")
				if got := strings.Join(sent, ", "); got != test.want {
					t.Errorf("sent %q, want %q", got, test.want)
				}
				s.wantFiles(0)
				s.wantLost("")
			})
		})
	}
}

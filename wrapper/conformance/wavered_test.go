package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// toldAgain is how often a story is told once more that went wrong. Each of them must go well.
const toldAgain = 2

// patiently tells a story with Afterglow and compares. What then seems wrong is told again, from the beginning and without anything that the first telling left: a function on a
// machine that has no time for it may also answer otherwise alone. A hook that changes something is found out all the same, but for one that does so in fewer than half of the
// runs; therefore what wavers is told too, at the end of make test.
func (w *world) patiently(outer, t *testing.T, s story, library, fault string, plain telling) []string {
	t.Helper()
	first := w.against(outer, t, s, library, plain)
	if len(first) == 0 || fault != "" || w.once || t.Failed() {
		return first
	}
	for range toldAgain {
		w.shared = map[bool]*environment{}
		w.peer.take(false)
		plain := w.tell(t, w.environment(outer, t, s, library, false), s, library)
		if plain.not != "" {
			return append(first, "without Afterglow the actor can tell it no more: "+plain.not)
		}
		if problems := w.against(outer, t, s, library, plain); len(problems) != 0 {
			return problems
		}
	}
	w.wavered(t, first)
	return nil
}

// wavered writes down what went wrong once and well twice.
func (w *world) wavered(t *testing.T, problems []string) {
	t.Helper()
	t.Logf("WAVERED: %s", strings.Join(problems, "\n"))
	if err := os.MkdirAll(filepath.Dir(w.wavers), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(w.wavers, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s\n%s\n", t.Name(), strings.Join(problems, "\n")); err != nil {
		t.Fatal(err)
	}
}

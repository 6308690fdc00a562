package conformance

import (
	"flag"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// TestStories tells every story on every runtime that it is for.
func TestStories(t *testing.T) {
	all := stories(t)
	heedInterrupts(t)
	for _, a := range actors() {
		for i, version := range a.versions {
			t.Run(version, func(t *testing.T) {
				t.Parallel() // as many at once as there are cores: a function has a whole one
				w := newWorld(t, a, find(t, version))
				for _, s := range all {
					if !s.isFor(a.language) || i > 0 && !s.Versions {
						continue
					}
					for _, library := range s.librariesOf(a, i == 0) {
						t.Run(testName(s, library), func(inner *testing.T) {
							judge(inner, s.fault(a.language, version, library), w.story(t, inner, s, library))
						})
					}
				}
			})
		}
	}
}

// heedInterrupts has functions begin with SIGINT as Lambda's do. What a script starts in the background has it ignored, and so have its children, unless it
// is caught: a runtime that is to end by it would be waited for.
func heedInterrupts(t *testing.T) {
	t.Helper()
	if signal.Ignored(os.Interrupt) {
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, os.Interrupt)
		t.Cleanup(func() { signal.Stop(caught) })
	}
}

// judge fails a test for what is wrong, or, where the story knows of a fault of the hook's, for there being nothing wrong any more.
func judge(t *testing.T, fault string, problems []string) {
	t.Helper()
	if fault != "" && len(problems) == 0 && !t.Failed() {
		t.Errorf("the hook passes: take out of the story what it is said to do wrong (%s)", fault)
	}
	for _, problem := range problems {
		if fault == "" {
			t.Error(problem)
		} else {
			t.Logf("known: %s\n%s", fault, problem)
		}
	}
}

// librariesOf gives the libraries that an actor tells a story with. An empty one stands for none in particular.
func (s story) librariesOf(a actor, first bool) []string {
	has := a.libraries
	if first {
		has = slices.Concat(a.libraries, a.installed)
	}
	switch {
	case len(s.Libraries) == 0:
		return []string{""}
	case s.Libraries[0] == "all":
		return has
	}
	var found []string
	for _, l := range s.Libraries {
		if slices.Contains(has, l) {
			found = append(found, l)
		}
	}
	return found
}

func testName(s story, library string) string {
	if library == "" {
		return s.name
	}
	return s.name + "/" + library
}

// story tells one story, without Afterglow and with it, and gives what is wrong.
func (w *world) story(outer, t *testing.T, s story, library string) []string {
	t.Helper()
	plain := w.tell(t, w.environment(outer, t, s, library, false), s, library)
	w.untold(t, testName(s, library), plain.not)
	if plain.not != "" {
		t.Skipf("not applicable: %s", plain.not)
	}
	if s.Break != "" {
		return w.broken(outer, t, s, plain)
	}
	return w.patiently(outer, t, s, library, s.fault(w.actor.language, w.rt.Name, library), plain)
}

// against tells a story with Afterglow and compares.
func (w *world) against(outer, t *testing.T, s story, library string, plain telling) []string {
	t.Helper()
	hooked := w.tell(t, w.environment(outer, t, s, library, true), s, library)
	if hooked.not != "" {
		return []string{"with Afterglow the actor cannot tell it: " + hooked.not}
	}
	if *show {
		hooked.show(t, plain)
	}
	return slices.Concat(compare(t, w.actor.language, s, plain, hooked), w.checkSpool(s, library, hooked))
}

var show = flag.Bool("show", false, "log what became of each invocation, and what the spool holds of it")

// show is for whoever writes a story.
func (tale telling) show(t *testing.T, plain telling) {
	t.Helper()
	for i, o := range plain.outcomes {
		t.Logf("%s %s %.500s\n%+.1000v", o.Error, o.ErrorType, o.Payload, o.Lines)
		for _, c := range o.Received.Connections {
			t.Logf("%.1000q", c)
		}
		recorded, _ := calls(of(tale.spooled, tale.ids[i]))
		t.Logf("calls: %q", recorded)
	}
	for _, id := range []string{spool.InvocationInit, spool.InvocationNone} {
		recorded, _ := calls(of(tale.spooled, id))
		t.Logf("calls of %s: %q", id, recorded)
	}
}

// matches tells whether there are lines and all of them match.
func matches(pattern string, lines []string) bool {
	expression := regexp.MustCompile(pattern)
	return len(lines) > 0 && !slices.ContainsFunc(lines, func(l string) bool { return !expression.MatchString(l) })
}

package conformance

import (
	"regexp"
	"slices"
	"testing"
)

// TestStories tells every story on every runtime that it is for.
func TestStories(t *testing.T) {
	all := stories(t)
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
							for _, problem := range w.story(t, inner, s, library) {
								inner.Error(problem)
							}
						})
					}
				}
			})
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

// story tells one story twice, and gives what is wrong with it.
func (w *world) story(outer, t *testing.T, s story, library string) []string {
	t.Helper()
	plain := w.tell(t, w.environment(outer, t, s, library, false), s, library)
	if plain.not != "" {
		t.Skipf("not applicable: %s", plain.not)
	}
	hooked := w.tell(t, w.environment(outer, t, s, library, true), s, library)
	if hooked.not != "" {
		return []string{"with Afterglow the actor cannot tell it: " + hooked.not}
	}
	return slices.Concat(compare(t, w.actor.language, s, plain, hooked), w.checkSpool(s, library, hooked))
}

// matches tells whether there are lines and all of them match.
func matches(pattern string, lines []string) bool {
	expression := regexp.MustCompile(pattern)
	return len(lines) > 0 && !slices.ContainsFunc(lines, func(l string) bool { return !expression.MatchString(l) })
}

package conformance

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

// actors are the languages that stories are told in. One more is one file and one line here.
func actors() []actor {
	return []actor{python(), node(), java(), golang(), dotnet(), ruby()}
}

// An actor is the function that carries out stories in one language, and what has to be known of it.
type actor struct {
	language  string            // as stories call it, and the folder below actors
	versions  []string          // names of runtimes; the first one tells all stories, the others those for all versions
	handlers  map[string]string // _HANDLER for each style that stories may ask for; "" is the ordinary one
	libraries []string          // that it sends requests with, of those that the language has; the first one unless a story says otherwise
	installed []string          // more of them, which the layers have; on the first version only
	pending   []string          // those among them that the hook does not see yet: what it records of them is not looked at

	// build makes /var/task out of a folder with source code: the actor's, or a story's. It may be the folder itself.
	build func(t *testing.T, rt runtimes.Runtime, source string, hooked bool) string
	// compiledIn says that the hook is in what build makes. Elsewhere one build serves both runs.
	compiledIn bool
	// layers gives folders that the function has as layers in both runs: a set of libraries. "libraries" is that with those that are installed; stories ask
	// for others. nil if there are none.
	layers func(t *testing.T, rt runtimes.Runtime, set string) []string
	// hook is what makes the run with Afterglow one, beside the layer and its exec wrapper. nil for nothing.
	hook func(env map[string]string)
	// noise matches what differs from run to run with nothing changed: in lines of the log and in payloads.
	noise []*regexp.Regexp
	// blind says that the hook sees no invocations, only calls.
	blind bool
	// asleep are files of the hook that a small event and the first library do not load: in which way they are broken is one to stories.
	asleep []string
	// headersOnly says that the hook sees answers until their headers, neither their bodies nor whether they were read to the end.
	headersOnly bool
}

// find gives a runtime. On a machine that cannot have it the test is skipped, but not where tests have to be complete.
func find(t *testing.T, name string) runtimes.Runtime {
	t.Helper()
	rt, err := runtimes.Find(t.Context(), name, runtimes.Options{Progress: os.Stderr})
	switch {
	case err == nil:
		return rt
	case errors.Is(err, runtimes.ErrMissing) && os.Getenv("CI") != "true":
		t.Skipf("NOT TESTED on %s: %v", name, err)
	default:
		t.Fatal(err)
	}
	return rt
}

// asItIs builds nothing: the source is the code.
func asItIs(_ *testing.T, _ runtimes.Runtime, source string, _ bool) string { return source }

// absolute gives a path below the folder of this package.
func absolute(t *testing.T, elements ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

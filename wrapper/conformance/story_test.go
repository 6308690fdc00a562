package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// A story is one file of stories/: a JSON object, and behind it files. README.md describes both.
type story struct {
	name string

	Title string // what happens, in one line
	Why   string // where the story comes from: an incident, a rule's source

	Runtimes []string // the languages that it is for; none: all, or those that there is code for
	Versions bool     // told on every version of the language, not only on the first one
	// Libraries is "" for the actor's first one, "all" for one telling with each of them, or names of such as should tell it.
	Libraries names
	Handler   string // the style of the handler; "" is the ordinary one

	// Own gives the story environments of its own. It has them anyway where what follows changes anything of the function.
	Own         bool
	Packages    string            // a set of libraries that the function brings along, as actors know them
	Env         map[string]string // of the function, in both runs
	HookedEnv   map[string]string // of the function with Afterglow only: settings of the hook
	Init        []json.RawMessage // steps that the actor takes while it is loaded
	MemoryMB    int
	TempMB      int
	TimeoutMS   int
	LogFormat   string
	InitType    string
	Concurrency int // of managed instances: so many invocations at once

	invocation               // the only one of a story with one
	Invocations []invocation // of a story with several

	// Together sends all invocations at once, as managed instances take them. What is told of each in the log and on the wire is then told of all.
	Together bool
	// Wrapper is the exec wrapper of somebody else, in a layer of the function's own: what AWS_LAMBDA_EXEC_WRAPPER names without Afterglow.
	Wrapper string
	// Break has the story told once for each file of the language's hook, with that file broken: "unreadable", "missing", "empty", "cut" or "garbled".
	Break string

	InitCalls    *[]string           // calls that the spool holds of what was done before the first event
	UnownedCalls map[string][]string // by language: calls of child processes, which cannot know whose they are

	Unordered bool         // requests may arrive in any order: the function sends them at once
	Differs   []difference // what may differ between the runs
	Says      string       // what lines of Afterglow's own say, as an expression; "" if there must be none
	MaySay    string       // what they say if there are any

	// Faults are hooks that do not pass yet, by language, version or language and library, each with what it does wrong. A hook that passes must not be here.
	Faults map[string]string

	files map[string][]byte
}

// names is a list of names, or one.
type names []string

func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = names{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(n)) //nolint:wrapcheck // told with the story's name
}

// An invocation is one event of a story, and what the spool must hold of it.
type invocation struct {
	Steps  []json.RawMessage // what the actor does
	Pad    int               // so many characters are added to the event
	Event  json.RawMessage   // the event itself, instead of steps
	Stream bool              // the caller takes the response as it is written
	// Sabotage is done to the environment with Afterglow before the event comes.
	Sabotage []sabotage

	// Calls that the spool holds of this invocation, whoever made them and when; absent: not looked at. CallsOn has those of single languages,
	// versions or libraries that see something else.
	Calls   *[]string
	CallsOn map[string][]string
	// End is how the spool tells the end: "ok", "error", "none"; "any" where that is a matter of chance. "" stands for what the answer was.
	End    string
	Status int // of a proxy response
}

// A difference is something that may differ between the two runs, taken out of both.
type difference struct {
	In      string   // payload, stdout, stderr, frames, all four as "answer and log", or requests
	Pattern string   // an expression; what it matches is not compared
	On      []string // languages; none: all
	Because string
}

// told gives the invocations of a story.
func (s story) told() []invocation {
	if len(s.Invocations) > 0 {
		return s.Invocations
	}
	return []invocation{s.invocation}
}

// fault gives what the hook does wrong yet with this story; "" if nothing.
func (s story) fault(language, version, library string) string {
	for _, key := range keys(language, version, library) {
		if what := s.Faults[key]; what != "" {
			return what
		}
	}
	return ""
}

// keys are the names that single out languages, versions and libraries, the most special first.
func keys(language, version, library string) []string {
	return []string{version + " " + library, language + " " + library, version, language}
}

// alone tells whether the story's function is another one than the shared actor, or ends with it.
func (s story) alone() bool {
	sabotaged := slices.ContainsFunc(s.told(), func(i invocation) bool { return len(i.Sabotage) > 0 })
	return s.Own || sabotaged || len(s.files) > 0 || len(s.Env) > 0 || len(s.HookedEnv) > 0 || len(s.Init) > 0 || s.MemoryMB > 0 || s.TempMB > 0 ||
		s.TimeoutMS > 0 || s.LogFormat != "" || s.InitType != "" || s.Concurrency > 0 || s.Wrapper != "" || s.Packages != ""
}

// code gives the files that are the function's own code in a language, and says whether there are any.
func (s story) code(language string) (map[string][]byte, bool) {
	return s.below(language + "/")
}

// layer gives the files of a layer of the function's own.
func (s story) layer() (map[string][]byte, bool) { return s.below("layer/") }

func (s story) below(prefix string) (map[string][]byte, bool) {
	found := map[string][]byte{}
	for name, data := range s.files {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			found[rest] = data
		}
	}
	return found, len(found) > 0
}

// isFor tells whether a story is for a language.
func (s story) isFor(language string) bool {
	if len(s.Runtimes) > 0 {
		return slices.Contains(s.Runtimes, language)
	}
	if _, ok := s.code(language); ok {
		return true
	}
	for name := range s.files {
		if !strings.HasPrefix(name, "layer/") {
			return false // it has code, and none for this one
		}
	}
	return true
}

// stories reads them all, sorted by name.
func stories(t *testing.T) []story {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("stories", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	var all []story
	for _, file := range files {
		s, err := readStory(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func readStory(file string) (story, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return story{}, fmt.Errorf("read story: %w", err)
	}
	return parseStory(strings.TrimSuffix(filepath.Base(file), ".txtar"), data)
}

func parseStory(name string, data []byte) (story, error) {
	archive := txtar.Parse(data)
	s := story{name: name, files: map[string][]byte{}}
	decoder := json.NewDecoder(bytes.NewReader(archive.Comment))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return story{}, fmt.Errorf("read story %s: %w", name, err)
	}
	for _, f := range archive.Files {
		s.files[f.Name] = f.Data
	}
	if s.Title == "" {
		return story{}, fmt.Errorf("read story %s: it has no title", name)
	}
	for _, d := range s.Differs {
		if _, err := regexp.Compile(d.Pattern); err != nil || d.Because == "" {
			return story{}, fmt.Errorf("read story %s: what differs needs an expression and a reason: %w", name, err)
		}
	}
	if len(s.Invocations) > 0 && len(s.Steps) > 0 {
		return story{}, fmt.Errorf("read story %s: it has both steps and invocations", name)
	}
	return s, nil
}

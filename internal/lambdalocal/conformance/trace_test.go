package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// record is what an actor wrote down.
type record struct {
	Actor string
	Pid   int
	Line  string
}

// readTrace reads the file that all actors of a run have written.
func readTrace(t *testing.T, path string) []record {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // no actor may have come to start
		t.Fatal(err)
	}
	var records []record
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("trace has %q: %v", lines.Text(), err)
		}
		r.Line = strings.TrimRight(normal(r.Line), " ")
		records = append(records, r)
	}
	return records
}

// What differs from run to run.
var (
	uuidForm     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	deadlineForm = regexp.MustCompile(`("deadlineMs\\*":|Deadline-Ms: )1[0-9]{12}\b`)
	numberForm   = regexp.MustCompile(`[0-9]+(\.[0-9]+)? (ms|MB)`)
)

func normal(line string) string {
	line = uuidForm.ReplaceAllString(line, "<uuid>")
	line = deadlineForm.ReplaceAllString(line, "${1}<ms>")
	return numberForm.ReplaceAllString(line, "<n> ${2}")
}

// transcripts are the lines of each actor, process after process; a process that did the same as the one
// before it is left out.
func transcripts(records []record) map[string][]string {
	type process struct {
		actor string
		pid   int
	}
	var order []process
	lines := map[process][]string{}
	for _, r := range records {
		p := process{r.Actor, r.Pid}
		if _, ok := lines[p]; !ok {
			order, lines[p] = append(order, p), []string{}
		}
		if r.Line != "start" && !strings.HasPrefix(r.Line, "mark ") {
			lines[p] = append(lines[p], r.Line)
		}
	}
	out, last := map[string][]string{}, map[string][]string{}
	for _, p := range order {
		if before, ok := last[p.actor]; ok && slices.Equal(before, lines[p]) {
			continue
		}
		out[p.actor], last[p.actor] = append(out[p.actor], lines[p]...), lines[p]
	}
	return out
}

// parseWant reads the "actor: line" lines of a rule. An actor with an empty line is to have said nothing.
func parseWant(want string) map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(want) {
		actor, text, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if out[actor] == nil {
			out[actor] = []string{}
		}
		if text = strings.TrimSpace(text); text != "" {
			out[actor] = append(out[actor], text)
		}
	}
	return out
}

// compare tells how a run differs from what a rule wants.
func compare(want map[string][]string, records []record) error {
	got := transcripts(records)
	var errs []error
	for actor, lines := range want {
		if !slices.Equal(lines, got[actor]) {
			errs = append(errs, fmt.Errorf("%s:\n got  %s\n want %s", actor,
				strings.Join(got[actor], "\n      "), strings.Join(lines, "\n      ")))
		}
	}
	return errors.Join(errs...)
}

// inOrder checks a rule's "actor: line < actor: line".
func inOrder(rule string, records []record) error {
	before, after, ok := strings.Cut(rule, " < ")
	if !ok {
		return fmt.Errorf("order %q has no <", rule)
	}
	first, second := find(records, before), find(records, after)
	if first < 0 || second < 0 || first > second {
		return fmt.Errorf("order %q: found at %d and %d", rule, first, second)
	}
	return nil
}

// find is where "actor: line" comes first; the line may be only its beginning.
func find(records []record, what string) int {
	actor, text, _ := strings.Cut(what, ": ")
	return slices.IndexFunc(records, func(r record) bool {
		return r.Actor == actor && strings.HasPrefix(r.Line, text)
	})
}

func TestTranscripts(t *testing.T) {
	records := []record{{"a", 1, "start"}, {"a", 1, "x"}, {"b", 2, "y"}, {"a", 3, "start"}, {"a", 3, "x"}, {"a", 4, "z"}}
	if err := compare(parseWant("a: x\n a: z\n b: y"), records); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"a: x", "a: z\n a: x", "b:", "c: x"} {
		if compare(parseWant(wrong), records) == nil {
			t.Errorf("%q is taken for the same", wrong)
		}
	}
	if inOrder("a: x < b: y", records) != nil || inOrder("b: y < a: x", records) == nil || inOrder("a: x < c: y", records) == nil {
		t.Error("order is not seen")
	}
	if got := normal(`{"deadlineMs":1793000000000} 7aa4f0d4-98c8-4f52-a0a1-6c3a3c5c6a2b 12.50 ms`); got != `{"deadlineMs":<ms>} <uuid> <n> ms` {
		t.Errorf("normal gives %s", got)
	}
}

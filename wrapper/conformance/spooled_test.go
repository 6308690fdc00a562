package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// A spooled is one file that the hook left.
type spooled struct {
	name    spool.Name
	records []spool.Record
}

// readSpool reads what a run left in its spool, in the order in which files were begun, and takes away what is done, as the extension does. A byte that
// is not as FORMAT.md has it fails the test.
func readSpool(t *testing.T, e *environment) []spooled {
	t.Helper()
	dir := filepath.Join(e.TempDir(), "afterglow")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // a story that has no spool says so itself: its calls are missing
	}
	var found []spooled
	for _, entry := range entries {
		name, ok := spool.ParseName(entry.Name())
		if !ok {
			t.Errorf("%s is no name of the spool", entry.Name())
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if info, err := entry.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", name, info.Mode(), err)
		}
		found = append(found, spooled{name, readFile(t, path)})
		if name == name.Done() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.SortFunc(found, func(a, b spooled) int {
		if a.name.PID != b.name.PID {
			return a.name.PID - b.name.PID
		}
		return a.name.Number - b.name.Number
	})
	return found
}

func readFile(t *testing.T, path string) []spool.Record {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var records []spool.Record
	summary, err := spool.Read(data, func(r spool.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil || summary.Torn+summary.Corrupt+summary.Unknown > 0 || summary.TailStart != int64(len(data)) {
		t.Errorf("%s: %v, %+v of %d bytes", filepath.Base(path), err, summary, len(data))
	}
	for i, r := range records {
		if (i == 0) != (r.Kind == spool.KindProcess) {
			t.Errorf("%s: record %d is %s", filepath.Base(path), i, r.Kind)
		}
	}
	return records
}

// of gives the records of an invocation, whatever files they are in.
func of(files []spooled, id string) []spool.Record {
	var found []spool.Record
	for _, f := range files {
		for _, r := range f.records {
			if r.Invocation == id && r.Kind != spool.KindProcess {
				found = append(found, r)
			}
		}
	}
	return found
}

// checkSpool holds what the spool has against what happened and what the story says.
func (w *world) checkSpool(t *testing.T, s story, library string, tale telling) {
	t.Helper()
	for i, in := range s.told() {
		records := of(tale.spooled, tale.ids[i])
		if want, ok := in.callsFor(w.actor.language, w.rt.Name, library); ok {
			if got := calls(t, records); !slices.Equal(got, want) {
				t.Errorf("calls of invocation %d in the spool:\n\t%s\nwant:\n\t%s", i+1, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
		}
		if !w.actor.blind {
			checkEnds(t, in, records, tale, i)
		}
	}
	if s.Says == "" && len(tale.said) > 0 {
		t.Errorf("the hook said %q", tale.said)
	}
	if s.Says != "" && !matches(s.Says, tale.said) {
		t.Errorf("the hook said %q, want %s", tale.said, s.Says)
	}
}

// callsFor gives the calls that the spool is to have, for a language, a version or a library.
func (in invocation) callsFor(language, version, library string) ([]string, bool) {
	for _, key := range []string{language + " " + library, version, language} {
		if calls, ok := in.CallsOn[key]; ok {
			return calls, true
		}
	}
	if in.Calls == nil {
		return nil, false
	}
	return *in.Calls, true
}

// checkEnds looks at what the spool says of the beginning and the end of an invocation.
func checkEnds(t *testing.T, in invocation, records []spool.Record, tale telling, i int) {
	t.Helper()
	starts, ends := kind(records, spool.KindInvocationStart), kind(records, spool.KindInvocationEnd)
	end := in.expectedEnd(tale.outcomes[i])
	if end == "any" {
		return
	}
	if len(starts) != 1 {
		t.Errorf("invocation %d has %d starts", i+1, len(starts))
	} else if part, _, ok := starts[0].Part(spool.PartEvent); !ok || part.Size != nil && *part.Size != int64(len(tale.events[i])) {
		t.Errorf("event %d of %d bytes is %+v", i+1, len(tale.events[i]), part)
	}
	if len(ends) > 1 || (end == "none") != (len(ends) == 0) {
		t.Errorf("invocation %d has %d ends, want it to be %s", i+1, len(ends), end)
		return
	}
	if len(ends) == 0 {
		return
	}
	if failed := ends[0].Error != nil; failed != (end == "error") {
		t.Errorf("invocation %d ended with %+v, want %s", i+1, ends[0].Error, end)
	} else if want := tale.outcomes[i].ErrorType; failed && !strings.HasPrefix(want, "Runtime.") && ends[0].Error.Type != want {
		t.Errorf("invocation %d ended with %s, its caller was told %s", i+1, ends[0].Error.Type, want)
	}
	if in.Status != 0 && ends[0].Status != in.Status {
		t.Errorf("invocation %d has status %d, want %d", i+1, ends[0].Status, in.Status)
	}
}

// expectedEnd is what the spool has to say of an invocation's end. One whose process ended need not have been seen to.
func (in invocation) expectedEnd(o outcome) string {
	switch {
	case in.End != "":
		return in.End
	case o.Error == "":
		return "ok"
	case strings.HasPrefix(o.ErrorType, "Runtime.") || strings.HasPrefix(o.ErrorType, "Sandbox."):
		return "any"
	default:
		return "error"
	}
}

func kind(records []spool.Record, kinds ...string) []spool.Record {
	var found []spool.Record
	for _, r := range records {
		if slices.Contains(kinds, r.Kind) {
			found = append(found, r)
		}
	}
	return found
}

// calls tells the calls among records, a line each, in the order in which they ended; those that did not come last:
//
//	POST /echo 200 request 7 response 32768 of 100000 partial error
func calls(t *testing.T, records []spool.Record) []string {
	t.Helper()
	out, open := []string{}, map[string]spool.Record{}
	for _, r := range kind(records, spool.KindCallStart, spool.KindCallEnd) {
		start, begun := open[r.Call]
		switch {
		case r.Kind == spool.KindCallStart && (begun || r.Call == ""):
			t.Errorf("call %q started twice", r.Call)
		case r.Kind == spool.KindCallStart:
			open[r.Call] = r
		case !begun:
			t.Errorf("call %q ended and did not start", r.Call)
		default:
			delete(open, r.Call)
			out = append(out, line(start, &r))
		}
	}
	var left []string
	for _, r := range open {
		left = append(left, line(r, nil))
	}
	slices.Sort(left)
	return append(out, left...)
}

func line(start spool.Record, end *spool.Record) string {
	_, path, _ := strings.Cut(start.URL, "://")
	if at := strings.IndexByte(path, '/'); at >= 0 {
		path, _, _ = strings.Cut(path[at:], "?")
	}
	s := start.Method + " " + path
	request := piece(start, spool.PartRequest)
	if end == nil {
		return s + request + " open"
	}
	if request == "" {
		request = piece(*end, spool.PartRequest)
	}
	if end.Status > 0 {
		s += fmt.Sprint(" ", end.Status)
	}
	s += request
	switch response := piece(*end, spool.PartResponse); {
	case !end.Partial:
		s += response
	default:
		s += " partial" // how much of it came is a matter of chance
	}
	if end.Error != nil {
		s += " error"
	}
	return s
}

// piece tells how much there was of a part, and how much is kept of it.
func piece(r spool.Record, of string) string {
	p, _, ok := r.Part(of)
	switch {
	case !ok:
		return ""
	case p.Size == nil:
		return fmt.Sprintf(" %s %d of ?", of, p.Len)
	case p.Truncated:
		return fmt.Sprintf(" %s %d of %d", of, p.Len, *p.Size)
	default:
		return fmt.Sprintf(" %s %d", of, *p.Size)
	}
}

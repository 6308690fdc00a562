package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/spool"
)

// A spooled is one file that the hook left.
type spooled struct {
	name    spool.Name
	records []spool.Record
}

// readSpool reads what a run left in its spool, in the order in which files were begun, and takes away what is done, as the extension does. It also gives
// every byte that is not as FORMAT.md has it.
func readSpool(t *testing.T, e *environment) (found []spooled, wrong []string) {
	t.Helper()
	dir := filepath.Join(e.TempDir(), "afterglow")
	var files map[spool.Name][]byte
	for again := true; again; { // a file may be renamed meanwhile where nothing is frozen
		files, wrong, again = listSpool(t, dir)
	}
	for name, data := range files {
		records, torn := readFile(name.String(), data)
		found, wrong = append(found, spooled{name, records}), append(wrong, torn...)
		if name == name.Done() {
			if err := os.Remove(filepath.Join(dir, name.String())); err != nil {
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
	return found, wrong
}

// listSpool gives the files of a spool, or says that they have changed while it looked.
func listSpool(t *testing.T, dir string) (files map[spool.Name][]byte, wrong []string, changed bool) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, false // a story that has no spool says so itself: its calls are missing
	}
	files = map[spool.Name][]byte{}
	for _, entry := range entries {
		name, ok := spool.ParseName(entry.Name())
		if !ok {
			wrong = append(wrong, entry.Name()+" is no name of the spool")
			continue
		}
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, true
		}
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			wrong = append(wrong, fmt.Sprintf("%s has mode %v, want 0600", name, info.Mode()))
		}
		if files[name], err = os.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, true
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return files, wrong, false
}

// awaitDone waits until every invocation's file is done, where nothing is frozen and the hook may still be about to say so.
func awaitDone(t *testing.T, e *environment, ids []string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		files, _, _ := listSpool(t, filepath.Join(e.TempDir(), "afterglow"))
		done := map[string]bool{}
		for name := range files {
			done[name.Invocation] = done[name.Invocation] || name == name.Done()
		}
		if !slices.ContainsFunc(ids, func(id string) bool { return !done[id] }) {
			return
		}
	}
	t.Errorf("the spool does not have a done file for each of %q", ids)
}

func readFile(name string, data []byte) (records []spool.Record, wrong []string) {
	summary, err := spool.Read(data, func(r spool.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil || summary.Torn+summary.Corrupt+summary.Unknown > 0 || summary.TailStart != int64(len(data)) {
		wrong = append(wrong, fmt.Sprintf("%s: %v, %+v of %d bytes", name, err, summary, len(data)))
	}
	for i, r := range records {
		if (i == 0) != (r.Kind == spool.KindProcess) {
			wrong = append(wrong, fmt.Sprintf("%s: record %d is %s", name, i, r.Kind))
		}
	}
	return records, wrong
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

func kind(records []spool.Record, kinds ...string) []spool.Record {
	var found []spool.Record
	for _, r := range records {
		if slices.Contains(kinds, r.Kind) {
			found = append(found, r)
		}
	}
	return found
}

// calls tells the calls among records, a line each, in the order in which they ended; those that did not come last. It also gives what is odd about them.
//
//	POST /echo 200 request 7 response 32768 of 100000 partial error propagated
func calls(records []spool.Record) (out, odd []string) {
	out, open := []string{}, map[string]spool.Record{}
	for _, r := range kind(records, spool.KindCallStart, spool.KindCallEnd) {
		start, begun := open[r.Call]
		switch {
		case r.Kind == spool.KindCallStart && (begun || r.Call == ""):
			odd = append(odd, fmt.Sprintf("call %q started twice", r.Call))
		case r.Kind == spool.KindCallStart:
			open[r.Call] = r
		case !begun:
			odd = append(odd, fmt.Sprintf("call %q ended and did not start", r.Call))
		default:
			delete(open, r.Call)
			if start.Method == "" && r.Error == nil && !r.Partial { // FORMAT.md: a connection that was made
				continue
			}
			text, wrong := line(start, &r), notPropagated(start, r)
			if wrong == "" && start.Span+r.Span != "" {
				text += " propagated"
			}
			if wrong != "" {
				odd = append(odd, text+": "+wrong)
			}
			out = append(out, text)
		}
	}
	var left []string
	for _, r := range open {
		left = append(left, line(r, nil))
	}
	slices.Sort(left)
	return append(out, left...), odd
}

// requestLine is where a request begins.
var requestLine = regexp.MustCompile(`(?m)^[A-Z]+ \S+ HTTP/1\.1\r$`)

func line(start spool.Record, end *spool.Record) string {
	target, _, _ := strings.Cut(path(start.URL), "?")
	s := start.Method + " " + target
	if start.Method == "" {
		s = "connection"
	}
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
	case !ok || p.Size != nil && *p.Size == 0: // hooks may write that there was none
		return ""
	case p.Size == nil:
		return fmt.Sprintf(" %s %d of ?", of, p.Len)
	case p.Truncated:
		return fmt.Sprintf(" %s %d of %d", of, p.Len, *p.Size)
	default:
		return fmt.Sprintf(" %s %d", of, *p.Size)
	}
}

// notPropagated tells what is wrong with the span that a request is said to name, if it is said: exactly one of the headers names it. That the headers arrived
// is looked at elsewhere.
func notPropagated(start, end spool.Record) string {
	span, headers := start.Span+end.Span, start.Headers
	if span == "" {
		return ""
	}
	if sent := end.SentHeaders(); len(sent) > 0 {
		headers = sent
	}
	var parents []string
	for _, h := range headers {
		if strings.EqualFold(h[0], "traceparent") {
			parents = append(parents, h[1])
		}
	}
	if len(parents) != 1 || !traceparent.MatchString(parents[0]) || !strings.HasSuffix(parents[0], "-"+span+"-01") {
		return fmt.Sprintf("traceparent %q, and span %q", parents, span)
	}
	return ""
}

// traceparent is one with the trace of the local Lambda's header.
var traceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`)

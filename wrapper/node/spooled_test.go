package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/spool"
)

// spooled reads what a run left in its spool, in the order in which it was written, and fails the test if a byte of it is not
// as FORMAT.md has it.
func spooled(t *testing.T, dir string) []spool.Record {
	t.Helper()
	records, torn := readSpool(t, dir)
	if torn > 0 {
		t.Errorf("%d pieces of files are torn", torn)
	}
	return records
}

// readSpool is spooled for a run whose writes were cut short: it counts what is torn.
func readSpool(t *testing.T, dir string) (all []spool.Record, torn int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []spool.Name
	for _, e := range entries {
		name, ok := spool.ParseName(e.Name())
		if !ok {
			t.Errorf("%s is not a spool file's name", e.Name())
			continue
		}
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode of %s is %v (%v), want 0600", name, info.Mode(), err)
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b spool.Name) int { return a.Number - b.Number })
	for _, name := range names {
		records, pieces := readFile(t, filepath.Join(dir, name.String()))
		all = append(all, records...)
		torn += pieces
	}
	return all, torn
}

func readFile(t *testing.T, path string) (records []spool.Record, torn int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spool.Read(data, func(r spool.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil || s.Corrupt+s.Unknown > 0 {
		t.Errorf("%s: %v, %+v of %d bytes", filepath.Base(path), err, s, len(data))
	}
	torn = s.Torn
	if s.TailStart != int64(len(data)) {
		torn++
	}
	if len(records) == 0 || records[0].Kind != spool.KindProcess {
		t.Errorf("%s does not start with a process record", filepath.Base(path))
	}
	return records, torn
}

// of gives the records of a kind.
func of(records []spool.Record, kinds ...string) []spool.Record {
	var out []spool.Record
	for _, r := range records {
		if slices.Contains(kinds, r.Kind) {
			out = append(out, r)
		}
	}
	return out
}

// calls tells the calls among the records, one line each:
//
//	undici POST /echo 200 request 7 "{...}" response 7 "{...}" partial error CODE
func calls(t *testing.T, records []spool.Record) []string {
	t.Helper()
	var out []string
	started := map[string]spool.Record{}
	for _, r := range of(records, spool.KindCallStart, spool.KindCallEnd) {
		if r.Kind == spool.KindCallStart {
			if _, twice := started[r.Call]; twice || r.Call == "" {
				t.Errorf("call %q started twice", r.Call)
			}
			started[r.Call] = r
			continue
		}
		start, ok := started[r.Call]
		if !ok {
			t.Errorf("call %q ended and did not start", r.Call)
		}
		delete(started, r.Call)
		if r.Status > 0 && (r.FirstByte < 0 || r.Duration < r.FirstByte) {
			t.Errorf("call %q took %d µs, its first byte %d", r.Call, r.Duration, r.FirstByte)
		}
		out = append(out, line(start, &r))
	}
	for _, r := range started {
		out = append(out, line(r, nil))
	}
	return out
}

func line(start spool.Record, end *spool.Record) string {
	_, path, _ := strings.Cut(start.URL, "://")
	if at := strings.IndexByte(path, '/'); at >= 0 {
		path = path[at:]
	}
	s := fmt.Sprintf("%s %s %s", start.Library, start.Method, path)
	request := piece(start, spool.PartRequest)
	if end == nil {
		return s + request + " open"
	}
	if request == "" {
		request = piece(*end, spool.PartRequest)
	}
	if end.Status > 0 {
		s += fmt.Sprintf(" %d", end.Status)
	}
	s += request
	switch response := piece(*end, spool.PartResponse); {
	case !end.Partial:
		s += response
	case response != "":
		s += " response partial" // how much had come is a matter of chance
	default:
		s += " partial"
	}
	if end.Error != nil {
		s += " error " + end.Error.Type
	}
	return s
}

// piece tells a part: its size, whether it is cut, and its beginning.
func piece(r spool.Record, of string) string {
	p, data, ok := r.Part(of)
	if !ok {
		return ""
	}
	size := "?"
	if p.Size != nil {
		size = fmt.Sprint(*p.Size)
	}
	if p.Truncated {
		size = fmt.Sprintf("%d of %s", p.Len, size)
	}
	return fmt.Sprintf(" %s %s %q", of, size, data[:min(len(data), 24)])
}

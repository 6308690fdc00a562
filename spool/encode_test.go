package spool

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestHeaderIsWrittenAsJSON: what is written here means what encoding/json would have written.
func TestHeaderIsWrittenAsJSON(t *testing.T) {
	for _, line := range headerLines() {
		var h Header
		if json.Unmarshal([]byte(line), &h) == nil {
			writtenAsJSON(t, h)
		}
	}
	files, err := filepath.Glob("testdata/vectors/*.spool")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = Read(data, func(r Record) error { writtenAsJSON(t, r.Header); return nil }) // some are broken on purpose
	}
	for _, s := range []string{"", "plain", "two\nlines\r\n\t", `quotes " and \`, "grün ☃ \U0001F600", "\u2028\u2029", "nul \x00 and \x1f", "\xff half \xc3", "<&>", "\x7f"} {
		writtenAsJSON(t, Header{Kind: s, URL: s, Headers: [][2]string{{s, s}, {s, ""}}, Error: &Error{Message: s}, Process: &Process{Env: map[string]string{s: s, "a": s}}})
	}
}

func writtenAsJSON(t *testing.T, h Header) {
	t.Helper()
	want, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	parts := make([][]byte, len(h.Parts))
	for i := range h.Parts {
		if h.Parts[i].Len < 0 || h.Parts[i].Len > MaxBody {
			return // no body has it
		}
		parts[i] = make([]byte, h.Parts[i].Len)
	}
	got := appendHeader(nil, &h, parts)
	var a, b Header
	if err := json.Unmarshal(want, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &b); err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%s\nis not %s: %v", got, want, err)
	}
}

func FuzzHeaderIsWrittenAsJSON(f *testing.F) {
	for _, line := range headerLines() {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var h Header
		if json.Unmarshal(line, &h) == nil {
			writtenAsJSON(t, h)
		}
	})
}

func BenchmarkAppendRecord(b *testing.B) {
	h := Header{Kind: KindCallStart, Invocation: "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa", Time: 1700000000000000, Call: "1-1", Library: "net/http", Method: "POST",
		URL: "https://sqs.us-east-1.amazonaws.com/", Parts: []Part{{Of: PartRequest}}}
	for range 8 {
		h.Headers = append(h.Headers, [2]string{"X-Amz-Some-Header", "application/x-amz-json-1.0"})
	}
	body, buffer := make([]byte, 2<<10), make([]byte, 0, 8<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendRecord(buffer, "5f0c2b9e417ad683", h, body); err != nil {
			b.Fatal(err)
		}
	}
}

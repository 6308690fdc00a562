package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	const id = "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa"
	good := map[string]Name{
		id + ".17.1.open":          {id, 17, 1, StateOpen},
		"init.1.1.done":            {InvocationInit, 1, 1, StateDone},
		"none.2147483647.999.open": {InvocationNone, 2147483647, 999, StateOpen},
	}
	for s, want := range good {
		if got, ok := ParseName(s); !ok || got != want || got.String() != s {
			t.Errorf("ParseName(%q) = %+v, %v", s, got, ok)
		}
	}
	bad := []string{"", ".", "..", "a", id, id + ".17.open", id + ".17.1.tmp", id + ".17.1.open.bak", "." + id + ".17.1.open", "a/b.1.1.open",
		"a b.1.1.open", ".1.1.open", "a..1.open", "a.-1.1.open", "a.+1.1.open", "a.01.1.open", "a.0.1.open", "a.1.0.open", "a.1.99999999999.open", strings.Repeat("a", 65) + ".1.1.open", "\u00e9.1.1.open"}
	for _, s := range bad {
		if n, ok := ParseName(s); ok {
			t.Errorf("ParseName(%q) took it for %+v", s, n)
		}
	}
	if got := (Name{id, 17, 1, StateOpen}).Done().String(); got != id+".17.1.done" {
		t.Errorf("Done gives %q", got)
	}
}

// TestCutAnywhere cuts a file at every byte: what is whole before the cut is read, nothing else, and no byte is unaccounted for.
func TestCutAnywhere(t *testing.T) {
	data := vectors()[0].data
	var ends []int
	if _, err := Read(data, func(r Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	begin := []byte("@" + vmark + " ")
	for at := bytes.Index(data, begin); ; {
		next := bytes.Index(data[at+1:], begin)
		if next < 0 {
			ends = append(ends, len(data))
			break
		}
		at += next + 1
		ends = append(ends, at)
	}
	for cut := 0; cut <= len(data); cut++ {
		want := 0
		for _, e := range ends {
			if e <= cut {
				want++
			}
		}
		got := 0
		s, err := Read(data[:cut], func(Record) error { got++; return nil })
		if err != nil || got != want || s.Torn != 0 || s.Corrupt != 0 {
			t.Fatalf("cut at %d: %d records (want %d), %+v, %v", cut, got, want, s, err)
		}
		if sum := s.Head + s.Whole + s.Lost + int64(cut) - s.TailStart; sum != int64(cut) {
			t.Fatalf("cut at %d: %d bytes accounted for: %+v", cut, sum, s)
		}
	}
}

// TestTornAnywhere loses the end of one record, at every byte, with whole records behind it: those are read, the torn one never is,
// and none of their bytes is taken for the torn one's.
func TestTornAnywhere(t *testing.T) {
	first := rec(Header{Kind: KindCallStart, Invocation: "a", Time: 1, Call: "1-1", Parts: []Part{{Of: PartRequest}}}, "0123456789")
	behind := rec(Header{Kind: KindCallEnd, Invocation: "b", Time: 2, Call: "1-2", Parts: []Part{{Of: PartResponse}}}, "answer") + rec(Header{Kind: KindInvocationEnd, Invocation: "b", Time: 3})
	for cut := 1; cut < len(first); cut++ {
		var got []string
		s, err := Read([]byte(head()+first[:cut]+behind), func(r Record) error {
			got = append(got, r.Kind+" "+r.Invocation+" "+string(r.Body))
			return nil
		})
		if want := "call.end b answer|invocation.end b "; strings.Join(got, "|") != want || err != nil || s.Torn != 1 || s.Lost != int64(cut) {
			t.Fatalf("cut at %d: %q, %+v, %v", cut, got, s, err)
		}
	}
}

func TestReadFromGoesOnWhereAFileGrew(t *testing.T) {
	data := vectors()[0].data
	for cut := 0; cut <= len(data); cut++ {
		n := 0
		count := func(Record) error { n++; return nil }
		s, err := Read(data[:cut], count)
		if err != nil {
			t.Fatal(err)
		}
		s, err = ReadFrom(data, s.TailStart, count)
		if err != nil || n != 5 || s.TailStart != int64(len(data)) {
			t.Fatalf("cut at %d: %d records in two readings, %+v, %v", cut, n, s, err)
		}
	}
}

func TestReadGivesTheCallersError(t *testing.T) {
	stop := errors.New("stop")
	n := 0
	_, err := Read(vectors()[0].data, func(Record) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("read %d records, %v", n, err)
	}
}

func TestParts(t *testing.T) {
	r := Record{Header: Header{Parts: []Part{{Of: "a", Len: 2}, {Of: "b", Len: 3}}}, Body: []byte("xxyyy")}
	if _, b, ok := r.Part("b"); !ok || string(b) != "yyy" {
		t.Errorf("part b is %q, %v", b, ok)
	}
	if _, _, ok := r.Part("c"); ok {
		t.Error("there is no part c")
	}
	for _, lie := range []int64{-1, 6, 1 << 62} {
		r.Parts[0].Len = lie
		if _, b, ok := r.Part("b"); ok {
			t.Errorf("with a first part of %d bytes, part b is %q", lie, b)
		}
	}
}

func TestAppendRecordRefusesWhatReadersRefuse(t *testing.T) {
	cases := map[string]struct {
		h     Header
		parts [][]byte
	}{
		"body too large":   {Header{Kind: "x", Parts: []Part{{Of: "a"}}}, [][]byte{make([]byte, MaxBody+1)}},
		"header too large": {Header{Kind: "x", URL: strings.Repeat("u", MaxHeader)}, nil},
		"parts missing":    {Header{Kind: "x", Parts: []Part{{Of: "a"}}}, nil},
	}
	for name, c := range cases {
		if b, err := AppendRecord([]byte("before"), vmark, c.h, c.parts...); err == nil || string(b) != "before" {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if b, err := AppendRecord(AppendHead(nil, vmark), vmark, Header{Kind: KindCallEnd, Parts: []Part{{Of: "a"}}}, make([]byte, MaxBody)); err != nil {
		t.Error(err)
	} else if n := countRecords(b); n != 1 {
		t.Errorf("the largest body gives %d records", n)
	}
}

func countRecords(b []byte) (n int) {
	Read(b, func(Record) error { n++; return nil })
	return n
}

func TestMarksDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		m := NewMark()
		if len(m) != markLen || !isMark([]byte(m)) || seen[m] {
			t.Fatalf("mark %q", m)
		}
		seen[m] = true
	}
}

// FuzzRead holds what Read promises of any bytes: no panic, every byte accounted for, nothing read that could not be written.
func FuzzRead(f *testing.F) {
	for _, v := range vectors() {
		f.Add(v.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var again []byte
		s, err := Read(data, func(r Record) error {
			if len(r.Body) > MaxBody {
				return fmt.Errorf("body of %d bytes", len(r.Body))
			}
			for _, p := range r.Parts {
				if _, b, ok := r.Part(p.Of); ok && len(b) > len(r.Body) {
					return errors.New("a part larger than its body")
				}
			}
			again = append(again, r.Body...)
			return nil
		})
		if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewer) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if s.Head+s.Whole+s.Lost+int64(len(data))-s.TailStart != int64(len(data)) {
			t.Fatalf("%d bytes, accounted for: %+v", len(data), s)
		}
		if len(again) > len(data) {
			t.Fatal("more bodies than bytes")
		}
	})
}

// FuzzRoundTrip holds that whatever a writer writes is what a reader reads, whatever the bytes of the body.
func FuzzRoundTrip(f *testing.F) {
	f.Add("GET", "http://a/", []byte("body"), []byte{0, 10, '@'})
	f.Add("\n\"", "\u2028", []byte("\n@"), []byte("@"+vmark))
	f.Fuzz(func(t *testing.T, method, url string, a, b []byte) {
		if bytes.Contains(a, []byte("@"+vmark+" ")) || bytes.Contains(b, []byte("@"+vmark+" ")) || bytes.Contains(append(append([]byte{}, a...), b...), []byte("@"+vmark+" ")) {
			t.Skip("a mark is random: a body cannot know it")
		}
		h := Header{Kind: KindCallEnd, Invocation: "i", Time: 1, Method: method, URL: url, Parts: []Part{{Of: PartRequest}, {Of: PartResponse}}}
		file, err := AppendRecord(AppendHead(nil, vmark), vmark, h, a, b)
		if err != nil {
			t.Skip(err)
		}
		n := 0
		s, err := Read(file, func(r Record) error {
			n++
			_, ga, _ := r.Part(PartRequest)
			_, gb, _ := r.Part(PartResponse)
			if !bytes.Equal(ga, a) || !bytes.Equal(gb, b) {
				t.Errorf("parts came back as %q and %q", ga, gb)
			}
			return nil
		})
		if n != 1 || err != nil || s.TailStart != int64(len(file)) {
			t.Errorf("%d records, %+v, %v", n, s, err)
		}
	})
}

// TestFormatNamesEveryField keeps FORMAT.md true: each field of a header stands in it.
func TestFormatNamesEveryField(t *testing.T) {
	format, err := os.ReadFile(filepath.Join(".", "FORMAT.md"))
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("record.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(src), "\n") {
		_, tag, ok := strings.Cut(line, "`json:\"")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(tag, "\"")
		name, _, _ = strings.Cut(name, ",")
		if !bytes.Contains(format, []byte("`"+name+"`")) && !bytes.Contains(format, []byte("\""+name+"\"")) {
			t.Errorf("FORMAT.md does not tell of field %q", name)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	data := vectors()[0].data
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		Read(data, func(Record) error { return nil })
	}
}

package spool

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

const vectorDir = "testdata/vectors"

// A vector is one file and what has to be read from it: the same for every language.
type vector struct {
	Name    string         `json:"name"`
	File    string         `json:"file"`
	Why     string         `json:"why"`
	Error   string         `json:"error,omitempty"` // corrupt, newer
	Records []vectorRecord `json:"records"`
	Torn    int            `json:"torn,omitempty"`
	Corrupt int            `json:"corrupt,omitempty"`
	Unknown int            `json:"unknown,omitempty"`
	Lost    int64          `json:"lost,omitempty"`
	Tail    int64          `json:"tail,omitempty"` // bytes of an incomplete piece at the end

	data []byte // what -update writes into File
}

type vectorRecord struct {
	Header json.RawMessage `json:"header"`
	Body   string          `json:"body,omitempty"` // base64
}

const vmark = "5f0c2b9e417ad683"

func head() string { return string(AppendHead(nil, vmark)) }

func rec(h Header, parts ...string) string {
	p := make([][]byte, len(parts))
	for i := range parts {
		p[i] = []byte(parts[i])
	}
	b, err := AppendRecord(nil, vmark, h, p...)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func size(n int64) *int64 { return &n }

// vectors is the table that -update writes. The comments of FORMAT.md's reader rules are its list.
func vectors() []vector {
	process := rec(Header{Kind: KindProcess, Invocation: "init", Time: 1767225600000000, Process: &Process{PID: 17, Runtime: "python", Version: "3.13.1", Hook: "0.1.0", Env: map[string]string{"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}}})
	const inv = "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa"
	start := rec(Header{Kind: KindInvocationStart, Invocation: inv, Time: 1767225600000100, ARN: "arn:aws:lambda:eu-west-1:123456789012:function:orders", Deadline: 1767225603000,
		Trace: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0", Handler: "app.handler", Cold: true, Parts: []Part{{Of: PartEvent, Size: size(15)}}}, `{"order_id": 1}`)
	callStart := rec(Header{Kind: KindCallStart, Invocation: inv, Time: 1767225600000200, Call: "17-1", Library: "http.client", Method: "POST", URL: "https://pay.example.com/charge?a=1",
		Headers: [][2]string{{"Host", "pay.example.com"}, {"X-Two", "a"}, {"X-Two", "b"}}, Parts: []Part{{Of: PartRequest, Size: size(31)}}}, `{"card": "4111 1111 1111 1111"}`)
	callEnd := rec(Header{Kind: KindCallEnd, Invocation: inv, Time: 1767225600050200, Call: "17-1", Status: 200, Headers: [][2]string{{"Content-Type", "application/json"}}, FirstByte: 49000, Duration: 50000,
		Parts: []Part{{Of: PartResponse, Size: size(5000), Truncated: true}}}, "{\"ok\": \"\x00\xff\n")
	end := rec(Header{Kind: KindInvocationEnd, Invocation: inv, Time: 1767225600060000, Duration: 59900, Error: &Error{Type: "ValueError", Message: "no \u00e9\n", Stack: "  File \"app.py\""}, Parts: []Part{{Of: PartResponse, Size: size(0)}}}, "")
	two := rec(Header{Kind: KindCallEnd, Invocation: inv, Time: 1767225600050300, Call: "17-2", Status: 202, Duration: 1, Parts: []Part{{Of: PartRequest}, {Of: PartResponse}}}, "streamed upload", "answer")
	lines := rec(Header{Kind: KindCallEnd, Invocation: inv, Time: 1767225600050400, Call: "17-5", Status: 200, Duration: 1, Parts: []Part{{Of: PartHeaders}, {Of: PartResponse}}},
		"Content-Type: text/plain\r\nX-When:noon: or later \r\nX-Name: Z\xfcrich\r\nno header\r\n", "answer")
	sent := rec(Header{Kind: KindCallEnd, Invocation: inv, Time: 1767225600050500, Call: "17-6", Status: 200, Duration: 1, Parts: []Part{{Of: PartSent}, {Of: PartResponse}}},
		"host: pay.example.com\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", "answer")
	unknown := "@" + vmark + " 3 {\"kind\":\"call.weather\",\"inv\":\"" + inv + "\",\"t\":1,\"mood\":\"sunny\"}\nabc\n"
	extra := "@" + vmark + " 0 {\"kind\":\"loss\",\"inv\":\"" + inv + "\",\"t\":2,\"reason\":\"invocation-full\",\"records\":4,\"bytes\":99,\"colour\":{\"of\":[1]}}\n\n"
	whole := head() + process + start + callStart + callEnd + end
	lie := strings.Replace(callStart, "@"+vmark+" 31 ", "@"+vmark+" 9999999999 ", 1)

	return []vector{
		{Name: "whole", Why: "every kind that an ordinary invocation writes", data: []byte(whole)},
		{Name: "empty", Why: "created, nothing written yet", data: nil},
		{Name: "head-only", Why: "a head and no record", data: []byte(head())},
		{Name: "head-cut", Why: "the first write was cut within the head", data: []byte(head()[:20])},
		{Name: "two-parts", Why: "a body of two parts; their sizes are not known", data: []byte(head() + two)},
		{Name: "headers-part", Why: "the headers' lines as they passed, a colon in a value, bytes that are no UTF-8, a line that is no header", data: []byte(head() + lines)},
		{Name: "sent-part", Why: "the request's headers, known in full when it was sent", data: []byte(head() + sent)},
		{Name: "empty-body", Why: "a part of length 0", data: []byte(head() + end)},
		{Name: "unknown-kind", Why: "a kind of a later hook is stepped over by its length and counted", data: []byte(head() + unknown + end)},
		{Name: "unknown-field", Why: "fields of a later hook are ignored", data: []byte(head() + extra)},
		{Name: "newer-version", Why: "a later version is not corrupt, and not read", Error: "newer", data: []byte("afterglow-spool 2 " + vmark + "\nwhatever follows")},
		{Name: "not-ours", Why: "a file that is no spool file", Error: "corrupt", data: []byte("{\"hello\": 1}\n")},
		{Name: "bad-mark", Why: "a mark of another alphabet", Error: "corrupt", data: []byte("afterglow-spool 1 5F0C2B9E417AD683\n" + process)},
		{Name: "bad-version", Why: "a version that is no number", Error: "corrupt", data: []byte("afterglow-spool one " + vmark + "\n" + process)},
		{Name: "torn-tail", Why: "killed in the middle of the last record's body", data: []byte(head() + process + callStart[:len(callStart)-9])},
		{Name: "torn-tail-header", Why: "killed in the middle of the last record's header", data: []byte(head() + process + callStart[:60])},
		{Name: "torn-within-body", Why: "a short write on a full disk, then the disk had room again: the whole record behind it is read, the torn one is not completed with its bytes", data: []byte(head() + process + callStart[:len(callStart)-9] + callEnd + end)},
		{Name: "torn-within-header", Why: "as before, but cut in the header", data: []byte(head() + start[:70] + callEnd + end)},
		{Name: "torn-aligned", Why: "a torn record whose missing bytes are exactly as many as the whole record behind it has", data: []byte(head() + torn(inv, callEnd) + callEnd + end)},
		{Name: "torn-twice", Why: "two torn records in a row", data: []byte(head() + start[:70] + callStart[:80] + end)},
		{Name: "length-lies", Why: "a length beyond the format's limit", data: []byte(head() + lie + end)},
		{Name: "header-not-json", Why: "a whole record whose header is no JSON: corrupt, stepped over", data: []byte(head() + "@" + vmark + " 2 {nope}\nxx\n" + end)},
		{Name: "header-no-kind", Why: "a whole record that does not say what it is", data: []byte(head() + "@" + vmark + " 0 {\"inv\":\"x\"}\n\n" + end)},
		{Name: "body-looks-like-record", Why: "a peer sent what looks like a record with another mark: it is a body", data: []byte(head() + rec(Header{Kind: KindCallEnd, Invocation: inv, Time: 3, Call: "17-3", Parts: []Part{{Of: PartResponse}}},
			"\n@0123456789abcdef 0 {\"kind\":\"invocation.end\",\"inv\":\"stolen\",\"t\":1}\n\n") + end)},
		{Name: "garbage-between", Why: "bytes that nobody of ours wrote stand between two records", data: []byte(head() + process + "\x00\x01garbage\n\n@nothing" + end)},
		{Name: "late-record", Why: "a record of an earlier invocation stands in a later one's file", data: []byte(head() + process + rec(Header{Kind: KindCallEnd, Invocation: "0f6e4a3c-2f25-4d1e-9d0c-5b8f4e1c7a11", Time: 4, Call: "17-9", Status: 200, Duration: 7}) + end)},
	}
}

// torn makes a record that lost exactly as many bytes of its body as behind has.
func torn(inv, behind string) string {
	body := strings.Repeat("x", len(behind)+10)
	r := rec(Header{Kind: KindCallStart, Invocation: inv, Time: 5, Call: "17-4", Method: "GET", URL: "http://a/", Parts: []Part{{Of: PartRequest}}}, body)
	return r[:len(r)-len(behind)]
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	manifest, err := os.ReadFile(filepath.Join(vectorDir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(manifest, &vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) != len(vectors()) {
		t.Errorf("manifest has %d vectors, the table %d: run with -update", len(vs), len(vectors()))
	}
	for i, v := range vs {
		t.Run(v.Name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(vectorDir, v.File))
			if err != nil {
				t.Fatal(err)
			}
			if want := vectors()[i]; !bytes.Equal(data, want.data) {
				t.Errorf("%s is not what the table makes", v.File)
			}
			got := read(data)
			got.Name, got.File, got.Why = v.Name, v.File, v.Why
			if !equalJSON(t, got, v) {
				g, _ := json.MarshalIndent(got, "", " ")
				w, _ := json.MarshalIndent(v, "", " ")
				t.Errorf("read %s\nwant %s", g, w)
			}
		})
	}
}

// TestVectorExpectations says by hand what -update must not be trusted with.
func TestVectorExpectations(t *testing.T) {
	want := map[string]struct {
		kinds                  string
		torn, corrupt, unknown int
		tail                   bool
		err                    string
	}{
		"whole":                  {kinds: "process invocation.start call.start call.end invocation.end"},
		"empty":                  {},
		"head-only":              {},
		"head-cut":               {tail: true},
		"two-parts":              {kinds: "call.end"},
		"headers-part":           {kinds: "call.end"},
		"sent-part":              {kinds: "call.end"},
		"empty-body":             {kinds: "invocation.end"},
		"unknown-kind":           {kinds: "invocation.end", unknown: 1},
		"unknown-field":          {kinds: "loss"},
		"newer-version":          {err: "newer"},
		"not-ours":               {err: "corrupt"},
		"bad-mark":               {err: "corrupt"},
		"bad-version":            {err: "corrupt"},
		"torn-tail":              {kinds: "process", tail: true},
		"torn-tail-header":       {kinds: "process", tail: true},
		"torn-within-body":       {kinds: "process call.end invocation.end", torn: 1},
		"torn-within-header":     {kinds: "call.end invocation.end", torn: 1},
		"torn-aligned":           {kinds: "call.end invocation.end", torn: 1},
		"torn-twice":             {kinds: "invocation.end", torn: 2},
		"length-lies":            {kinds: "invocation.end", torn: 1},
		"header-not-json":        {kinds: "invocation.end", corrupt: 1},
		"header-no-kind":         {kinds: "invocation.end", corrupt: 1},
		"body-looks-like-record": {kinds: "call.end invocation.end"},
		"garbage-between":        {kinds: "process invocation.end", torn: 1},
		"late-record":            {kinds: "process call.end invocation.end"},
	}
	for _, v := range vectors() {
		w, ok := want[v.Name]
		if !ok {
			t.Errorf("%s: no expectation written down", v.Name)
			continue
		}
		got := read(v.data)
		var kinds []string
		for _, r := range got.Records {
			var h Header
			if err := json.Unmarshal(r.Header, &h); err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, h.Kind)
		}
		if k := strings.Join(kinds, " "); k != w.kinds || got.Torn != w.torn || got.Corrupt != w.corrupt || got.Unknown != w.unknown || (got.Tail > 0) != w.tail || got.Error != w.err {
			t.Errorf("%s: read %q torn=%d corrupt=%d unknown=%d tail=%d error=%q, want %+v", v.Name, k, got.Torn, got.Corrupt, got.Unknown, got.Tail, got.Error, w)
		}
	}
}

// read reads data the way that a vector describes.
func read(data []byte) vector {
	v := vector{Records: []vectorRecord{}}
	s, err := Read(data, func(r Record) error {
		h, err := json.Marshal(r.Header)
		v.Records = append(v.Records, vectorRecord{Header: h, Body: base64.StdEncoding.EncodeToString(r.Body)})
		return err
	})
	switch {
	case errors.Is(err, ErrNewer):
		v.Error = "newer"
	case errors.Is(err, ErrCorrupt):
		v.Error = "corrupt"
	case err != nil:
		v.Error = err.Error()
	default:
		v.Torn, v.Corrupt, v.Unknown, v.Lost, v.Tail = s.Torn, s.Corrupt, s.Unknown, s.Lost, int64(len(data))-s.TailStart
	}
	return v
}

func writeVectors(t *testing.T) {
	t.Helper()
	vs := vectors()
	for i := range vs {
		v := &vs[i]
		v.File = v.Name + ".spool"
		if err := os.WriteFile(filepath.Join(vectorDir, v.File), v.data, 0o644); err != nil {
			t.Fatal(err)
		}
		got := read(v.data)
		v.Error, v.Records, v.Torn, v.Corrupt, v.Unknown, v.Lost, v.Tail = got.Error, got.Records, got.Torn, got.Corrupt, got.Unknown, got.Lost, got.Tail
	}
	b, err := json.MarshalIndent(vs, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vectorDir, "manifest.json"), append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func equalJSON(t *testing.T, a, b any) bool {
	t.Helper()
	var v [2]any
	for i, x := range []any{a, b} {
		j, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(j, &v[i]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(v[0], v[1])
}

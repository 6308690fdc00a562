package spool

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// headerLines are lines on which a reader of its own could differ from encoding/json.
func headerLines() []string {
	return []string{
		`{}`, ` { } `, ``, `{`, `null`, `[]`, `"x"`, `{"kind":"loss"}x`, `{"kind":"loss"} `, `{"kind":"loss",}`, `{,}`, `{"kind"}`,
		`{"kind":"call.start","inv":"1","t":17,"call":"1-1","lib":"http","method":"GET","url":"https://a/?b=\"c\"","headers":[["a","b"],["c","\u00e9\ud83d\ude00"]],"resend":2,"parts":[{"of":"request","len":3,"size":9,"truncated":true}]}`,
		`{"kind":"call.end","inv":"1","t":17,"dur":1,"ttfb":0,"call":"1-1","status":200,"headers":[],"proto":"HTTP/1.1","peer":"1.2.3.4:5","partial":true,"error":{"type":"E","message":"m","stack":"s\ns"},"parts":[]}`,
		`{"kind":"process","inv":"init","t":1,"process":{"pid":1,"ppid":2,"runtime":"python","version":"3.13","hook":"0.1.0","env":{"A":"b","A":"c","_HANDLER":"é"}}}`,
		`{"kind":"invocation.start","inv":"1","t":1,"arn":"a","deadline":5,"trace":"t","tenant":"x","handler":"h","cold":true,"parts":[{"of":"event","len":1,"shortened":true}]}`,
		`{"kind":"invocation.end","streaming":false,"status":201}`, `{"kind":"loss","reason":"r","records":3,"bytes":4}`,
		`{"Kind":"loss"}`, `{"KIND":"loss","kind":"process"}`, `{"kind":"a","kind":"b"}`, `{"kind":null}`, `{"kind":7}`, `{"kind":{}}`, `{"unknown":[1,{"a":null}],"kind":"loss"}`,
		`{"unknown":[1,"kind":"loss"}`, `{"t":1.5}`, `{"t":1e3}`, `{"t":01}`, `{"t":-1}`, `{"t":-0}`, `{"t":-}`, `{"t":+1}`, `{"t":99999999999999999999}`, `{"t":"1"}`, `{"status":9223372036854775807}`,
		`{"cold":truex}`, `{"cold":tru}`, `{"cold":1}`, `{"cold":null}`, `{"headers":null}`, `{"headers":[["a"]]}`, `{"headers":[["a","b","c"]]}`, `{"headers":[["a",1]]}`, `{"headers":[[]]}`, `{"headers":[["a","b"],]}`, `{"headers":{}}`,
		`{"parts":[{"of":"x","len":1,"more":1}]}`, `{"parts":[null]}`, `{"parts":[{"size":null}]}`, `{"parts":[{"of":"a","of":"b"}]}`, `{"parts":[{}]}`, `{"process":null}`, `{"error":null}`, `{"error":{}}`, `{"error":{"x":1}}`, `{"process":{"env":null}}`, `{"process":{"env":{"a":1}}}`,
		"{\"kind\":\"a\tb\"}", "{\"kind\":\"\xff\"}", "{\"kind\":\"\x7f\"}", `{"kind":"\x"}`, `{"kind":"\ud800"}`, `{"kind":"\"}`, `{"kind":"a`, "{\t\"kind\"\t:\r\n\"loss\" , \"t\" : 1 }", `{"k\u0069nd":"loss"}`, `{"kind":"l\u006fss"}`,
		`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"k":11,"l":12,"m":13,"n":14,"o":15,"p":16,"q":17,"kind":"loss"}`,
		`{"kind":"loss","t":1,"dur":2,"inv":"3","ttfb":4,"deadline":5,"records":6,"bytes":7,"status":8,"resend":9,"cold":true,"streaming":true,"partial":true,"arn":"","trace":"","tenant":"","handler":"","call":"","lib":"","method":"","url":"","proto":"","peer":"","reason":""}`,
	}
}

// TestHeaderIsReadAsJSON: whatever the line, the header and whether there is one are encoding/json's.
func TestHeaderIsReadAsJSON(t *testing.T) {
	for _, line := range headerLines() {
		sameAsJSON(t, []byte(line))
	}
}

// TestHooksHeadersAreReadHere: what hooks write needs no encoding/json.
func TestHooksHeadersAreReadHere(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/*.spool")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, file := range files {
		if strings.Contains(file, "unknown-field") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = Read(data, func(r Record) error { // some are broken on purpose
			line, err := json.Marshal(r.Header)
			if err != nil {
				t.Fatal(err)
			}
			p := headerParser{s: string(line), plain: isPlain(line)}
			if h := (Header{}); !p.header(&h) || !p.atEnd() {
				t.Errorf("%s: not read: %s", file, line)
			}
			read++
			return nil
		})
	}
	if read == 0 {
		t.Error("no vector was read")
	}
}

func sameAsJSON(t *testing.T, line []byte) {
	t.Helper()
	var got, want Header
	gotErr, wantErr := new(headerParser).parse(line, &got), json.Unmarshal(line, &want)
	if (gotErr == nil) != (wantErr == nil) {
		t.Errorf("%q: %v, encoding/json: %v", line, gotErr, wantErr)
	}
	if gotErr == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%q:\n got %+v\nwant %+v", line, got, want)
	}
}

// FuzzHeader holds the reader to encoding/json.
func FuzzHeader(f *testing.F) {
	for _, line := range headerLines() {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) { sameAsJSON(t, line) })
}

// BenchmarkHeader reads the header of a signed request.
func BenchmarkHeader(b *testing.B) {
	line := []byte(`{"kind":"call.start","inv":"6d68ca91-49c9-448d-89b8-7ca3e6dc66aa","t":1767225600000000,"call":"17-3","lib":"http.client","method":"POST","url":"https://sqs.eu-west-1.amazonaws.com/","headers":[["host","sqs.eu-west-1.amazonaws.com"],["content-type","application/x-amz-json-1.0"],["x-amz-target","AmazonSQS.SendMessage"],["authorization","AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20260102/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=5d672d795d672d79"]],"parts":[{"of":"request","len":300,"size":300}]}`)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	var p headerParser
	for range b.N {
		var h Header
		if err := p.parse(line, &h); err != nil {
			b.Fatal(err)
		}
	}
}

package mask

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

func linesOf(texts ...string) (lines []event.Line) {
	for _, text := range texts {
		lines = append(lines, event.Line{Body: event.TextOf(text)})
	}
	return lines
}

func shownLines(lines []Line) (texts []string) {
	for _, l := range lines {
		texts = append(texts, l.Body.String())
	}
	return texts
}

func TestSecretsOverSeveralLines(t *testing.T) {
	const (
		key1 = "MIIEowIBAAKCAQEA3Tz2mr7SZiAMfQyuvBjM9Oi0bZyHLmkVb2Vo9xq5kDqMtpPU"
		key2 = "Zb9ZrKXl2fXnYc0Z6n3mIYYZr2qkXb5x5m5aVxXq0nIqQhE1Tz2mr7SZiAMfQyuv"
		tail = "Xb5x5m5aVxXq0g=="
	)
	tests := []struct {
		name     string
		in, want []string
	}{
		{"private key", []string{"loading key", "-----BEGIN RSA PRIVATE KEY-----", key1, tail, "-----END RSA PRIVATE KEY-----", "loaded"},
			[]string{"loading key", "-----BEGIN RSA PRIVATE KEY-----****", "****", "****", "-----END RSA PRIVATE KEY-----", "loaded"}},
		{"encrypted private key", []string{"-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,6B0B4CF2B7B0A0B0F0F0A0A0B0B0C0C0", "", key1, "-----END RSA PRIVATE KEY-----"},
			[]string{"-----BEGIN RSA PRIVATE KEY-----****", "****", "****", "", "****", "-----END RSA PRIVATE KEY-----"}},
		{"private key, each line with a head", []string{"12:00 INFO -----BEGIN PRIVATE KEY-----", "12:00 INFO " + key1, "12:00 INFO " + tail, "12:00 INFO -----END PRIVATE KEY-----", "ok"},
			[]string{"12:00 INFO -----BEGIN PRIVATE KEY-----****", "****", "****", "****-----END PRIVATE KEY-----", "ok"}},
		{"private key, its end lost", []string{"-----BEGIN PRIVATE KEY-----", key1, "1", "2", "3", "4", "5", "6", "7", "8", "9"},
			[]string{"-----BEGIN PRIVATE KEY-----****", "****", "****", "****", "****", "****", "****", "****", "****", "****", "9"}},
		{"private key, its beginning lost", []string{key1, key2, tail, "-----END PRIVATE KEY-----", "ok"}, []string{"****", "****", "****", "-----END PRIVATE KEY-----", "ok"}},
		{"private key, both lost", []string{key1, key2, tail, "ok then"}, []string{"****", "****", "****", "ok then"}},
		{"two private keys", []string{"-----BEGIN PRIVATE KEY-----", key1, "-----END PRIVATE KEY----- -----BEGIN PRIVATE KEY-----", key2, "-----END PRIVATE KEY-----", tail},
			[]string{"-----BEGIN PRIVATE KEY-----****", "****", "-----END PRIVATE KEY----- -----BEGIN PRIVATE KEY-----****", "****", "-----END PRIVATE KEY-----", tail}},
		{"certificate", []string{"-----BEGIN CERTIFICATE-----", "abc", "-----END CERTIFICATE-----"}, []string{"-----BEGIN CERTIFICATE-----", "abc", "-----END CERTIFICATE-----"}},
		{"JSON, value on the next line", []string{"{", `  "api_key":`, `    "hunter2",`, `  "n": 1`, "}"}, []string{"{", `  "api_key":`, `    "****",`, `  "n": 1`, "}"}},
		{"JSON, list below a key", []string{"{", `  "passwords": [`, `    "hunter2"`, "  ],", `  "user": "me"`, "}"}, []string{"{", `  "passwords": ****`, `    "****"`, "  ],", `  "user": "me"`, "}"}},
		{"JSON, object below a key", []string{"{", `  "credentials": {`, `    "value": "hunter2"`, "  }", "}"}, []string{"{", `  "credentials": ****`, `    "value": "****"`, "  }", "}"}},
		{"JSON, name and value", []string{"{", `  "Name": "DB_PASSWORD",`, `  "Value": "hunter2"`, "}"}, []string{"{", `  "Name": "DB_PASSWORD",`, `  "Value": "****"`, "}"}},
		{"JSON, value and name, not indented", []string{"{", `"Value": "hunter2",`, `"Name": "DB_PASSWORD"`, "}"}, []string{"{", `"Value": "****",`, `"Name": "DB_PASSWORD"`, "}"}},
		{"JSON behind a head", []string{"INFO config {", `  "passwords": [`, `    "hunter2"`, "  ],", `  "user": "me"`, "}", "done"},
			[]string{"INFO config {", `  "passwords": ****`, "****", "****,", `  "user": "me"`, "}", "done"}},
		{"as Node.js prints it, in one line with ends of lines", []string{"INFO\t{\r  api_key:\r    'hunter2'\r}", "INFO\t{\n  api_key:\n    'hunter2'\n}"},
			[]string{"INFO\t{\r  api_key:\r    '****'\r}", "INFO\t{\n  api_key:\n    '****'\n}"}},
		{"a bracket that nobody closes hides its own lines", []string{"password: (none", "  of it", "next", "  line"}, []string{"password: ****", "****", "next", "  line"}},
		{"JSON lines stay JSON", []string{`{"level":"INFO","pin":1234,"password":{"a":1}}`, `  at f`, `{"a":"b"}`}, []string{`{"level":"INFO","pin":"****","password":{"a":"****"}}`, `  at f`, `{"a":"b"}`}},
		{"nothing secret", []string{"Traceback (most recent call last):", `  File "a.py", line 1`, "ValueError: no"}, []string{"Traceback (most recent call last):", `  File "a.py", line 1`, "ValueError: no"}},
		{"digest", []string{"9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08", "ok"}, []string{"9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08", "ok"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := shownLines(New(Options{}).Apply(event.Invocation{ID: "1", Lines: linesOf(test.in...)}).Lines); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestPrivateKeyOverTwoBatches(t *testing.T) {
	m := New(Options{})
	apply := func(id string, late bool, lines ...string) []string {
		return shownLines(m.Apply(event.Invocation{ID: id, Late: late, Lines: linesOf(lines...)}).Lines)
	}
	apply("A", false, "-----BEGIN PRIVATE KEY-----", "secret1/")
	if got := apply("B", true, "secret2/"); got[0] != "secret2/" {
		t.Errorf("another invocation's line is %q", got)
	}
	apply("A", true, "secret2/")
	if got := apply("A", true, "secret3/", "-----END PRIVATE KEY-----", "shown"); !slices.Equal(got, []string{"****", "-----END PRIVATE KEY-----", "shown"}) {
		t.Errorf("the end of the key is %q", got)
	}
	if got := apply("A", true, "shown"); got[0] != "shown" {
		t.Errorf("behind the key: %q", got)
	}
	for range 3 * mostKeys {
		apply("C", false, "-----BEGIN PRIVATE KEY-----")
	}
	if n := len(m.openKeys.keys); n != mostKeys {
		t.Errorf("%d keys are remembered, want %d", n, mostKeys)
	}
}

func TestLevelOfAHiddenLine(t *testing.T) {
	for _, test := range []struct {
		all         []string
		level, want string
	}{{nil, "AUDIT", "AUDIT"}, {[]string{"logs"}, "bob", "****"}, {[]string{"logs"}, "Warning", "Warning"}, {[]string{"logs"}, "", ""}} {
		out := New(Options{All: test.all}).Apply(event.Invocation{Lines: []event.Line{{Level: test.level, Body: event.TextOf("x")}}})
		if got := out.Lines[0].Level.String(); got != test.want {
			t.Errorf("all %v: level %q is %q, want %q", test.all, test.level, got, test.want)
		}
	}
}

// FuzzLines plants a private key and a pretty-printed secret among lines of any kind. Nothing of them comes out, there are as many lines afterwards, and lines of
// JSON are still JSON.
func FuzzLines(f *testing.F) {
	f.Add("before", "between", "after")
	f.Add(`{"a":"b\n"}`, `{'`, "  x: [\n")
	f.Add("-----END", "-----BEGIN PRIVATE KEY-----", "<a>\n  <b>\n</a>")
	f.Fuzz(func(t *testing.T, before, between, after string) {
		texts := []string{
			before, "-----BEGIN PRIVATE KEY-----", planted, planted + planted, "-----END PRIVATE KEY-----",
			between, "{", `  "password":`, `    "` + planted + `"`, "}", after,
		}
		out := New(Options{}).Apply(event.Invocation{ID: "1", Lines: linesOf(texts...)})
		if len(out.Lines) != len(texts) {
			t.Fatalf("%d lines became %d", len(texts), len(out.Lines))
		}
		for i, l := range out.Lines {
			body := l.Body.String()
			if strings.Contains(body, planted[:8]) && !strings.Contains(before+between+after, planted[:8]) {
				t.Errorf("line %d shows the secret: %q", i, body)
			}
			if json.Valid([]byte(texts[i])) && !json.Valid([]byte(body)) && texts[i] != "{" && body != "****" {
				t.Errorf("%q became %q", texts[i], body)
			}
		}
	})
}

package redact

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestStrict: shapes are kept, every value is hidden, whatever it is; an allow-list shows what it names and nothing else.
func TestStrict(t *testing.T) {
	rules := New(Options{Preset: Strict, Allow: []string{"status", "order_id"}})
	tests := []struct{ name, in, want string }{
		{"JSON", `{"a":"x","b":1,"c":[true,null,"",{"d":-1.5e3}]}`, `{"a":"****","b":"****","c":["****",null,"",{"d":"****"}]}`},
		{"allowed keys", `{"status":"ok","orderId":7,"paid":false,"items":[{"Status":true}]}`, `{"status":"ok","orderId":7,"paid":"****","items":[{"Status":true}]}`},
		{"below an allowed key", `{"status":{"code":3,"password":"hunter2","x":["y"]},"b":"x"}`, `{"status":{"code":3,"password":"****","x":["y"]},"b":"****"}`},
		{"credential under an allowed key", `{"status":"Bearer abcdefghijkl"}`, `{"status":"Bearer ****"}`},
		{"JSON in JSON", `{"body":"{\"name\":\"Ada\",\"status\":\"ok\"}"}`, `{"body":"{\"name\":\"****\",\"status\":\"ok\"}"}`},
		{"JSON in an allowed key", `{"status":"{\"name\":\"Ada\"}"}`, `{"status":"{\"name\":\"Ada\"}"}`},
		{"short text", `{"a":"x","b":["y","z"]}`, `{"a":"****","b":["****","****"]}`},
		{"what only begins like JSON", `{hello Ada`, `{****`},
		{"a log line", `[INFO] Ada logged in`, `[****`},
		{"a list and more", `[1] Ada`, `["****"] ****`},
		{"text", `hello Ada`, `****`},
		{"one text", `"Ada"`, `"****"`},
		{"one number", `42`, `"****"`},
		{"JSON, cut", `{"a":"Ad`, `{"a":"****`},
		{"JSON, cut in a key", `{"a":1,"Ad`, `{"a":"****","****`},
		{"XML", `<?xml version="1.0"?><a b="x"> <c>Ada</c> <d/></a>`, `<?xml version="1.0"?><a b="****"> <c>****</c> <d/></a>`},
		{"XML, allowed", `<a><status code="3">ok<x>y</x></status><b>Ada</b></a>`, `<a><status code="****">ok<x>y</x></status><b>****</b></a>`},
		{"XML, allowed attribute", `<a status="ok" name="Ada"/>`, `<a status="ok" name="****"/>`},
		{"XML comment", `<a><!-- Ada --><b/></a>`, `<a><!--****--><b/></a>`},
		{"XML with CDATA", `<a><![CDATA[Ada]]></a>`, `<a><![CDATA[****]]></a>`},
		{"text in angle brackets", `<hello Ada Lovelace> how are you`, `<hello********`},
		{"text behind an angle bracket", `< Ada`, `****`},
		{"multipart", "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"ada.txt\"\r\n\r\nAda\r\n--b\r\nContent-Disposition: form-data; name=\"status\"\r\n\r\nok\r\n--b--\r\n",
			"--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"****\"\r\n\r\n****\r\n--b\r\nContent-Disposition: form-data; name=\"status\"\r\n\r\nok\r\n--b--\r\n"},
		{"multipart, header of a part", "--b\r\nContent-Description: Ada's\r\n\tlife\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-ID:<ada>\r\ncontent-type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX:\r\n\r\nAda\r\n--b--\r\n",
			"--b\r\nContent-Description: ****\r\n****\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-ID:****\r\ncontent-type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX:\r\n\r\n****\r\n--b--\r\n"},
		{"multipart, file's name in its type", "--b\nContent-Type: image/png; name=ada.png\n\nAda\n--b--\n", "--b\nContent-Type: image/png;****\n\n****\n--b--\n"},
		{"nothing", "  ", "  "},
	}
	preamble := "Ada wrote this.\r\nTwice.\r\n--b\r\nA: b\r\n\r\nx\r\n--b--\r\nbye, Ada"
	if got, want := string(rules.Multipart([]byte(preamble), "b", 0)), "****\r\n--b\r\nA: ****\r\n\r\n****\r\n--b--\r****"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := string(rules.Content([]byte(test.in), 0))
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if strings.Contains(got, "Ada") && !strings.Contains(test.want, "Ada") {
				t.Error("Ada survives")
			}
		})
	}
	for in, want := range map[string]string{
		"a=1&status=ok&b=x+y&c":                             "a=****&status=ok&b=****&****",
		"a=" + url.QueryEscape(`{"status":"ok","n":"Ada"}`): "a=%7B%22status%22%3A%22ok%22%2C%22n%22%3A%22****%22%7D",
	} {
		if got := string(rules.Form([]byte(in), 0)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"https://me:x@h/orders/17/items?a=b&status=ok#c=d": "https://****@h/orders/****/items?a=****&status=ok#c=****",
		"https://h/":       "https://h/",
		"https://h/ada@x/": "https://h/****/",
	} {
		if got := string(rules.URL([]byte(in))); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

// TestPCI: data of cardholders has no key that says secret, and a card's issuer may be any.
func TestPCI(t *testing.T) {
	rules := New(Options{Preset: PCI, Off: all})
	for in, want := range map[string]string{
		`{"cardholderName":"Ada","expiry_date":"12/29","exp_month":12,"amount":5}`: `{"cardholderName":"****","expiry_date":"****","exp_month":"****","amount":5}`,
		`{"card":{"brand":"visa","last4":"1111"},"serviceCode":201}`:               `{"card":{"brand":"****","last4":"****"},"serviceCode":"****"}`,
		`{"n":9999999999999995}`:      `{"n":"****"}`, // no issuer's, with a valid check digit
		`paid with 9999999999999995.`: `paid with ****.`,
		`{"n":4111111111111111}`:      `{"n":"****"}`, // although all detectors are off
		`{"password":"x"}`:            `{"password":"****"}`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

// TestOff: nothing is hidden but what the user names.
func TestOff(t *testing.T) {
	rules := New(Options{Preset: Off, Keys: []string{"diagnosis"}, Paths: []string{"a.b"}})
	for in, want := range map[string]string{
		`{"password":"x","k":"` + akid + `","n":4111111111111111}`: `{"password":"x","k":"` + akid + `","n":4111111111111111}`,
		`{"diagnosis":"x","a":{"b":true}}`:                         `{"diagnosis":"****","a":{"b":"****"}}`,
		`{"name":"diagnosis","value":"x"}`:                         `{"name":"diagnosis","value":"****"}`,
		`token=x ` + jwt + ` Bearer abcdefghijkl`:                  `token=x ` + jwt + ` Bearer abcdefghijkl`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
	const address = "https://me:x@hooks.slack.com/services/a?token=x"
	if got := string(rules.URL([]byte(address))); got != address {
		t.Errorf("got %s", got)
	}
}

// TestEachDetectorCanBeTurnedOff: what only it finds is shown without it, and hidden with it alone.
func TestEachDetectorCanBeTurnedOff(t *testing.T) {
	for name, test := range map[string]struct {
		detector Detectors
		samples  []string
	}{
		"AWS":     {AWS, []string{"x " + akid + " y", "x " + session + " y"}},
		"JWT":     {JWT, []string{"x " + jwt + " y"}},
		"schemes": {Schemes, []string{"got Bearer hunter2hunter2", "got Basic bWU6aHVudGVyMg== ok"}},
		"PEM":     {PEM, []string{pemKey}},
		"cards":   {Cards, []string{"paid with 4111 1111 1111 1111 today", `{"n":4111111111111111}`}},
		"URLs":    {URLs, []string{"postgres://me:hunter2@db:5432/x"}},
		"vendors": {Vendors, []string{github, stripe}},
	} {
		without, alone := New(Options{Off: test.detector}), New(Options{Off: all &^ test.detector})
		for _, sample := range test.samples {
			if got := string(without.Content([]byte(sample), 0)); got != sample {
				t.Errorf("%s is off, and %s became %s", name, sample, got)
			}
			if got := string(alone.Content([]byte(sample), 0)); !strings.Contains(got, Mask) {
				t.Errorf("%s is on alone, and %s was shown", name, got)
			}
		}
	}
	off := New(Options{Off: URLs})
	if got := string(off.URL([]byte("https://me:x@h/p?token=x&a=b"))); got != "https://me:x@h/p?token=****&a=b" {
		t.Errorf("URL: %s", got)
	}
}

// TestPaths: places are exact, in any case, as many as are named, through lists, types of DynamoDB and documents in strings.
func TestPaths(t *testing.T) {
	rules := New(Options{Paths: []string{"Customer.Phone", "items.price", "$.refs[*].owner", "a.*.c", `dotted\.key`, "straße", "top", "only", "form.q", "list.0.note", "0.first", "/pointer/1/x", "slash/y", "tel.44"}})
	tests := []struct{ name, in, want string }{
		{"first", `{"customer":{"phone":"1","name":"n"},"phone":"2"}`, `{"customer":{"phone":"****","name":"n"},"phone":"2"}`},
		{"second", `{"items":[{"price":1.5,"n":1},{"price":2}],"price":3}`, `{"items":[{"price":"****","n":1},{"price":"****"}],"price":3}`},
		{"case", `{"CUSTOMER":{"Phone":"1"}}`, `{"CUSTOMER":{"Phone":"****"}}`},
		{"case beyond ASCII", `{"STRASSE":1,"STRAßE":2,"Straße":3}`, `{"STRASSE":1,"STRAßE":"****","Straße":"****"}`},
		{"other notation", `{"refs":[[{"owner":true}]]}`, `{"refs":[[{"owner":"****"}]]}`},
		{"star", `{"a":{"b":{"c":1,"d":2},"x":{"c":3},"c":4}}`, `{"a":{"b":{"c":"****","d":2},"x":{"c":"****"},"c":4}}`},
		{"index", `{"list":[{"note":1,"n":1}],"note":2}`, `{"list":[{"note":"****","n":1}],"note":2}`},
		{"index at the root", `[{"first":1}]`, `[{"first":"****"}]`},
		{"key that is a number", `{"list":{"0":{"note":1},"1":{"note":2}},"tel":{"44":1,"45":2}}`, `{"list":{"0":{"note":"****"},"1":{"note":2}},"tel":{"44":"****","45":"****"}}`}, // tel may be a list
		{"slashes", `{"pointer":[1,{"x":1,"y":2}],"slash":{"y":1},"x":3}`, `{"pointer":[1,{"x":"****","y":2}],"slash":{"y":"****"},"x":3}`},
		{"slash in a key", `{"slash/y":1}`, `{"slash/y":"****"}`},
		{"dot in a key", `{"dotted.key":1,"dotted":{"key":2}}`, `{"dotted.key":"****","dotted":{"key":2}}`},
		{"key with escapes", `{"\u0074op":1}`, `{"\u0074op":"****"}`},
		{"whole below", `{"top":{"a":[1,"x",null,{"b":false}]},"n":{"top":1}}`, `{"top":{"a":["****","****",null,{"b":"****"}]},"n":{"top":1}}`},
		{"every one in a list", `[{"top":1},{"top":2}]`, `[{"top":"****"},{"top":"****"}]`},
		{"behind another member", `{"customer":{"x":{"y":[{}]},"phone":1},"customer ":{"phone":2}}`, `{"customer":{"x":{"y":[{}]},"phone":"****"},"customer ":{"phone":2}}`},
		{"DynamoDB", `{"customer":{"M":{"phone":{"S":"1"},"n":{"S":"x"}}},"items":{"L":[{"M":{"price":{"N":"2"}}}]}}`,
			`{"customer":{"M":{"phone":{"S":"****"},"n":{"S":"x"}}},"items":{"L":[{"M":{"price":{"N":"****"}}}]}}`},
		{"string of a document, its own root", `{"Records":[{"body":"{\"customer\":{\"phone\":\"1\"},\"x\":1}"}]}`, `{"Records":[{"body":"{\"customer\":{\"phone\":\"****\"},\"x\":1}"}]}`},
		{"string of a document, the outer root", `{"customer":"{\"phone\":\"1\",\"name\":\"n\"}"}`, `{"customer":"{\"phone\":\"****\",\"name\":\"n\"}"}`},
		{"document in a document in a document", `{"customer":{"S":"[\"{\\\"phone\\\":1}\"]"}}`, `{"customer":{"S":"[\"{\\\"phone\\\":\\\"****\\\"}\"]"}}`},
		{"after a string of a document", `{"customer":{"x":"{\"y\":{\"z\":1}}","phone":1}}`, `{"customer":{"x":"{\"y\":{\"z\":1}}","phone":"****"}}`},
		{"cut", `{"customer":{"phone":"12`, `{"customer":{"phone":"****`},
		{"two documents", `{"top":1} {"top":2}`, `{"top":"****"} {"top":"****"}`},
		{"base64", `{"data":"eyJ0b3AiOiAxLCAib3RoZXIiOiAieCJ9"}`, `{"data":"eyJ0b3AiOiAiKioqKiIsICJvdGhlciI6ICJ4In0="}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := string(rules.Content([]byte(test.in), 0))
			if got != test.want && test.name != "base64" || test.name == "base64" && got == test.in {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if json.Valid([]byte(test.in)) && !json.Valid([]byte(got)) {
				t.Errorf("no JSON any more: %s", got)
			}
		})
	}
	for in, want := range map[string]string{
		"top=1&x=2": "top=****&x=2",
		"customer=" + url.QueryEscape(`{"phone":1}`): "customer=" + strings.ReplaceAll(url.QueryEscape(`{"phone":"****"}`), "%2A", "*"),
	} {
		if got := string(rules.Form([]byte(in), 0)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	part := "--b\r\nContent-Disposition: form-data; name=\"top\"\r\n\r\n1\r\n--b--\r\n"
	if got := string(rules.Content([]byte(part), 0)); got != strings.Replace(part, "\r\n1\r\n", "\r\n****\r\n", 1) {
		t.Errorf("got %s", got)
	}
	if got := string(rules.URL([]byte("https://h/p?Top=1"))); got != "https://h/p?Top=****" {
		t.Errorf("got %s", got)
	}
}

// TestManyPaths: a set of more than one word.
func TestManyPaths(t *testing.T) {
	var list []string
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			list = append(list, string(a)+"."+string(b))
		}
	}
	got := string(New(Options{Paths: list}).Content([]byte(`{"z":{"z":1,"zz":2},"a":{"a":3},"q":"{\"r\":4}"}`), 0))
	if want := `{"z":{"z":"****","zz":2},"a":{"a":"****"},"q":"{\"r\":\"****\"}"}`; got != want {
		t.Errorf("got %s", got)
	}
}

// TestDocument: what has no keys cannot be understood.
func TestDocument(t *testing.T) {
	rules := New(Options{})
	for in, want := range map[string]bool{
		`{"a":1}`: true, `[1,2]`: true, `"x"`: true, `12`: true, ` {"a":1} {"b":2}`: true, `{"a":"b`: true, `<a>b</a>`: true, `<?xml version="1.0"?><a/>`: true, ``: true, "\n": true,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n": true,
		`hello`: false, `{'a': 1}`: false, `[INFO] x`: false, `{"a":1} and more`: false, `a=b&c=d`: false, `< 3`: false, `a: b`: false, `12 apples`: false,
	} {
		if _, got := rules.Document([]byte(in), 0); got != want {
			t.Errorf("%s: got %v, want %v", in, got, want)
		}
	}
}

package redact

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestPairsOfAForm: AWS' query protocol writes names and values into fields of their own.
func TestPairsOfAForm(t *testing.T) {
	rules := New(Options{})
	for name, test := range map[string]struct{ in, want string }{
		"SQS":            {"Action=SendMessage&MessageBody=x&MessageAttribute.1.Name=password&MessageAttribute.1.Value.StringValue=hunter2&MessageAttribute.1.Value.DataType=String", "Action=SendMessage&MessageBody=x&MessageAttribute.1.Name=password&MessageAttribute.1.Value.StringValue=****&MessageAttribute.1.Value.DataType=****"},
		"SNS":            {"MessageAttributes.entry.1.Name=colour&MessageAttributes.entry.1.Value.StringValue=red&MessageAttributes.entry.2.Name=Authorization&MessageAttributes.entry.2.Value.StringValue=hunter2", "MessageAttributes.entry.1.Name=colour&MessageAttributes.entry.1.Value.StringValue=red&MessageAttributes.entry.2.Name=Authorization&MessageAttributes.entry.2.Value.StringValue=****"},
		"CloudFormation": {"Parameters.member.1.ParameterKey=DbPassword&Parameters.member.1.ParameterValue=hunter2&Parameters.member.11.ParameterKey=Size&Parameters.member.11.ParameterValue=small", "Parameters.member.1.ParameterKey=DbPassword&Parameters.member.1.ParameterValue=****&Parameters.member.11.ParameterKey=Size&Parameters.member.11.ParameterValue=small"},
		"value first":    {"a.1.Value=hunter2&a.1.Name=x-api%2Dkey&a.2.Value=y&a.2.Name=z", "a.1.Value=****&a.1.Name=x-api%2Dkey&a.2.Value=y&a.2.Name=z"},
		"brackets":       {"h%5B0%5D%5Bname%5D=Authorization&h%5B0%5D%5Bvalue%5D=hunter2&h[1][key]=x&h[1][value]=y", "h%5B0%5D%5Bname%5D=Authorization&h%5B0%5D%5Bvalue%5D=****&h[1][key]=x&h[1][value]=y"},
		"no prefix":      {"name=password&value=hunter2", "name=password&value=****"},
		"none is secret": {"name=Ada&value=1&a.Name=b&a.Value=c&Value=x", "name=Ada&value=1&a.Name=b&a.Value=c&Value=x"},
		"too long":       {"name=" + strings.Repeat("x", maxKey) + "password&value=1", "name=" + strings.Repeat("x", maxKey) + "password&value=1"},
	} {
		if got := string(rules.Form([]byte(test.in), 0)); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, test.want)
		}
	}
	if got := string(rules.URL([]byte("https://h/?p.1.Name=token&p.1.Value=hunter2"))); strings.Contains(got, hidden) {
		t.Errorf("%s", got)
	}
}

// TestPathsInEveryDocument: each document of a content begins at the root, wherever it stands.
func TestPathsInEveryDocument(t *testing.T) {
	rules := New(Options{Paths: []string{"customer.phone", "nick", "items.note", `dotted\.key`, "*.zip"}})
	doc := `{"customer":{"phone":"hunter2","n":1},"nick":"hunter2","items":[{"note":"hunter2"}],"a":{"zip":"hunter2"}}`
	masked := `{"customer":{"phone":"****","n":1},"nick":"****","items":[{"note":"****"}],"a":{"zip":"****"}}`
	for name, in := range map[string]string{
		"alone": "@", "lines": "{\"a\":1}\n@\n{\"b\":[2]}\n@\n", "in a row": "[1]@@", "list": `[@,{"x":1},@]`, "against hijacking": ")]}',\n@", "JSONP": "/**/cb(@);", "event stream": "event: x\ndata: @\n\ndata: @\n\n",
		"text": "got @ and @, sorry", "text behind": "@ xx", "two broken ones": `{"a":1,,"b":2} @`, "braces": "{x} {{@", "script": "<script>window.x=@</script>", "colon": "payload: @",
		"log": "2026-01-02T03:04:05Z\tid\tINFO\t@", "names ahead": `x {"value":"y" @ z`,
	} {
		got := string(rules.Content([]byte(strings.ReplaceAll(in, "@", doc)), 0))
		if want := strings.ReplaceAll(in, "@", masked); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, want)
		}
		quoted, _ := json.Marshal(strings.ReplaceAll(in, "@", doc))
		if got := string(rules.Content([]byte(`{"body":`+string(quoted)+`}`), 0)); strings.Contains(got, hidden) {
			t.Errorf("%s in a string: %s", name, got)
		}
	}
	for in, want := range map[string]string{
		`x {"customer":{"phone":"hun`:                           `x {"customer":{"phone":"****`,
		`x {"customer":{"phone":{"a":1,,"b":"hunter2"}}} y`:     `x {"customer":{"phone":{"a":"****",****`,
		`x {"password":"hunter2"} {"v":{"phone":"x"}}`:          `x {"password":"****"} {"v":{"phone":"x"}}`,
		`x {"value":"hunter2","name":"password"} {"value":"y"}`: `x {"value":"****","name":"password"} {"value":"y"}`,
	} {
		if got := string(rules.Content([]byte(in), CutEnd)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestPathsInFields: brackets and dots in the key of a field are levels.
func TestPathsInFields(t *testing.T) {
	rules := New(Options{Paths: []string{"customer.phone", "nick", "items.note", `dotted\.key`, "doc.a.b"}})
	for _, key := range []string{"customer.phone", "customer[phone]", "customer%5Bphone%5D", "Customer[Phone]", "nick", "items[0][note]", "items[][note]", "items.0.note", "dotted.key", "customer[phone][home]", "nick[]"} {
		for name, got := range map[string]string{
			"form":      string(rules.Form([]byte("x=1&"+key+"=hunter2&y=2"), 0)),
			"query":     string(rules.URL([]byte("https://h/p?x=1&" + key + "=hunter2&y=2"))),
			"multipart": string(rules.Content([]byte("--b\r\nContent-Disposition: form-data; name=\""+string(decode([]byte(key)))+"\"\r\n\r\nhunter2\r\n--b--\r\n"), 0)),
		} {
			if strings.Contains(got, hidden) {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	for in, want := range map[string]string{
		"customer[name]=Ada&customer=x&phone=1&a[nick]=y&b.customer.phone=2": "customer[name]=Ada&customer=x&phone=1&a[nick]=y&b.customer.phone=2",
		`doc[a]={"b":"hunter2","c":1}&doc.x={"b":1}`:                         `doc[a]={"b":"****","c":1}&doc.x={"b":1}`,
	} {
		if got := string(rules.Form([]byte(in), 0)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestCompressedInBase64: nobody can tell what is in it, so none of it is shown.
func TestCompressedInBase64(t *testing.T) {
	rules, off := New(Options{}), New(Options{Preset: Off})
	pack := func(open func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		w := open(&b)
		fmt.Fprintf(w, `{"messageType":"DATA_MESSAGE","logEvents":[{"message":"login password=%s"}]}`, planted)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b.Bytes())
	}
	for kind, packed := range map[string]string{
		"gzip":      pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zlib":      pack(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"zip":       base64.StdEncoding.EncodeToString([]byte("PK\x03\x04" + strings.Repeat("\x14\xfe", 40))),
		"Zstandard": base64.RawURLEncoding.EncodeToString([]byte("\x28\xb5\x2f\xfd" + strings.Repeat("\x14\xfe", 40))),
		"bzip2":     base64.StdEncoding.EncodeToString([]byte("BZh9" + strings.Repeat("\x14\xfe", 40))),
	} {
		for _, in := range []string{
			`{"awslogs":{"data":"@"}}`, `{"Records":[{"kinesis":{"data":"@","partitionKey":"1"}}]}`, "@", "@\n", "<a><data>@</data></a>", "got @, sorry", "data:application/gzip;base64,@",
			`{"mail":"` + strings.ReplaceAll(packed[:64]+"@", `"`, "") + `"}`,
		} {
			doc := strings.ReplaceAll(in, "@", packed)
			if strings.HasPrefix(in, `{"mail"`) {
				doc = `{"mail":"` + packed[:64] + `\r\n` + packed[64:] + `"}`
			}
			if got := string(rules.Content([]byte(doc), 0)); strings.Contains(got, packed[8:24]) || strings.Contains(got, packed[len(packed)-12:]) {
				t.Errorf("%s: %s", kind, got)
			}
			if got := string(rules.Content([]byte(doc[:len(doc)-4]), CutEnd)); strings.Contains(got, packed[8:24]) {
				t.Errorf("%s, cut: %s", kind, got)
			}
			if got := string(off.Content([]byte(doc), 0)); got != doc {
				t.Errorf("%s, off: %s", kind, got)
			}
		}
		if got := string(rules.Form([]byte("Data="+strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(packed)), 0)); got != "Data=****" {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

// TestCardNumbersInGroups: whatever stands between the groups.
func TestCardNumbersInGroups(t *testing.T) {
	rules := New(Options{})
	for _, in := range []string{"4111.1111.1111.1111", "4111\u00a01111\u00a01111\u00a01111", "4111\u202f1111\u202f1111\u202f1111", "4111\u20071111\u20071111\u20071111", "4111-1111-1111-1111"} {
		for _, around := range []string{"@", "paid with @.", `{"card":"@"}`, `{"s":"no. @, thanks"}`} {
			if got := string(rules.Content([]byte(strings.ReplaceAll(around, "@", in)), 0)); strings.Contains(got, "1111") {
				t.Errorf("%s", got)
			}
		}
	}
	for _, in := range []string{"4111.111111111111", "4111.1111.1111.1112", "411.1111.1111.11111", "v4111.1111.11.11111111", "at 51.4111.1111.1111", "lat 4532.015112830366", "4111\u00a01111\u00a01111\u00a01112", "4111é1111é1111é1111"} {
		if got := string(rules.Content([]byte(in), 0)); got != in {
			t.Errorf("got  %s\nwant %s", got, in)
		}
	}
}

// TestMagneticStripes: what stands behind a card's number on its tracks is hidden with it, and where payments are protected letters may stand around a number.
func TestMagneticStripes(t *testing.T) {
	usual, pci := New(Options{}), New(Options{Preset: PCI})
	for in, want := range map[string][2]string{
		`swipe %B4111111111111111^DOE/JOHN^25121010000000? ok`:       {`swipe %B****? ok`},
		`{"a":"%B4111111111111111^DOE/JOHN^2512101?;b","c":1}`:       {`{"a":"%B****?;b","c":1}`},
		`t=%25B4111111111111111%5EDOE%2FJOHN%5E2512101000%3F&x=1`:    {`t=****&x=1`},
		`b B4111111111111111^DOE/JOHN^2512101`:                       {`b B****`},
		`;4111111111111111=25121010000? x`:                           {`;****? x`},
		`tag 57: 4111111111111111D25121010000F 9F`:                   {`tag 57: **** 9F`},
		`4111111111111111D251 4111111111111112D25121010000F`:         {`4111111111111111D251 4111111111111112D25121010000F`, `****D251 4111111111111112D25121010000F`},
		`4111111111111111=5 %B4 %B41 100%B2 B4 b12345678901 b12^x`:   {`****=5 %B4 %B41 100%B2 B4 b12345678901 b12^x`},
		`VISA4111111111111111 VISA4111 1111 1111 1111 x`:             {`VISA4111111111111111 VISA4111 1111 1111 1111 x`, `VISA**** VISA**** x`},
		`{"a":"4111111111111111USD","b":"a4111111111111112b v2.17"}`: {`{"a":"4111111111111111USD","b":"a4111111111111112b v2.17"}`, `{"a":"****USD","b":"a4111111111111112b v2.17"}`},
	} {
		if want[1] == "" {
			want[1] = want[0]
		}
		for k, rules := range []*Rules{usual, pci} {
			if got := string(rules.Content([]byte(in), 0)); got != want[k] {
				t.Errorf("got  %s\nwant %s", got, want[k])
			}
		}
	}
	for _, in := range []string{`swipe %B4111111111111111^DOE/JOHN^25121010000000?`, `;4111111111111111=25121010000?`, `tag 57: 4111111111111111D25121010000F`} {
		for cut := range in {
			got := string(usual.Content([]byte(in[:cut]), CutEnd))
			if strings.Contains(got, "11111111") || strings.Contains(got, "DOE") || strings.Contains(got, "251") {
				t.Errorf("cut at %d: %s", cut, got)
			}
		}
	}
}

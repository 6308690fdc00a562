package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// FuzzJSONKeepsItsShape: what was valid JSON is valid JSON with the same keys and containers; nothing is shown that was not there.
func FuzzJSONKeepsItsShape(f *testing.F) {
	for _, seed := range []string{
		`{"password":"x","a":[1,2.5e-3,true,null,"\u00e9\n"],"token":{"b":"c","d":4}}`, `["{\"secret\":1}"]`, `"Bearer abcdefghijk"`, `[4111111111111111]`,
		`{"":"","a":{"name":"pin","value":7}}`, `{"k":"eyJwYXNzd29yZCI6ImEifQ=="}`, `  [ ] `, `-0`, `{"a":"\ud800 password=\"x\""}`,
	} {
		f.Add([]byte(seed))
	}
	every := map[string]*Rules{
		"default": New(Options{}), "strict": New(Options{Preset: Strict, Allow: []string{"b", "token"}, Paths: []string{"b.c"}}), "PCI": New(Options{Preset: PCI}), "off": New(Options{Preset: Off}),
		"paths": New(Options{Paths: []string{"a", "b.*.c", "token.d", "x.y"}}),
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for name, rules := range every {
			keepsShape(t, name, rules, in)
		}
		if out := every["off"].Content(in, 0); !bytes.Equal(in, out) {
			t.Errorf("off: %s became %s", in, out)
		}
	})
}

func keepsShape(t *testing.T, name string, rules *Rules, in []byte) {
	copied := bytes.Clone(in)
	out := rules.Content(in, 0)
	if !bytes.Equal(in, copied) {
		t.Fatal("wrote into its input")
	}
	for range 3 { // what was seen before is told by memory
		if text := rules.Text(string(in), 0); text != string(out) {
			t.Fatalf("%s: %s became %s as text, %s as content", name, in, text, out)
		}
	}
	if !json.Valid(in) {
		return
	}
	var before, after any
	if err := unmarshal(out, &after); err != nil {
		t.Fatalf("%s: %s became %s: %v", name, in, out, err)
	}
	if unmarshal(in, &before) == nil && shapeOf(before) != shapeOf(after) {
		t.Errorf("%s: %s became %s", name, in, out)
	}
	if name == "strict" && !bytes.ContainsAny(in, "bB") { // no allowed key
		everyValueIsHidden(t, after, in, out)
	}
}

// everyValueIsHidden looks at all but texts that hold documents.
func everyValueIsHidden(t *testing.T, v any, in, out []byte) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if !strings.Contains(strings.ToLower(key), "token") {
				everyValueIsHidden(t, value, in, out)
			}
		}
	case []any:
		for _, value := range v {
			everyValueIsHidden(t, value, in, out)
		}
	case string:
		if !strings.Contains(v, Mask) && strings.ContainsFunc(strings.TrimSpace(v), unicode.IsLetter) && !strings.ContainsAny(v, "{[<") && !strings.HasPrefix(v, "--") {
			t.Errorf("%s became %s", in, out)
		}
	case bool, json.Number:
		t.Errorf("%s became %s", in, out)
	}
}

// unmarshal keeps numbers as they are written: some are valid and fit nowhere.
func unmarshal(in []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(in))
	d.UseNumber()
	return d.Decode(v)
}

// shapeOf draws keys and containers, and a dot for everything else.
func shapeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		b, _ := json.Marshal(v) // sorts the keys
		var keys []string
		d := json.NewDecoder(bytes.NewReader(b))
		_, _ = d.Token()
		for d.More() {
			key, _ := d.Token()
			var skipped json.RawMessage
			_ = d.Decode(&skipped)
			shown := New(Options{}).Content([]byte(key.(string)), 0) // the one thing that may change of a key
			keys = append(keys, fmt.Sprintf("%q:%s", shown, shapeOf(v[key.(string)])))
		}
		return "{" + strings.Join(keys, ",") + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, shapeOf(item))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	return "."
}

// FuzzPlantedSecret plants secrets among what the fuzzer thinks of, wraps them in the ways that content comes in, and cuts it anywhere.
func FuzzPlantedSecret(f *testing.F) {
	for wrap := range uint8(8) {
		f.Add("before", "after", wrap, wrap, uint16(999))
		f.Add(`"`, `\`, wrap, uint8(7-wrap), uint16(3))
		f.Add("{", "<", uint8(0), wrap, uint16(40))
		f.Add("&", "%", 6+wrap%4, wrap, uint16(999))
	}
	rules := New(Options{})
	const password = "Kq7ZwRx9Tv3LmN5p"
	f.Fuzz(func(t *testing.T, before, after string, kind, wrap uint8, cut uint16) {
		quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
		var doc string
		secret := password
		switch kind % 10 {
		case 0:
			doc = fmt.Sprintf(`{"a":%s,"dbPassword":%q,"b":%s}`, quote(before), password, quote(after))
		case 1:
			doc = fmt.Sprintf(`[%s,{"secrets":[[%q],{"x":%q}]},%s]`, quote(before), password, password, quote(after))
		case 2:
			doc = fmt.Sprintf(`{%s:{"name":"x-api-key","value":%q},"b":%s}`, quote(before+"x"), password, quote(after))
		case 3:
			doc = fmt.Sprintf(`{"a":%s,"b":%s}`, quote("see https://h/?access_token="+password+"&x="), quote(after))
		case 4:
			secret = jwt[strings.LastIndexByte(jwt, '.')+1:]
			doc = fmt.Sprintf(`{"a":%s,"b":%s}`, quote(before+" "+jwt), quote(after))
		case 5:
			secret = akid[4:]
			doc = fmt.Sprintf(`{"b":%s,"a":%s}`, quote(before), quote(akid+" "+after))
		case 6:
			doc = fmt.Sprintf(`{"b":%s,"a":%s}`, quote(before), quote("x {'SecretString': '"+password+"'} "+after))
		case 7:
			doc = fmt.Sprintf(`{"b":%s,"a":%s}`, quote(before), quote("r="+url.QueryEscape("/cb?access_token="+password)+"&"+after))
		case 8:
			doc = fmt.Sprintf(`{"b":%s,"UpdateExpression":"SET password = :p","ExpressionAttributeValues":{":p":{"S":%q}},"a":%s}`, quote(before), password, quote(after))
		case 9:
			doc = fmt.Sprintf(`{"b":%s,"a":%s}`, quote(before), quote("&quot;password&quot;:&quot;"+password+"&quot; "+after))
		}
		switch wrap % 5 {
		case 1:
			doc = fmt.Sprintf(`{"body":%s}`, quote(doc))
		case 2:
			doc = fmt.Sprintf(`{"Records":[{"body":%s}]}`, quote(`{"Message":`+quote(doc)+`}`))
		case 3:
			doc = "a=b&MessageBody=" + url.QueryEscape(doc)
		case 4:
			doc = `{"body":"` + base64.StdEncoding.EncodeToString([]byte(doc)) + `"}`
		}
		mask := rules.Content
		if wrap%5 == 3 {
			mask = rules.Form
		}
		flags := Cut(0)
		if int(cut) < len(doc) {
			doc, flags = doc[:cut], CutEnd
		}
		got := string(mask([]byte(doc), flags))
		for _, plain := range []string{got, decoded(got)} {
			for i := 0; i+8 <= len(secret); i++ {
				if strings.Contains(plain, secret[i:i+8]) {
					t.Fatalf("%q of the secret survives in %s\nof %s", secret[i:i+8], got, doc)
				}
			}
		}
	})
}

// decoded opens what the last wrapping may hide from the eyes of the test.
func decoded(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, `{"body":"`), `"}`)
	b, _ := base64.StdEncoding.DecodeString(s[:len(s)/4*4])
	return string(b)
}

package redact

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"
)

const planted = "Kq7ZwRx9Tv3LmN5p"

// A leak is a way in which a secret got through.
type leak struct{ name, in string }

func leakCases() []leak {
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	member := `{"a":1,"password":"` + planted + `"}`
	slack := "payload=" + url.QueryEscape(`{"type":"x","password": "`+planted+`"}`)
	callback := "redirect=" + url.QueryEscape("/cb?access_token="+planted)
	long := strings.Repeat("QWxhZGRpbjpvcGVuIHNlc2FtZQ", 12) + planted
	var wrapped strings.Builder
	for doc := b64(`{"text":"` + strings.Repeat("lorem ipsum ", 9) + `","password":"` + planted + `"}`); doc != ""; doc = doc[min(76, len(doc)):] {
		wrapped.WriteString(doc[:min(76, len(doc))] + "\r\n")
	}
	single := func(width int, end string) string {
		doc := b64(`{"user":"me","password":"` + planted + `","note":"` + strings.Repeat("hello world ", 8) + `"}`)
		var lines []string
		for ; doc != ""; doc = doc[min(width, len(doc)):] {
			lines = append(lines, doc[:min(width, len(doc))])
		}
		return strings.Join(lines, end)
	}
	part := "Content-Disposition: form-data; name=\"password\"\r\n\r\n" + planted + "\r\n"
	return []leak{
		{"secret word inside a quoted key", `got {'SecretString': '` + planted + `'}`},
		{"secret word inside a quoted key, confirmation", `failed: {"password_confirmation":"` + planted + `"}`},
		{"secret word inside a quoted key, value", `x {"token_value": "` + planted + `"}`},
		{"secret word inside a quoted key, in a string", `{"errorMessage":` + quote(`bad {"password_confirmation":"`+planted+`"}`) + `}`},

		{"percent signs in JSON", `{"rawQueryString":"` + callback + `","b":1}`},
		{"percent signs in a header line", "Referer: https://h/p?" + callback + "\r\nHost: h"},
		{"percent signs in percent signs", "see https://h/p?next=" + url.QueryEscape("https://i/q?"+callback) + "&x=1"},
		{"percent signs, the key before the first", `at access_token%3D` + planted + ` end`},
		{"percent signs around XML", `body=%3Cpassword%3E` + planted + `%3C/password%3E`},
		{"form without a content type", slack},
		{"form without a content type in JSON", `{"body":` + quote(slack) + `}`},
		{"form without a content type in base64", `{"isBase64Encoded":true,"body":"` + b64(slack) + `"}`},

		{"long user info", `pull https://AWS:` + long + `@1234.dkr.ecr.eu-west-1.amazonaws.com/x`},
		{"long user info with slashes", `{"auth":"https://AWS:` + strings.ReplaceAll(long, "Q", "/") + `@1234.dkr.ecr.eu-west-1.amazonaws.com"}`},

		{"entities around elements", `<log>&lt;password&gt;` + planted + `&lt;/password&gt;</log>`},
		{"entities around JSON", `<pre>` + html.EscapeString(member) + `</pre>`},
		{"entities in JSON", `{"html":"<p>` + strings.ReplaceAll(member, `"`, `&quot;`) + `</p>"}`},
		{"entities in an attribute", `<x data='` + strings.ReplaceAll(member, `"`, `&quot;`) + `'>`},
		{"entities in text", `page: ` + html.EscapeString(html.EscapeString(member)) + ` end`},

		{"data URL", `<img src="data:application/json;base64,` + b64(member) + `">`},
		{"data URL in JSON", `{"url":"data:application/json;base64,` + b64(member) + `"}`},
		{"base64 wrapped to lines", "Content-Transfer-Encoding: base64\r\n\r\n" + wrapped.String()},
		{"base64 wrapped to lines in JSON", `{"mail":` + quote("MIME-Version: 1.0\r\n\r\n"+wrapped.String()) + `}`},
		{"base64 in XML", "<a><data>\n" + b64(member) + "\n</data></a>"},
		{"base64 alone in XML", "<a><data>" + b64(member) + "</data></a>"},
		{"base64 in text", "got " + b64(member) + ", sorry"},
		{"base64 behind a slash", "at /x/" + b64("{\"user\":1,"+member[1:]) + " sorry"},

		{"update expression", `{"UpdateExpression":"SET password = :p","ExpressionAttributeValues":{":p":{"S":"` + planted + `"}},"TableName":"t"}`},
		{"update expression behind its values", `{"ExpressionAttributeValues":{":p":{"S":"` + planted + `"}},"UpdateExpression":"SET #a=:x, password = :p"}`},
		{"expression names", `{"ExpressionAttributeNames":{"#p":"password"},"UpdateExpression":"SET #p = :p","ExpressionAttributeValues":{":p":{"S":"` + planted + `"}}}`},
		{"expression names behind the values", `{"a":{"ExpressionAttributeValues":{":p":{"S":"` + planted + `"}},"ExpressionAttributeNames":{"#p":"password"}}}`},
		{"PartiQL", `{"Statements":[{"Statement":"UPDATE \"t\" SET token=? WHERE id=?","Parameters":[{"S":"` + planted + `"},{"S":"1"}]}]}`},
		{"PartiQL, reversed", `{"Parameters":[{"S":"` + planted + `"}],"Statement":"UPDATE t SET secret_key=?"}`},
		{"parameters of SQL", `{"parameters":[{"name":"p","value":{"stringValue":"` + planted + `"}}],"sql":"update u set\npassword = :p"}`},

		{"update expression in text", `got {"UpdateExpression":"SET password = :p","ExpressionAttributeValues":{":p":{"S":"` + planted + `"}}}`},
		{"expression names in Python", `{'ExpressionAttributeNames': {'#p': 'password'}, 'ExpressionAttributeValues': {':p': {'S': '` + planted + `'}}}`},
		{"option of a command line", `ran mysql --user me --db-password ` + planted + ` --host h`},
		{"quoted option of a command line", `{"cmd":"tool --token '` + planted + `' run"}`},
		{"value before its name", `[{"value":"` + planted + `","name":"password"},{"value":"x","name":"b"}]`},
		{"value before its name, nested", `{"value":{"value":{"value":"` + planted + `","name":"password"}},"name":"x"}`},
		{"name and value in text", `got {"name":"password","value":"` + planted + `"} end`},
		{"name and value in Python", `[{'Name': 'DB_PASSWORD', 'Value': '` + planted + `'}]`},
		{"value before its name in text", `got {"value":"` + planted + `","name":"password"} end`},
		{"name and value as elements", `<m><p><name>password</name><value>` + planted + `</value></p><p><name>b</name><value>x</value></p></m>`},
		{"value before its name as elements", "<m><p>\n<Value>" + planted + "</Value>\n<Name>password</Name></p></m>"},
		{"name and value as elements in text", `got <name>password</name><value>` + planted + `</value>`},

		{"block string of GraphQL", `{"query":"mutation { login(user: \"me\", password: \"\"\"` + planted + `\"\"\") { ok } }"}`},
		{"block string of GraphQL over lines", `{"query":` + quote("mutation { login(password: \"\"\"\n  a \"b\" "+planted+"\n\"\"\") { ok } }") + `}`},
		{"block string in text", `query: login(password: \"\"\"` + planted + `\"\"\")`},
		{"block string of Python", "password = '''\n" + planted + "\n'''"},
		{"user and password of Docker", `{"auths":{"ghcr.io":{"auth":"` + b64("me:"+planted) + `"}}}`},
		{"user and password of Docker in text", `x {"auths":{"ghcr.io":{"auth":"` + b64("me:"+planted) + `"}}}`},
		{"key and value in one letter", `{"k":"password","v":"` + planted + `"}`},
		{"key and value in one letter in text", `got {'k': 'password', 'v': '` + planted + `'}`},
		{"label and text", `[{"label":"API token","text":"` + planted + `"}]`},
		{"property list", `<dict><key>password</key><string>` + planted + `</string></dict>`},
		{"session", `{"session":"` + planted + `"}`},
		{"list of sessions", `{"session":["` + planted + `"]}`},
		{"sid in a query", `/socket.io/?EIO=4&sid=` + planted},
		{"element with attributes in text", `got <password type="text">` + planted + `</password>`},
		{"element in text", `got <password>` + planted + `</password>`},
		{"multipart with another header first", "--b\r\nX-First: 1\r\n" + part + "--b--\r\n"},
		{"multipart, secret in a header", "--b\r\nX-Api-Key: " + planted + "\r\n" + part + "--b--\r\n"},
		{"base64 wrapped to lines, the whole", single(76, "\r\n")},
		{"base64 wrapped to lines, the whole with LF", single(64, "\n")},
		{"base64 wrapped to lines, a string", `{"data":` + quote(single(76, "\r\n")) + `}`},
		{"base64 wrapped to lines, a string with LF", `{"data":` + quote(single(64, "\n")+"\n") + `}`},
		{"base64 wrapped to lines, an element", "<data>" + single(76, "\n") + "</data>"},
		{"base64 wrapped to lines, a part", "--b\r\nContent-Disposition: form-data; name=\"j\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + single(76, "\r\n") + "\r\n--b--\r\n"},

		{"colours", "\x1b[31mpassword\x1b[0m: \x1b[32m" + planted + "\x1b[0m x"},
		{"colours around an equals sign", "INFO \x1b[1;31mdb_pin\x1b[0m=\x1b[38;5;208m" + planted + "\x1b[0m"},
		{"colours in a string", `{"msg":` + quote("\x1b[31mpassword\x1b[0m: \x1b[32m"+planted+"\x1b[0m") + `}`},
		{"colours of jq", "{\n  \x1b[0m\x1b[34;1m\"password\"\x1b[0m\x1b[1;39m:\x1b[0m \x1b[0;32m\"" + planted + "\"\x1b[0m\x1b[1;39m\n\x1b[1;39m}\x1b[0m"},
		{"colours around a list", "\"secrets\"\x1b[0m: \x1b[1;39m[\x1b[0;32m\"" + planted + "\"\x1b[0m\x1b[1;39m]\x1b[0m x"},
		{"colours of Node.js", "{ user: \x1b[32m'me'\x1b[39m, password: \x1b[32m'" + planted + "'\x1b[39m }"},
		{"colours around a token", "got \x1b[32mghp_" + planted + planted + "\x1b[39m"},
		{"a tab", "password\t" + planted},
		{"tabs", "INFO\tx-api-key\t\"" + planted + "\"\tx"},
		{"a tab in a string", `{"msg":"x\ndb_password\t` + planted + `\ny"}`},

		{"comments in JSON", `{/* c */"password": /* x */ "` + planted + `"}`},
		{"entity in a key", `<a><entry key="pass&#119;ord">` + planted + `</entry><x name="pass&#x77;ord" value="` + planted + `"/></a>`},
		{"type of an input", `<form><input type="password" value="` + planted + `"></form>`},
		{"id of an input", `<form><input id="api_key" value="` + planted + `"></form>`},
		{"value of a secret element", `<a><x:password x:value="` + planted + `"/><token value='` + planted + `' y="1"/></a>`},
		{"raw headers", `{"rawHeaders":["Host","h","Authorization","` + planted + `","Accept","*/*","x-api-key","` + planted + `"]}`},
		{"id and value", `[{"id":"password","value":"` + planted + `"}]`},
		{"property and val", `[{"property":"password","val":"` + planted + `"}]`},
		{"header and content", `[{"header":"Authorization","content":"Custom ` + planted + `"}]`},

		{"escaped quotes in a log line", `info: Program[0] {"body":"{\u0022user\u0022:\u0022b\u0022,\u0022password\u0022:\u0022` + planted + `\u0022}"}`},
		{"escaped quotes, no string", `got {\u0022password\u0022: \u0022a b ` + planted + `\u0022} end`},
		{"escaped quotes twice", `got {"body":"{\"a\":\"{\\u0022password\\u0022:\\u0022` + planted + `\\u0022}\"}","b":1}`},
		{"escaped quotes twice in JSON", `{"message":"got {\"body\":\"{\\u0022password\\u0022:\\u0022` + planted + `\\u0022}\"}"}`},
		{"escaped angle brackets", `request {"xml":"\u003cPassword\u003e` + planted + `\u003c/Password\u003e"}`},
		{"escaped marks of a query", `request {"url":"https://h/?a\u003d1\u0026token\u003d` + planted + `"}`},
		{"escaped colon", `request {"p":"password\u003a` + planted + `"}`},
		{"escaped slashes of a URL", `request {"url":"https:\/\/bob:` + planted + `@h\/"}`},
		{"escaped slashes of a URL twice", `x {"m":"{\"url\":\"https:\\\/\\\/bob:` + planted + `@h\\\/\"}"}`},
		{"escaped slashes of a webhook", `x {"url":"https:\/\/hooks.slack.com\/services\/T0\/B0\/` + planted + `"}`},
		{"escaped at sign", `request {"p":"https://bob:` + planted + `\u0040h"}`},

		{"multipart in a string", `{"body":` + quote("--b\r\n"+part+"--b--\r\n") + `}`},
	}
}

// TestLeaks: none of it gets through, whole or cut at any byte, and JSON stays JSON.
func TestLeaks(t *testing.T) {
	rules := New(Options{})
	for _, test := range leakCases() {
		t.Run(test.name, func(t *testing.T) {
			got := rules.Content([]byte(test.in), 0)
			if json.Valid([]byte(test.in)) && !json.Valid(got) {
				t.Errorf("no JSON any more: %s", got)
			}
			if rest := shown(string(got)); rest != "" {
				t.Errorf("%q survives in %s", rest, got)
			}
			for cut := range test.in {
				if rest := shown(string(rules.Content([]byte(test.in[:cut]), CutEnd))); rest != "" && !isUnnamed(test.name) {
					t.Fatalf("cut at %d, %q survives in %s", cut, rest, rules.Content([]byte(test.in[:cut]), CutEnd))
				}
			}
		})
	}
}

// isUnnamed is for what nobody can know: the cut took the name that would have told that the value is secret.
func isUnnamed(test string) bool {
	return strings.Contains(test, "before its name") || strings.Contains(test, "behind") || strings.Contains(test, "reversed") ||
		test == "parameters of SQL" || strings.HasPrefix(test, "long user info")
}

// shown gives a piece of the planted secret that can be read in s, also under what encodes it.
func shown(s string) string {
	const piece = 6
	views := []string{s, html.UnescapeString(s)}
	for _, word := range strings.FieldsFunc(strings.NewReplacer("\r\n\r\n", " ", `\r\n`, "", "\r\n", "").Replace(s), func(r rune) bool {
		return strings.ContainsRune("\" \n,;:<>{}'\\", r)
	}) {
		for _, word := range []string{word, strings.TrimPrefix(word, "/x/")} {
			plain, _ := base64.StdEncoding.DecodeString(word[:len(word)/4*4])
			views = append(views, string(plain))
		}
	}
	for _, view := range views {
		for i := 0; i+piece <= len(planted); i++ {
			if strings.Contains(view, planted[i:i+piece]) {
				return planted[i : i+piece]
			}
		}
	}
	return ""
}

// TestNotLeaks: what looks nearly like it and is shown.
func TestNotLeaks(t *testing.T) {
	rules := New(Options{})
	for _, in := range []string{
		`got {'monkey': 'x', "compass_rose": "y"}`,
		`{"q":"redirect=%2Fcb%3Fpage%3D2","r":"100%25 a%3Db"}`,
		`{"html":"&lt;b&gt;x&lt;/b&gt; &amp; &quot;a&quot;: 1"}`,
		`{"path":"/var/task/node_modules/SomeLongDirectoryName/index.js"}`,
		`{"UpdateExpression":"SET colour = :c","ExpressionAttributeValues":{":c":{"S":"red"}}}`,
		`{"value":{"a":[1,2]},"name":"colour","values":["x"]}`,
		`got {"name":"colour","value":"red"} and 'value': 'x', 'name': 'y'`,
		`<m><name>colour</name><value>red</value><value>blue</value></m>`,
		`usage: tool --token -v, --password --help; a -- token b`,
		`{"Statement":[{"Effect":"Allow","Action":"s3:GetObject"}]}`,
		"---\na: b\n\nc: d\n",
		`{"session":{"new":true,"user":{"id":"u"}},"auth":{"type":"basic"},"AccountSid":"AC1","sessions":["x"]}`,
		`{"label":"Name","text":"Ada","k":"a","v":"b"} {"text":"Ada","label":"password"}`,
		`x text: Ada, v: 1, session: began, auth: ok; got {'text': 'Ada', 'label': 'password'}`,
		`{"password":"","query":"login(password: \"\", user: \"me\")"}`,
		"\x1b[31mERROR\x1b[0m: \x1b[32mthe monkey\x1b[0m [\x1b[1mx] a\tb\tcompass\tx tokenized\ty\n\tat com.example.Token",
		`{"rawHeaders":["Host","h","Accept","*/*"],"headers":["Authorization","Content-Type"],"id":"orders","value":"red"}`,
		`{/* c */"colour": /* x */ "red"}`,
		`<form><input type="text" value="red"><colour value="red"/><password type="text"/><x key="na&#109;e">Ada</x></form>`,
		`x {"p":"Stra\u00dfe \u003cb\u003ex\u003c/b\u003e \u0022monkey\u0022:\u0022x\u0022", "q":"https:\/\/h\/x?a\u003d1"} C:\users\u0022 \u12`,
		`<entry><name>Password reset</name><updated>now</updated><content>Welcome</content></entry><m><name>token</name></m><x><value>red</value></x>`,
		`{"data":"HelloHelloHelloHello","b":"eJustAWord, more","c":"UEsDBA"}`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != in {
			t.Errorf("got  %s\nwant %s", got, in)
		}
	}
}

// TestCutCardNumber: a number at the end of cut JSON may be the beginning of one of a card.
func TestCutCardNumber(t *testing.T) {
	rules := New(Options{})
	for in, want := range map[string]string{
		`{"no":411111111`:    `{"no":"****"`,
		`[5500000000000`:     `["****"`,
		`{"no":4111`:         `{"no":4111`,
		`{"at":176722560000`: `{"at":176722560000`,
		`{"no":411111111,"`:  `{"no":411111111,"`,
	} {
		if got := string(rules.Content([]byte(in), CutEnd)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestMultipartWithItsBoundary: text may stand before the first boundary, and what follows it may be no header that is known.
func TestMultipartWithItsBoundary(t *testing.T) {
	rules := New(Options{})
	part := "Content-Disposition: form-data; name=\"password\"\r\n\r\n" + planted + "\r\n"
	for name, in := range map[string]string{
		"preamble":       "This is a message in parts.\r\n--b c\r\n" + part + "--b c--\r\n",
		"preamble of LF": "x\n--b c\n" + strings.ReplaceAll(part, "\r", "") + "--b c--\n",
		"first header":   "--b c\r\nX-Weird: 1\r\n" + part + "--b c--\r\n",
		"in a preamble":  "password=" + planted + "\r\n--b c\r\nA: b\r\n\r\nx\r\n--b c--",
		"no boundary":    `{"password":"` + planted + `"}`,
	} {
		for cut := range len(in) + 1 {
			got := string(rules.Multipart([]byte(in[:cut]), "b c", CutEnd))
			if rest := shown(got); rest != "" {
				t.Fatalf("%s, cut at %d: %q survives in %s", name, cut, rest, got)
			}
		}
	}
}

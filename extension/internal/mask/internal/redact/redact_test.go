package redact

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A jwt, an access key id and the like, put together so that no scanner of repositories takes this file for a leak.
var (
	jwt     = "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0" + "." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	akid    = "AKIA" + "IOSFODNN7EXAMPLE"
	session = "IQoJb3JpZ2lu" + strings.Repeat("X2VjEJr+", 12)
	github  = "ghp_" + strings.Repeat("a1B2", 9)
	stripe  = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
	pemKey  = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEowIBAAKCAQEA\nhunter2==\n-----END RSA PRIVATE " + "KEY-----"
)

const hidden = "hunter2" // what must not survive in the tables below

func TestContent(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	tests := []struct{ name, in, want string }{
		{"nothing", ``, ``},
		{"nothing secret", `{"a":1,"b":["x",null,true,1.5e3]}`, `{"a":1,"b":["x",null,true,1.5e3]}`},
		{"a text", `{"password":"hunter2","b":"x"}`, `{"password":"****","b":"x"}`},
		{"a number becomes a text", `{"pin":1234}`, `{"pin":"****"}`},
		{"null, booleans and nothing stay", `{"secret":null,"password":false,"token":""}`, `{"secret":null,"password":false,"token":""}`},
		{"white space stays", "{ \"password\" :\t\"hunter2\" ,\n \"b\": 1 }", "{ \"password\" :\t\"****\" ,\n \"b\": 1 }"},
		{"all below a secret key", `{"credentials":{"user":"hunter2","n":[1,"hunter2",{"x":null}]},"b":1}`, `{"credentials":{"user":"****","n":["****","****",{"x":null}]},"b":1}`},
		{"after a secret container", `[{"secret":["hunter2"]},"b"]`, `[{"secret":["****"]},"b"]`},
		{"escaped key", `{"pass\u0077ord":"hunter2"}`, `{"pass\u0077ord":"****"}`},
		{"quotes in the value", `{"password":"hunter2\"x","b":"\\"}`, `{"password":"****","b":"\\"}`},
		{"DynamoDB's typed attributes", `{"Item":{"password":{"S":"hunter2"},"id":{"N":"7"}}}`, `{"Item":{"password":{"S":"****"},"id":{"N":"7"}}}`},
		{"numbers of tokens are counts", `{"total_tokens":57,"tokens":["hunter2"]}`, `{"total_tokens":57,"tokens":["****"]}`},
		{"JSON in a JSON string", `{"body":"{\"password\":\"hunter2\",\"b\":\"é\\n\"}"}`, `{"body":"{\"password\":\"****\",\"b\":\"é\\n\"}"}`},
		{"JSON in JSON in JSON", `{"a":"{\"b\":\"{\\\"token\\\":\\\"hunter2\\\"}\"}"}`, `{"a":"{\"b\":\"{\\\"token\\\":\\\"****\\\"}\"}"}`},
		{"JSON behind text in a string", `{"log":"sent {\"password\":\"hunter2\"} twice"}`, `{"log":"sent {\"password\":\"****\"} twice"}`},
		{"JSON in a list of strings", `["{\"password\":\"hunter2\"}"]`, `["{\"password\":\"****\"}"]`},
		{"JSON after a byte order mark", "\xef\xbb\xbf{\"password\":\"hunter2\"}", "\xef\xbb\xbf{\"password\":\"****\"}"},
		{"lines of JSON", "{\"password\":\"hunter2\"}\n{\"token\":\"hunter2\"}\n", "{\"password\":\"****\"}\n{\"token\":\"****\"}\n"},
		{"base64 of JSON", `{"data":"` + b64([]byte(`{"password":"hunter2"}`)) + `"}`, `{"data":"` + b64([]byte(`{"password":"****"}`)) + `"}`},
		{"base64 of a form", `{"body":"` + b64([]byte(`user=me&password=hunter2`)) + `","isBase64Encoded":true}`, `{"body":"` + b64([]byte(`user=me&password=****`)) + `","isBase64Encoded":true}`},
		{"base64 of text without secrets", `{"data":"` + b64([]byte(`hello, wonderful world`)) + `"}`, `{"data":"` + b64([]byte(`hello, wonderful world`)) + `"}`},
		{"name and value beside each other", `[{"name":"password","value":"hunter2"},{"name":"colour","value":"red"}]`, `[{"name":"password","value":"****"},{"name":"colour","value":"red"}]`},
		{"ParameterKey and ParameterValue", `{"ParameterKey":"DbPassword","ParameterValue":"hunter2"}`, `{"ParameterKey":"DbPassword","ParameterValue":"****"}`},
		{"value beside a secret name as an object", `{"name":"password","value":{"stringValue":"hunter2"}}`, `{"name":"password","value":{"stringValue":"****"}}`},
		{"headers as pairs of lists", `{"authorization":[{"key":"Authorization","value":"hunter2"}]}`, `{"authorization":[{"key":"****","value":"****"}]}`},
		{"GraphQL", `{"query":"mutation { login(password: \"hunter2\") }","variables":{"password":"hunter2"}}`, `{"query":"mutation { login(password: \"****\") }","variables":{"password":"****"}}`},
		{"card number", `{"n":"4111 1111 1111 1111","m":4111111111111111,"o":"4111-1111-1111-1112"}`, `{"n":"****","m":"****","o":"4111-1111-1111-1112"}`},
		{"card number after an escape", `{"n":"\n4111111111111111"}`, `{"n":"\n****"}`},
		{"query in a value", `{"url":"https://h/p?token=hunter2&b=1"}`, `{"url":"https://h/p?token=****&b=1"}`},

		{"cut in a secret", `{"password":"hunter2`, `{"password":"****`},
		{"cut in a secret list", `{"a":1,"secrets":["hunter2","hunt`, `{"a":1,"secrets":["****","****`},
		{"cut in a secret number", `{"pin":12`, `{"pin":"****"`},
		{"cut after an escape", `{"password":"hunter2\`, `{"password":"****`},
		{"credential as a key", `{"` + akid + `":1,"a b=` + jwt + `":{"x":2}}`, `{"****":1,"a b=****":{"x":2}}`},
		{"cut in a key", `{"a":1,"passw`, `{"a":1,"passw`},
		{"cut in JSON in JSON", `{"body":"{\"password\":\"hunter2`, `{"body":"{\"password\":\"****`},
		{"cut in a literal", `{"a":tru`, `{"a":tru`},

		{"JavaScript's objects", `{password: 'hunter2', b: 1}`, `{password: '****', b: 1}`},
		{"Python's dictionaries", `{'password': 'hunter2', 'b': 1}`, `{'password': '****', 'b': 1}`},
		{"Ruby's hashes", `{"password"=>"hunter2", :token=>"hunter2"}`, `{"password"=>"****", :token=>"****"}`},
		{"JSON with a comma too much", `{"password":"hunter2",}`, `{"password":"****",}`},
		{"JSON with a bare word", `{"password": hunter2, "b": 1}`, `{"password": ****, "b": 1}`},
		{"JSON that breaks below a secret", `{"credentials":{"a":1,,"b":"hunter2"}}`, `{"credentials":{"a":"****",****`},
		{"JSON that breaks after a pair", `[{"name":"password","value":"hunter2"},{]`, `[{"name":"password","value":"****"},{]`},
		{"JSON with a comment", "{// note\n\"password\":\"hunter2\"}", "{// note\n\"password\":\"****\"}"},

		{"form", `user=me&password=hunter2&b=1`, `user=me&password=****&b=1`},
		{"text", `login with password hunter`, `login with password hunter`},
		{"assignment", `password=hunter2 user=me`, `password=**** user=me`},
		{"assignment with spaces", `SET password = 'hunter2' WHERE id = 7`, `SET password = '****' WHERE id = 7`},
		{"colon", `password: hunter2, user: me`, `password: ****, user: me`},
		{"header lines", "Host: h\r\nAuthorization: Bearer hunter2hunter2\r\nX: y", "Host: h\r\nAuthorization: ****\r\nX: y"},
		{"header of a session", "X-Session: hunter2\r\nX: session: began", "X-Session: ****\r\nX: session: began"},
		{"cookie line", "Cookie: a=hunter2; b=hunter2\r\nX: y", "Cookie: ****\r\nX: y"},
		{"environment", "AWS_SECRET_ACCESS_KEY=hun/ter2+x=\nAWS_REGION=eu-west-1", "AWS_SECRET_ACCESS_KEY=****\nAWS_REGION=eu-west-1"},
		{"connection string", "Server=db;User Id=sa;Password=hunter2,x;Database=d", "Server=db;User Id=sa;Password=****;Database=d"},
		{"keyword arguments", `connect(host="h", password="hunter2", port=1)`, `connect(host="h", password="****", port=1)`},
		{"field of a form", `user[password]=hunter2&user%5Btoken%5D=hunter2`, `user[password]=****&user%5Btoken%5D=****`},
		{"unknown word before a colon", `TokenExpiredError: jwt expired`, `TokenExpiredError: jwt expired`},
		{"place in a stack", `at TokenService.get(TokenService.java:42)`, `at TokenService.get(TokenService.java:42)`},
		{"namespace", `auth::token::verify failed`, `auth::token::verify failed`},
		{"comparison", `if token == "hunter2"`, `if token == "****"`},
		{"quoted with escapes", `body: {\"password\": \"hunter2\", \"b\": 1}`, `body: {\"password\": \"****\", \"b\": 1}`},
		{"value in brackets", `passwords: [hunter2, hunter2] b`, `passwords: **** b`},
		{"element in text", `got <password>hunter2</password> and <b>x</b>`, `got <password>****</password> and <b>x</b>`},
		{"generics in text", `List<Token> tokens of Map<Secret, X>`, `List<Token> tokens of Map<Secret, X>`},
		{"user in a URL", `postgres://me:hunter2@db:5432/x`, `postgres://****@db:5432/x`},
		{"user in a URL with a slash", `postgres://me:hun/ter2@db:5432/x`, `postgres://****@db:5432/x`},
		{"URL with a port", `http://localhost:4566/x and http://h:80`, `http://localhost:4566/x and http://h:80`},

		{"access key id", `key ` + akid + ` used`, `key **** used`},
		{"access key id in a word", `X` + akid + `X`, `X` + akid + `X`},
		{"session token", `x ` + session + ` y`, `x **** y`},
		{"JWT", `x ` + jwt + ` y`, `x **** y`},
		{"JWT in a URL", `https://h/p?x=1&u=` + jwt, `https://h/p?x=1&u=****`},
		{"JWT after an escape of a URL", `a%20` + jwt, `a%20****`},
		{"bearer", `got Bearer hunter2hunter2.`, `got Bearer ****`},
		{"basic", `got Basic ` + b64([]byte("me:hunter2")) + ` ok`, `got Basic **** ok`},
		{"basic as a word", `Basic information for bearer of news`, `Basic information for bearer of news`},
		{"GitHub's", github, Mask},
		{"Stripe's", `"` + stripe + `"`, `"` + Mask + `"`},
		{"private key", "a\n" + pemKey + "\nb", "a\n-----BEGIN RSA PRIVATE " + "KEY-----****-----END RSA PRIVATE " + "KEY-----\nb"},
		{"private key in JSON", `{"k":"` + strings.ReplaceAll(pemKey, "\n", `\n`) + `"}`, `{"k":"-----BEGIN RSA PRIVATE ` + `KEY-----****-----END RSA PRIVATE ` + `KEY-----"}`},
		{"private key without its end", pemKey[:60], "-----BEGIN RSA PRIVATE " + "KEY-----****"},
		{"certificate", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"},
		{"card number in text", `paid with 4111 1111 1111 1111 today`, `paid with **** today`},
		{"card number before another number", `4111 1111 1111 1111 100 USD`, `**** 100 USD`},
		{"card number behind another number", `order 12 4111-1111-1111-1111.`, `order 12 ****.`},
		{"American Express", `3782 822463 10005`, Mask},
		{"time in microseconds", `1767225600000000 1767225600123`, `1767225600000000 1767225600123`},
		{"card number alone", `4111111111111111`, `"****"`},
		{"card number with a fraction", `{"n":4111111111111111.0}`, `{"n":"****"}`},
		{"number with a wrong check digit", `4111111111111112`, `4111111111111112`},
		{"fraction", `0.4111111111111111`, `0.4111111111111111`},
		{"digest", `sha256:a4111111111111111b`, `sha256:a4111111111111111b`},
		{"uuid", `41111111-1111-1111-1111-111111111111`, `41111111-1111-1111-1111-111111111111`},

		{"XML", `<?xml version="1.0"?><a><password>hunter2</password><b c="1">x</b></a>`, `<?xml version="1.0"?><a><password>****</password><b c="1">x</b></a>`},
		{"XML, all below", `<a><Credentials><Key>hunter2</Key> <x/><Credentials>hunter2</Credentials>hunter2</Credentials><b>x</b></a>`, `<a><Credentials><Key>****</Key> <x/><Credentials>****</Credentials>****</Credentials><b>x</b></a>`},
		{"XML with a prefix", `<s:Body><w:Password Type="x">hunter2</w:Password></s:Body>`, `<s:Body><w:Password Type="x">****</w:Password></s:Body>`},
		{"XML attribute", `<user name="me" password="hunter2"/>`, `<user name="me" password="****"/>`},
		{"XML name and value", `<add key="ApiKey" value="hunter2"/><param name="password">hunter2</param>`, `<add key="ApiKey" value="****"/><param name="password">****</param>`},
		{"XML with CDATA", `<a><token><![CDATA[hunter2]]></token><![CDATA[password=hunter2]]></a>`, `<a><token><![CDATA[****]]></token><![CDATA[password=****]]></a>`},
		{"XML comment", `<a><!-- password: hunter2 --></a>`, `<a><!-- password: **** --></a>`},
		{"XML, cut", `<a><password>hunter2`, `<a><password>****`},
		{"XML attribute over lines", "<x\n\tpassword\n\t= \"hunter2\"\n\tb\r\n=\r\n\"x\"/>", "<x\n\tpassword\n\t= \"****\"\n\tb\r\n=\r\n\"x\"/>"},
		{"XML name and value apart", `<p><Name>password</Name><Type>s</Type><a><b>1</b><br/></a><Value>hunter2</Value><Value>x</Value></p><p><Name>b</Name><T>s</T><Value>x</Value></p>`, `<p><Name>password</Name><Type>s</Type><a><b>1</b><br/></a><Value>****</Value><Value>x</Value></p><p><Name>b</Name><T>s</T><Value>x</Value></p>`},
		{"XML value and name apart", `<p><Value>hunter2</Value><Type>s</Type><Name>password</Name></p><p><Value>x</Value><Type>s</Type><Name>b</Name></p>`, `<p><Value>****</Value><Type>s</Type><Name>password</Name></p><p><Value>x</Value><Type>s</Type><Name>b</Name></p>`},
		{"XML name above, value apart", `<p><Name>password</Name><T>s</T></p><p><T>s</T><Value>x</Value></p>`, `<p><Name>password</Name><T>s</T></p><p><T>s</T><Value>x</Value></p>`},
		{"what only begins like XML", `<0 ` + jwt + ` b`, `<0 **** b`},
		{"XML, cut in a tag", `<a b="` + jwt + `" c ` + akid, `<a b="****" c ****`},
		{"HTML", `<html><input name="password" value="hunter2"><p>text</p>`, `<html><input name="password" value="****"><p>text</p>`},
		{"HTML meta", `<html><meta name="csrf-token" content="hunter2"><p>text</p>`, `<html><meta name="csrf-token" content="****"><p>text</p>`},

		{"multipart", "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--b\r\nContent-Disposition: form-data; name=\"b\"; filename=\"token\"\r\n\r\n{\"token\":\"hunter2\"}\r\n--b--\r\n",
			"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n****\r\n--b\r\nContent-Disposition: form-data; name=\"b\"; filename=\"token\"\r\n\r\n{\"token\":\"****\"}\r\n--b--\r\n"},
		{"multipart, cut", "--b\r\nContent-Disposition: form-data; name=password\r\n\r\nhunt", "--b\r\nContent-Disposition: form-data; name=password\r\n\r\n****"},
	}
	rules := New(Options{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := []byte(test.in)
			got := string(rules.Content(in, 0))
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if string(in) != test.in {
				t.Error("wrote into its input")
			}
			if strings.Contains(got, hidden) {
				t.Errorf("%q survives", hidden)
			}
			if again := string(rules.Content([]byte(got), 0)); again != got {
				t.Errorf("masked twice: %s", again)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	rules := New(Options{Keys: []string{"customer-number", "Konto"}, Allow: []string{"next_token", "PIN"}})
	for key, want := range map[string]bool{
		"password": true, "Password": true, "PASSWORD": true, "userPassword": true, "dbpassword": true, "password2": true, "password_hash": true, "pass": true,
		"db_pass": true, "api_key": true, "apiKey": true, "API-KEY": true, "x-api-key": true, "apikey": true, "ApiKeys": true, "APIKey": true, "my.api.key": true,
		"AWSAccessKeyId": true, "aws_secret_access_key": true, "secretAccessKey": true, "X-Amz-Security-Token": true, "X-Amz-Signature": true, "X-Amz-Credential": true,
		"X-Goog-Signature": true, "Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Set-Cookie": true, "cookies": true, "sessionToken": true,
		"access_token": true, "oauth2Token": true, "client_secret": true, "clientSecret": true, "SecretString": true, "credentials": true, "private_key": true, "passphrase": true,
		"card_number": true, "cardNumber": true, "CARDNUMBER": true, "pan": true, "cvv": true, "cvv2": true, "CVC": true, "ssn": true, "socialSecurityNumber": true, "pwd": true,
		"x-amz-server-side-encryption-customer-key": true, "user[password]": true, ":password": true, "sig": true, "X-CSRF-Token": true, "total_tokens": true,
		"clientsecret": true, "appsecret": true, "apisecret": true, "CONSUMERSECRET": true, "webhooksecret": true, "usersecret": true, "secretvalue": true, "csrftoken": true,
		"xsrftoken": true, "csrfmiddlewaretoken": true, "keystorepass": true, "appsecrets": true, "clientsecret2": true, "clientsecret_old": true, "APP_KEY": true, "backup_codes": true,
		"auth": true, "sid": true, "Session": true, "auth_session": false, "sessions": false, "accountSid": false, "oauth": false, "x-auth": true, "x-auth-user": false, "secretariat": false, "undersecretary": false,
		"customer_number": true, "customerNumber": true, "kontoNummer": true,

		"monkey": false, "compass": false, "key": false, "keys": false, "primary_key": false, "partitionKey": false, "keyboard": false, "passed": false, "pass_rate": false,
		"bypass_cache": false, "secretary": false, "tokenize": false, "token_type": false, "tokenCount": false, "next_token": false, "nextToken": false, "pin": false, "pinned": false,
		"spanId": false, "expand": false, "company": false, "design": false, "assign": false, "authority": false, "author": false, "publicKey": false,
		"SignatureVersion": false, "x-amz-content-sha256": false, "": false, "---": false, "é": false, "kmsKeyId": false, "kontor": false,
	} {
		if _, got, _ := rules.Name(key); got != want {
			t.Errorf("%q: got %v, want %v", key, got, want)
		}
	}
}

// TestHalfASecretAtACut: what the hook cut in the middle does not look like a whole credential any more and is hidden all the same.
func TestHalfASecretAtACut(t *testing.T) {
	rules := New(Options{})
	for name, secret := range map[string]string{
		"access key id": akid, "JWT": jwt, "GitHub's": github, "Stripe's": stripe, "card": "4111 1111 1111 1111", "card without spaces": "4111111111111111",
		"session token": session, "private key": pemKey[:58], "bearer": "Bearer abcdefghijklmnop", "URL": "postgres://me:hunter2@db",
	} {
		for _, format := range []string{`text %s`, `{"a":"text %s`, `{"a":"{\"b\":\"%s`, `a=1&b=%s`, `["x","%s`} {
			whole := fmt.Sprintf(format, strings.ReplaceAll(secret, "\n", " "))
			for cut := len(whole) - 1; cut > len(whole)-len(secret)+len("postgres://me:h"); cut-- {
				got := string(rules.Content([]byte(whole[:cut]), CutEnd))
				if tail := whole[cut-4 : cut]; strings.HasSuffix(got, tail) {
					t.Errorf("%s cut at %d: %s", name, cut, got)
				}
			}
		}
	}
}

// TestShortenedJSON: the hook made whole JSON of a large event again, so strings in it end too early although they have both quotes.
func TestShortenedJSON(t *testing.T) {
	rules := New(Options{})
	text := strings.Repeat("x ", shortened/2)
	for in, want := range map[string]string{
		jwt[:15]:                         "****",
		"GET https://bob:Kq7ZwRx9T":      "GET https://****",
		"GET https://h:8080":             "GET https://h:8080",
		"GET https://bob:Kq7 from h":     "GET https://bob:Kq7 from h",
		"GET http://[2001:db8::1]":       "GET http://[2001:db8::1]",
		"jdbc:oracle:thin:bob/Kq7Z":      "jdbc:oracle:thin:****",
		"jdbc:oracle:thin:bob/Kq7Z fail": "jdbc:oracle:thin:bob/Kq7Z fail",
		"jdbc:oracle:thin:@//h:1521/x":   "jdbc:oracle:thin:@//h:1521/x",
		"jdbc:oracle:thin:@h:1521:x":     "jdbc:oracle:thin:@h:1521:x",
	} {
		in = fmt.Sprintf(`{"a":"%s%s","b":"4111 1111 11","c":{"password":"hunter2"}}`, text, in)
		want = fmt.Sprintf(`{"a":"%s%s","b":"4111 1111 11","c":{"password":"****"}}`, text, want)
		if got := string(rules.Content([]byte(in), CutInside)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestForm(t *testing.T) {
	rules := New(Options{})
	for in, want := range map[string]string{
		"":                       "",
		"a=1&b=2":                "a=1&b=2",
		"a=1&password=x%20y&b":   "a=1&password=****&b",
		"pass%77ord=x&password=": "pass%77ord=****&password=",
		"user%5Btoken%5D=x":      "user%5Btoken%5D=****",
		"Action=SendMessage&MessageBody=%7B%22password%22%3A%22hunter2%22%2C%22b%22%3A1%7D": "Action=SendMessage&MessageBody=%7B%22password%22%3A%22****%22%2C%22b%22%3A1%7D",
		"q=password+%3D+hunter2":                                       "q=password+%3D+****",
		"q=hello%20world&r=1+1":                                        "q=hello%20world&r=1+1",
		"card=4111+1111+1111+1111&b=":                                  "card=****&b=",
		"a=%zz&token=%zz":                                              "a=%zz&token=****",
		"%7B%22password%22%3A%22hunter2%22%2C%22b%22%3A1%7D=":          "%7B%22password%22%3A%22****%22%2C%22b%22%3A1%7D=",
		`{"token":"hunter2"}=&a=` + strings.Repeat("x", maxKey) + "=1": `{"token":"****"}=&a=` + strings.Repeat("x", maxKey) + "=1",
		"%7B%22colour%22%3A%22red%22%7D=&filter[a]=b":                  "%7B%22colour%22%3A%22red%22%7D=&filter[a]=b",
	} {
		if got := string(rules.Form([]byte(in), 0)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	rules := New(Options{})
	for in, want := range map[string]string{
		"":                                "",
		"https://h/p":                     "https://h/p",
		"https://h":                       "https://h",
		"https://me:hunter2@h:8443/p?x=1": "https://****@h:8443/p?x=1",
		"https://me@h/p":                  "https://****@h/p",
		"https://h/p?AWSAccessKeyId=x&Expires=1&Signature=x":                                                                        "https://h/p?AWSAccessKeyId=****&Expires=1&Signature=****",
		"https://h/p?sig=x&X-Goog-Signature=x&X-Amz-Credential=x&X-Amz-Security-Token=x&X-Amz-Signature=x&X-Amz-SignedHeaders=host": "https://h/p?sig=****&X-Goog-Signature=****&X-Amz-Credential=****&X-Amz-Security-Token=****&X-Amz-Signature=****&X-Amz-SignedHeaders=host",
		"https://h/p?x=1#access_token=x&y=1":                                                                                        "https://h/p?x=1#access_token=****&y=1",
		"https://h/" + jwt + "/x":                                                                                                   "https://h/****/x",
		"https://h/cards/4111111111111111":                                                                                          "https://h/cards/****",
		"https://h/p?body=%7B%22pin%22%3A1%7D":                                                                                      "https://h/p?body=%7B%22pin%22%3A%22****%22%7D",
		"https://hooks.slack.com/services/T0/B0/x?y=1":                                                                              "https://hooks.slack.com/services/****?y=1",
		"https://api.telegram.org/bot123:x/send":                                                                                    "https://api.telegram.org/bot****",
		"/relative?token=x":                                                                                                         "/relative?token=****",
		"https://h/a:b?c":                                                                                                           "https://h/a:b?c",
	} {
		if got := string(rules.URL([]byte(in))); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

// hostileUnits are what makes backtracking or careless look-ahead take hours, repeated often enough.
func hostileUnits() []string {
	return []string{
		"[", "{", `{"a":`, `"`, `\`, `\"`, "=", ":", "a:", "token=", "token=,", "token=,a", "password=(", "://", "x://a:b/", "<", "<token>", "<token", "</", "-", "-----BEGIN ",
		"token='a''b", "token=''a", "token=a''", `token=""a`, `token=""a"`, "token=N'", "token=a('", "token=a(b", "token: a = '", "token: a = ", "token: a|", "token a := '", "a := ", "IN (", "token IN ('", "token <> '", "token != '", "(token) = '", "!=", "<>",
		`{"op":"a","path":"token","value":`, `{"value":1,"path":"token",`, `{"path":"token",`, `{"value":1,"op":2,`, "op path=", "op path='token' value=", "op path=(",
		"%B4", "%B41111111111111^", "B4111111111111111^", "4111111111111111=", "4111111111111111D1", "a4111", "a12345678901234", "a4111 ", "4111111111111111^",
		`\u0022`, `a\u003d`, `\\u0022a`, `"\u0022`, `\u0022 x`, `:\/\/`, `x:\/\/a:b\/`, `\u0022\u003a%3D`,
		"-----BEGIN PRIVATE KEY-----", "eyJ", "eyJhbGciOiJ.", "4", "4111 ", "4111-1111-1111-111", "%", "%20", "&", "a=%7B", "Bearer ", "basic ", "ghp_a ", "\xff", " ", "\n",
		`{"name":"password",`, "<a b=", "<![CDATA[", "--b\ncontent-", "password='", "password: {", "e30=", "W3siYSI6",
		"a%3D", "%253D", "%3D ", "&quot;", "&amp;quot;a=", "&lt;<", "e30=/", "W3siYSI6IjEiLCJhIjoi/", "://a:1x/", "://a:1", `{"value":`, `{"value":{"a":[`, `{"value":1},`,
		`{"expressionAttributeNames":{"a":`, `{"sql":"password","parameters":[`, "<name>password</name>", "--token ", "--token (", "sql=password,parameters=(", "sql=(password", "<name a=b>", "<value>a</value>", "<value>a</value><name ", "<value>a</value><b>", "<value>a</value><b>c</b>", "<value>a</value><b \"", "<name>token</name><b>", "a\n\n=", "<a \n", "<a b\n=", "--b\na:",
		"'value':'x','name':'", "name=password value=", "name=\"password\" name=(", "name=\"password\" value=(", strings.Repeat("W3siYSI6", 9) + "\n", `{"value":"x","name":"password"},`,
		"x {\"", "x {\"a\"", "x {\"value\":", "x {\"value\":x ", "x {\"value\":1,", "x {\"password\":{\"a\":1,,", "{ ", "x {\"a\":\"{\\\"b\\\":1}\"} ", "value.", "a.Value=x&a.Name=y&", "name=token&x.value=", "a.b.c=", "[a]",
		"\x1b[", "\x1b[1m", "password\x1b[1m", "token:\x1b[1m[", "token: /*", "name:/**/", "token\t", "a\t", "token\t(", "H4sI", "eJwa1B2c3", "code=", "code=(", "code='a1", "code:aB3d", "4111.", "4111\u00a0", "&#112;",
		`{"rawHeaders":["token",`, `["token","x"],`, `{"id":"x",`, `{"id":"token","value":`, "<input type=password value=", "<a id='b'",
		"-----BEGIN+", "-----BEGIN%20", "token=-----BEGIN ", "(token)=(", "(a)=(", ")=(", "))))=(", "(token)=(a)b", "Duplicate entry ", "Duplicate entry x for key ", "duplicate key value is (", "Failing row contains (",
		"dup key:", "dup key: {", "Truncated value:", "AUTH ", "AUTH a1 ", "requirepass ", "\nrequirepass ", "password(", "password '", "password for a", "password for :", "by '", "IDENTIFIED BY ", "IDENTIFIED BY '",
		"-u a:", "curl -u ", "curl -u a:", "-p", "mysql -p", "--user a:", "oracle:thin:", "oracle:thin:a@", "a:b@tcp(", "@tcp(", "Private-Lines:", `{"apiVersion":"v1","data":{`, `{"apiVersion":1,"data":1,"kind":"Secret",`,
		"[Symbol(token)]: ", ")]:", `\n`, `\ntoken`, "token={a}b", "token={a}}b", "://hooks.slack.com/", "://hooks.slack.com/services/a", "://a.webhook.office.com/", "://discord.com/api/v1/", "://api.telegram.org:1", "://a.b", `authorization: a="b`, `cookie=a="b" `, "4111+", "4111%20", "--b\nname*=a''token\n\n", "n:", `\n:`,
		"eyJ-", "a_eyJ", "basic+", "Basic%20", "/*k:/**/", "/*token=/**/", "&#x3d;", "= ", ")=\x1b[m", "Private-Lines:", "oracle:thin:a/", ")]: ", ")= =",
	}
}

// TestHostileInputTakesLinearTime: no look ahead is left uncounted. Sixteen times the input may take many times sixteen times the time, on a busy machine too, but not
// the 256 times of what is quadratic.
func TestHostileInputTakesLinearTime(t *testing.T) {
	const (
		size  = 4 << 10
		more  = 16
		most  = 5 * more
		tries = 5
		quick = 30 * time.Millisecond // what the longer input may take whatever the ratio is
	)
	rules := New(Options{})
	took := func(in []byte) time.Duration {
		start := time.Now()
		rules.Content(in, 0)
		return time.Since(start)
	}
	for _, unit := range hostileUnits() {
		short := bytes.Repeat([]byte(unit), size/len(unit))
		long := bytes.Repeat(short, more)
		one, many := took(short), took(long)
		for try := 0; many > quick && many > most*one && try < tries; try++ {
			one, many = min(one, took(short)), min(many, took(long))
		}
		if many > quick && many > most*one {
			t.Errorf("%q: %v for %d bytes, %v for %d times as many", unit, one, len(short), many, more)
		}
	}
}

// TestHostileInputIsLinear feeds them, and counts how often a byte is looked at: twice the input is twice the work.
func TestHostileInputIsLinear(t *testing.T) {
	const (
		size  = 16 << 10
		slack = 16 << 10 // what a look ahead costs at most, once
		most  = 128      // looks at a byte, over all encodings that it may be in
	)
	for _, unit := range hostileUnits() {
		for name, o := range map[string]Options{"default": {}, "strict": {Preset: Strict, Allow: []string{"name"}}, "paths": {Preset: PCI, Paths: []string{"a", "*.*.b", "value.a.c"}}} {
			rules := New(o)
			for kind, mask := range map[string]func(w *work, in []byte){
				"content":   func(w *work, in []byte) { w.content(in, CutEnd|CutInside, 0) },
				"form":      func(w *work, in []byte) { e := edit{in: in}; w.form(&e, 0, len(in), CutEnd, 0) },
				"URL":       func(w *work, in []byte) { w.url(in) },
				"in a JSON": func(w *work, in []byte) { w.content([]byte(`{"a":"`+string(escape(in))+`"}`), 0, 0) },
			} {
				steps := func(size int) int {
					w := rules.get()
					mask(w, bytes.Repeat([]byte(unit), size/len(unit)))
					return w.steps
				}
				one, two := steps(size), steps(2*size)
				if two > 2*one+one/10+slack || two > most*2*size {
					t.Errorf("%s, %s of %q: %d steps for %d bytes, %d for twice as many", name, kind, unit, one, size, two)
				}
			}
		}
	}
}

// TestHostileNestingIsBounded: encodings within encodings, each of which could be opened in more than one way, do not multiply the time.
func TestHostileNestingIsBounded(t *testing.T) {
	const size = 64 << 10
	const most = 64 // looks at a byte
	percent := func(s string) string {
		return strings.NewReplacer("%", "%25", "&", "%26", "=", "%3D", " ", "%20").Replace(s)
	}
	entity := func(s string) string { return strings.NewReplacer("&", "&amp;", "\"", "&quot;").Replace(s) }
	unicode := func(s string) string {
		return strings.NewReplacer(`\`, `\\`, `"`, `\u0022`, "&", `\u0026`, "=", `\u003d`).Replace(s)
	}
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) + " x" }
	rules := New(Options{})
	for name, wraps := range map[string][]func(string) string{
		"percents": {percent}, "entities": {entity}, "base64": {encode}, "escapes": {unicode}, "escapes and percents": {unicode, percent}, "escapes and entities": {unicode, entity}, "percents and entities": {percent, entity}, "base64 and percents": {encode, percent},
		"all": {encode, percent, entity, unicode},
	} {
		doc := strings.Repeat(`a%3Db &quot;c: W3siYSI6IjEiLCJhIjoiMTIzNDU2 `, size/40)
		for level := range 2 * maxDepth {
			if doc = wraps[level%len(wraps)](doc); len(doc) > 16*size {
				break
			}
		}
		w := rules.get()
		w.content([]byte(doc), CutEnd, 0)
		if w.steps > most*len(doc) {
			t.Errorf("%s: %d steps for %d bytes", name, w.steps, len(doc))
		} else {
			t.Logf("%s: %d steps for %d bytes", name, w.steps, len(doc))
		}
	}
}

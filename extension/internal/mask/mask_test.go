package mask

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const secret = "Kq7ZwRx9Tv3L"

// TestNobodyElseCanFillAnInvocation walks the types: whatever an Invocation holds of the function's is in a type without a field that others can set.
func TestNobodyElseCanFillAnInvocation(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.String, reflect.Interface, reflect.Map:
			t.Errorf("%s is a %s, which any package can fill with anything", path, typ)
		case reflect.Array, reflect.Slice, reflect.Pointer:
			if typ.Elem().Kind() == reflect.Uint8 && typ.Kind() == reflect.Slice {
				t.Errorf("%s is a %s", path, typ)
			}
			walk(path, typ.Elem())
		case reflect.Struct:
			if typ == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range typ.NumField() {
				if f := typ.Field(i); f.IsExported() {
					walk(path+"."+f.Name, f.Type)
				}
			}
		}
	}
	walk("Invocation", reflect.TypeFor[Invocation]())
	if len(seen) < 10 {
		t.Fatalf("only %d types seen", len(seen))
	}
}

// everywhere is an invocation with the same content in every place where content can be.
func everywhere(content string) event.Invocation {
	text := event.TextOf(content)
	body := event.Body{Data: event.BytesOf([]byte(content)), Size: int64(len(content))}
	failure := &event.Error{Type: "Error", Message: text, Stack: text}
	attributes := []event.Attribute{{Name: "a", Value: text}, {Name: "b", Value: []event.Text{text, text}}, {Name: "n", Value: int64(1)}, {Name: "odd", Value: struct{}{}}}
	messages := []event.Message{{Key: event.Key{ID: "m"}, Destination: content, Attributes: attributes}}
	headers := []event.Header{{Name: "X-Note", Value: text}, {Name: "X-Note", Value: text}}
	call := event.Call{
		URL: event.TextOf("https://h/p?x=" + url.QueryEscape(content)), RequestHeaders: headers, ResponseHeaders: headers, Request: body, Response: body, Error: failure,
		Target:   event.Target{Operation: content, Resource: content, Messages: messages, Attributes: attributes},
		Identity: event.Identity{Links: []event.Link{{Attributes: attributes}}},
	}
	return event.Invocation{
		Event: body, Response: body, Error: failure, Tenant: content, Calls: []event.Call{call, call},
		Trigger:  event.Trigger{Name: content, Messages: messages, Attributes: attributes},
		Identity: event.Identity{Links: []event.Link{{Attributes: attributes}}},
		Process:  event.Process{Env: map[string]string{"_HANDLER": "app.handler", "SECRET": content}},
	}
}

// dump draws all of an invocation, and what is behind its pointers too.
func dump(inv Invocation) string {
	all := fmt.Sprintf("%+v %+v", inv, inv.Error)
	for _, c := range inv.Calls {
		all += fmt.Sprintf(" %+v", c.Error)
	}
	return all
}

// TestLeaksSeenElsewhere: each is a way in which a product of this kind let a secret out.
func TestLeaksSeenElsewhere(t *testing.T) {
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	tests := []struct{ name, content string }{
		{"body that is no JSON", "password=" + secret + " for user me"},
		{"JSON that is cut", `{"user":"me","password":"` + secret[:9]},
		{"secret that is cut in half", `{"user":"me","authorization":"Bearer ` + secret[:9]},
		{"error message", "login failed: password: " + secret},
		{"stack trace", "Traceback (most recent call last):\n  File \"app.py\", line 7\n    login(password='" + secret + "')\nKeyError: 'x'"},
		{"SQL", "UPDATE users SET password = '" + secret + "' WHERE id = 7"},
		{"environment", "HOME=/root\nAWS_SECRET_ACCESS_KEY=" + secret + "\nPATH=/bin"},
		{"JSON in a JSON string", `{"body":` + quote(`{"password":"`+secret+`"}`) + `}`},
		{"JSON in JSON in a JSON string", `{"a":` + quote(`{"b":`+quote(`{"password":"`+secret+`"}`)+`}`) + `}`},
		{"base64 of JSON", `{"data":"` + base64.StdEncoding.EncodeToString([]byte(`{"password":"`+secret+`"}`)) + `"}`},
		{"form", "user=me&password=" + secret},
		{"form in base64", `{"body":"` + base64.StdEncoding.EncodeToString([]byte("user=me&password="+secret)) + `","isBase64Encoded":true}`},
		{"multipart", "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + secret + "\r\n--x--\r\n"},
		{"XML", "<login><user>me</user><password>" + secret + "</password></login>"},
		{"cookie", "GET / HTTP/1.1\r\nCookie: session=" + secret + "\r\n"},
		{"Set-Cookie", `{"multiValueHeaders":{"Set-Cookie":["session=` + secret + `; Path=/"]}}`},
		{"cookies of an event", `{"cookies":["session=` + secret + `"]}`},
		{"GraphQL variables", `{"query":"mutation($p:String!){login(password:$p)}","variables":{"password":"` + secret + `"}}`},
		{"DynamoDB's typed attributes", `{"Item":{"password":{"S":"` + secret + `"},"secrets":{"L":[{"S":"` + secret + `"}]}}}`},
		{"query in a header's value", "https://h/callback?access_token=" + secret + "&x=1"},
		{"user info of a URL", "postgres://me:" + secret + "@db:5432/shop"},
		{"SQS message in the JSON protocol", `{"QueueUrl":"u","MessageBody":` + quote(`{"password":"`+secret+`"}`) + `}`},
		{"name and value apart", `{"Environment":[{"Name":"DB_PASSWORD","Value":"` + secret + `"}]}`},
	}
	m := New(Options{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := everywhere(test.content)
			untouched := everywhere(test.content)
			for _, b := range []*event.Body{&inv.Event, &inv.Calls[0].Request} {
				b.Truncated = strings.Contains(test.name, "cut")
			}
			for _, b := range []*event.Body{&untouched.Event, &untouched.Calls[0].Request} {
				b.Truncated = strings.Contains(test.name, "cut")
			}
			got := dump(m.Apply(inv))
			if !strings.Contains(got, "****") && !strings.Contains(test.name, "base64") {
				t.Errorf("nothing was hidden in %s", got)
			}
			for _, leak := range []string{secret[:6], base64.StdEncoding.EncodeToString([]byte(secret))[:8]} {
				if at := strings.Index(got, leak); at >= 0 {
					t.Errorf("%q survives: %s", leak, got[max(0, at-80):at+20])
				}
			}
			if !reflect.DeepEqual(inv, untouched) {
				t.Error("wrote into its input")
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	m := New(Options{Keys: []string{"x-customer"}, AllowKeys: []string{"x-api-key-id"}})
	for name, test := range map[string]struct{ value, want string }{
		"Authorization":            {"Basic bWU6aHVudGVyMg==", "****"},
		"x-api-key":                {"abc", "****"},
		"Cookie":                   {"a=b; c=d", "****"},
		"Set-Cookie":               {"a=b; Path=/", "****"},
		"X-Amz-Security-Token":     {"abc", "****"},
		"X-Hub-Signature-256":      {"sha256=abc", "****"},
		"X-Customer":               {"abc", "****"},
		"X-Api-Key-Id":             {"abc", "abc"},
		"Content-Type":             {"application/json", "application/json"},
		"X-Amzn-Trace-Id":          {"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"},
		"x-amzn-RequestId":         {"f1d2d2f9-24e9-86ac-886f-dfd50b3b0d57", "f1d2d2f9-24e9-86ac-886f-dfd50b3b0d57"},
		"X-Amz-Target":             {"DynamoDB_20120810.PutItem", "DynamoDB_20120810.PutItem"},
		"Location":                 {"https://me:x@h/p?code=1&access_token=abc#id_token=abc", "https://****@h/p?code=1&access_token=****#id_token=****"},
		"Referer":                  {"https://h/p?q=1&sig=abc", "https://h/p?q=1&sig=****"},
		"X-Forwarded-Access-Token": {"", ""},
		"User-Agent":               {"Boto3/1.43 md/Botocore#1.43 ua/2.1 os/linux", "Boto3/1.43 md/Botocore#1.43 ua/2.1 os/linux"},
	} {
		got := m.headers([]event.Header{{Name: name, Value: event.TextOf(test.value)}}, partRequestHeaders)
		if got[0].Name.String() != name || got[0].Value.String() != test.want {
			t.Errorf("%s: %s became %s, want %s", name, test.value, got[0].Value, test.want)
		}
	}
}

func TestDomainsAreNeverShown(t *testing.T) {
	const body = `{"Parameter":{"Name":"n","Value":"` + secret + `"}}`
	m := New(Options{Domains: []string{"vault.example.com", ".internal.example.com", "h:8200", "", "pay.example.com", "*.star.example.com"}})
	call := func(address, service string) event.Call {
		return event.Call{
			URL: event.TextOf(address), RequestHeaders: []event.Header{{Name: "A", Value: event.TextOf(secret)}}, ResponseHeaders: []event.Header{{Name: "A", Value: event.TextOf(secret)}},
			Request: event.Body{Data: event.BytesOf([]byte(body)), Size: int64(len(body))}, Response: event.Body{Data: event.BytesOf([]byte(body)), Size: int64(len(body))},
			Target: event.Target{Service: service},
		}
	}
	tests := []struct {
		url, service string
		hidden       bool
	}{
		{"https://secretsmanager.eu-west-1.amazonaws.com/", "", true},
		{"https://secretsmanager-fips.us-gov-west-1.amazonaws.com/", "", true},
		{"https://ssm.cn-north-1.amazonaws.com.cn/", "", true},
		{"https://kms.eu-west-1.api.aws/", "", true},
		{"https://sts.amazonaws.com/", "", true},
		{"https://vpce-1-2.kms.eu-west-1.vpce.amazonaws.com/", "", true},
		{"https://ssm.us-iso-east-1.c2s.ic.gov/", "", true},
		{"https://secretsmanager.cn-north-1.api.amazonwebservices.com.cn/", "", true},
		{"https://ssm.eusc-de-east-1.api.amazonwebservices.eu/", "", true},
		{"https://kms.us-isob-east-1.api.aws.scloud/", "", true},
		{"https://ssm.eu-isoe-west-1.api.cloud-aws.adc-e.uk/", "", true},
		{"http://localhost:2774/systemsmanager/parameters/get?name=n", "", true},
		{"http://127.0.0.1:8080/secretsmanager/get?secretId=n", "", true},
		{"http://localhost:8080/secretsmanager", "", false},
		{"https://h/secretsmanager/get", "", false},
		{"http://localhost:4566/", "SecretsManager", true},
		{"http://localhost:4566/", "STS", true},
		{"http://localhost:2773/systemsmanager/parameters/get?name=n", "", true},
		{"http://169.254.170.2/v2/credentials/x", "", true},
		{"http://169.254.170.2:80/v2/credentials/x", "", true},
		{"https://VAULT.example.com/v1", "", true},
		{"https://me:x@vault.example.com:8200/v1", "", true},
		{"https://a.b.internal.example.com/", "", true},
		{"https://h:8200/", "", true},
		{"https://pay.example.com/v2", "", true},
		{"https://a.star.example.com/", "", true},
		{"https://internal.example.com/", "", false},
		{"https://h/", "", false},
		{"https://kms.example.com/", "", false},
		{"https://example.com/kms.eu-west-1.amazonaws.com", "", false},
		{"https://sqs.eu-west-1.amazonaws.com/", "SQS", false},
		{"http://[::1]:2773/", "", true},
		{"http://[::1]:2774/", "", false},
		{"not a URL", "", false},
	}
	for _, test := range tests {
		c := m.Apply(event.Invocation{Calls: []event.Call{call(test.url, test.service)}}).Calls[0]
		shown := c.Request.Text.Len()+c.Response.Text.Len()+len(c.RequestHeaders)+len(c.ResponseHeaders) > 0
		if shown == test.hidden {
			t.Errorf("%s %s: shown %v", test.url, test.service, shown)
		}
		if test.hidden && (c.Request.Hidden.String() != HiddenDomain || c.Request.Size != int64(len(body)) || strings.Contains(fmt.Sprintf("%+v", c), secret)) {
			t.Errorf("%s: %+v", test.url, c)
		}
	}
}

// TestRequestsForSecretsAtAnyHost: with an endpoint of one's own and nothing that was signed, the request still says what it is for.
func TestRequestsForSecretsAtAnyHost(t *testing.T) {
	m := New(Options{Preset: "off"})
	for header, hidden := range map[[2]string]bool{
		{"X-Amz-Target", "AmazonSSM.GetParameter"}:                             true,
		{"x-amz-target", "secretsmanager.GetSecretValue"}:                      true,
		{"X-AMZ-TARGET", "TrentService.Decrypt"}:                               true,
		{"X-Amz-Target", "AWSSecurityTokenServiceV20110615.GetCallerIdentity"}: true,
		{"X-Aws-Parameters-Secrets-Token", "t"}:                                true,
		{"X-Amz-Target", "DynamoDB_20120810.GetItem"}:                          false,
		{"X-Note", "AmazonSSM.GetParameter"}:                                   false,
	} {
		data := event.BytesOf([]byte(`{"Parameter":{"Value":"` + secret + `"}}`))
		c := event.Call{
			URL: event.TextOf("http://10.0.0.5:4566/"), Request: event.Body{Data: data}, Response: event.Body{Data: data},
			RequestHeaders: []event.Header{{Name: header[0], Value: event.TextOf(header[1])}},
		}
		got := m.Apply(event.Invocation{Calls: []event.Call{c}}).Calls[0]
		if shown := strings.Contains(fmt.Sprintf("%+v", got), secret); shown == hidden {
			t.Errorf("%v: shown %v", header, shown)
		}
	}
}

func TestBodiesThatAreNoText(t *testing.T) {
	header := func(name, value string) []event.Header {
		return []event.Header{{Name: name, Value: event.TextOf(value)}}
	}
	tests := []struct {
		name    string
		body    event.Body
		headers []event.Header
		hidden  string
		text    string
	}{
		{"nothing", event.Body{}, nil, "", ""},
		{"text", event.Body{Data: event.BytesOf([]byte("hello"))}, nil, "", "hello"},
		{"zero byte", event.Body{Data: event.BytesOf([]byte("a\x00b"))}, nil, HiddenBinary, ""},
		{"not UTF-8", event.Body{Data: event.BytesOf([]byte("caf\xe9 au lait"))}, nil, HiddenBinary, ""},
		{"character cut at the end", event.Body{Data: event.BytesOf([]byte("caf\xc3")), Truncated: true}, nil, "", "caf\xc3"},
		{"character cut in a whole body", event.Body{Data: event.BytesOf([]byte("caf\xc3"))}, nil, HiddenBinary, ""},
		{"picture", event.Body{Data: event.BytesOf([]byte("GIF89a"))}, header("content-type", "image/gif"), HiddenBinary, ""},
		{"picture of text", event.Body{Data: event.BytesOf([]byte("<svg/>"))}, header("Content-Type", "image/svg+xml"), "", "<svg/>"},
		{"CBOR", event.Body{Data: event.BytesOf([]byte("abc"))}, header("content-type", "application/cbor"), HiddenBinary, ""},
		{"JSON called a stream of bytes", event.Body{Data: event.BytesOf([]byte(` {"a":1}`))}, header("content-type", "application/octet-stream"), "", ` {"a":1}`},
		{"compressed", event.Body{Data: event.BytesOf([]byte("abc"))}, header("Content-Encoding", "gzip"), HiddenCompressed, ""},
		{"compressed twice", event.Body{Data: event.BytesOf([]byte("abc"))}, header("Content-Encoding", "identity, br"), HiddenCompressed, ""},
		{"compressed without a word", event.Body{Data: event.BytesOf([]byte("\x1f\x8b\x08"))}, nil, HiddenCompressed, ""},
		{"not compressed", event.Body{Data: event.BytesOf([]byte("abc"))}, header("Content-Encoding", "identity"), "", "abc"},
		{"form", event.Body{Data: event.BytesOf([]byte("a=%7B%22pin%22%3A1%7D"))}, header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"), "", "a=%7B%22pin%22%3A%22****%22%7D"},
	}
	m := New(Options{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := m.body(test.body, test.headers, partRequestBody)
			if got.Hidden.String() != test.hidden || got.Text.String() != test.text {
				t.Errorf("got %q, hidden %q", got.Text, got.Hidden)
			}
			if want := int64(test.body.Data.Len()); !test.body.Truncated && got.Size != want {
				t.Errorf("size %d, want %d", got.Size, want)
			}
		})
	}
}

// TestLargeInvocation: there is no size from which on masking is left out.
func TestLargeInvocation(t *testing.T) {
	one := `{"password":"` + secret + `","text":"` + strings.Repeat("x", 1000) + `"},`
	inv := event.Invocation{Event: event.Body{Data: event.BytesOf([]byte("[" + strings.Repeat(one, 8000) + "1]"))}}
	for range 1000 {
		inv.Calls = append(inv.Calls, event.Call{URL: event.TextOf("https://h/?token=" + secret), Request: event.Body{Data: event.BytesOf([]byte(one))}})
	}
	got := New(Options{}).Apply(inv)
	if len(got.Calls) != len(inv.Calls) || got.Event.Text.Len() < 8_000_000 {
		t.Fatalf("%d calls, %d bytes of event", len(got.Calls), got.Event.Text.Len())
	}
	if strings.Contains(got.Event.Text.String(), secret) || strings.Contains(fmt.Sprint(got.Calls), secret) {
		t.Error("the secret survives")
	}
}

func TestABrokenRuleHidesEverything(t *testing.T) {
	got := New(Options{}).redact([]byte(secret), func([]byte) []byte { panic(secret) })
	if got.String() != "****" {
		t.Errorf("got %q", got)
	}
}

func TestShorten(t *testing.T) {
	tests := []struct {
		name, in string
		n        int
		want     string
	}{
		{"short enough", "abc", 3, "abc"},
		{"text", "abcdefgh", 6, "abc…"},
		{"character at the cut", "aéééé", 7, "aé…"},
		{"no room", "abc", 2, ""},
		{"nothing", "abc", 0, ""},
		{"JSON text", `{"a":"abcdefghijkl","b":1}`, 16, `{"a":"abcde…"}`},
		{"JSON, several", `{"a":1,"b":2,"c":3}`, 14, `{"a":1,"b":2}`},
		{"JSON, key at the cut", `{"a":1,"bcdefghijkl":2}`, 14, `{"a":1}`},
		{"JSON, nested", `{"a":[1,{"b":"cdefghijklmnop"}]}`, 22, `{"a":[1,{"b":"c…"}]}`},
		{"JSON, list", `[111,222,333,444]`, 10, `[111,222]`},
		{"JSON, escape at the cut", `["a\u00e9\u00e9\u00e9\u00e9"]`, 14, `["a\u00e9…"]`},
		{"JSON, spaces", `{ "a" : 1 , "b" : 2 }`, 12, `{ "a" : 1 }`},
		{"JSON, no room", `{"abcdef":1}`, 1, ``},
		{"JSON, little room", `{"abcdef":1}`, 3, `{}`},
		{"JSON, deep", `[[[[[[[[1]]]]]]]]`, 8, `[[[[]]]]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Text{test.in}.Shorten(test.n).String()
			if got != test.want || len(got) > max(test.n, 0) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func FuzzShorten(f *testing.F) {
	f.Add(`{"a":[1,"b\u00e9",{"c":null}],"d":"é"}`, 20)
	f.Add(`["`, 3)
	f.Fuzz(func(t *testing.T, in string, n int) {
		got := Text{in}.Shorten(n).String()
		if len(got) > n && len(got) > 0 && got != in {
			t.Fatalf("%d bytes of %q: %q", n, in, got)
		}
		if utf8.ValidString(in) && !utf8.ValidString(got) {
			t.Errorf("%d bytes of %q: %q", n, in, got)
		}
		if trimmed := strings.TrimLeft(in, " \t\r\n"); json.Valid([]byte(in)) && strings.IndexAny(trimmed, "{[") == 0 && n >= 8 && len(got) > 0 && !json.Valid([]byte(got)) {
			if strings.HasPrefix(in, trimmed) { // white space may take all the room
				t.Errorf("%d bytes of %q are no JSON: %q", n, in, got)
			}
		}
	})
}

// BenchmarkApply masks an invocation with ten calls of 2 KB each, both ways.
func BenchmarkApply(b *testing.B) {
	body := event.Body{Data: event.BytesOf([]byte(`{"order":"A-1","items":[` + strings.Repeat(`{"sku":"LMN-0042","quantity":2,"price":19.99,"note":"a gift"},`, 30) + `1]}`))}
	headers := []event.Header{
		{Name: "Content-Type", Value: event.TextOf("application/json")}, {Name: "Authorization", Value: event.TextOf("Bearer abcdefghijkl")},
		{Name: "User-Agent", Value: event.TextOf("Boto3/1.43")}, {Name: "x-amzn-RequestId", Value: event.TextOf("f1d2d2f9-24e9-86ac-886f-dfd50b3b0d57")},
	}
	inv := event.Invocation{Event: body, Response: body}
	for range 10 {
		inv.Calls = append(inv.Calls, event.Call{URL: event.TextOf("https://h/orders?x=1"), Request: body, Response: body, RequestHeaders: headers, ResponseHeaders: headers})
	}
	m := New(Options{})
	b.ReportAllocs()
	for range b.N {
		m.Apply(inv)
	}
}

// TestPlainFields: what is no Text because it should hold nothing of the function's goes through the rules all the same.
func TestPlainFields(t *testing.T) {
	token := "ghp_" + strings.Repeat("a1B2", 9)
	plain := []event.Attribute{{Name: "db.operation.name", Value: token}, {Name: "l", Value: []string{token}}}
	failure := &event.Error{Type: "E " + token}
	messages := []event.Message{{Key: event.Key{ID: token}, Attributes: plain}}
	inv := event.Invocation{
		ID: token, Error: failure, Lost: []event.Loss{{Reason: token}},
		Process: event.Process{Runtime: token, Version: token, Hook: token, Env: map[string]string{"_HANDLER": token, "AWS_LAMBDA_LOG_GROUP_NAME": token, "AWS_LAMBDA_LOG_STREAM_NAME": token}},
		Trigger: event.Trigger{Source: token, Kind: token, Messages: messages},
		Calls: []event.Call{{
			ID: token, Library: token, Method: token, Protocol: token, Peer: token, Error: failure, RequestHeaders: []event.Header{{Name: token}},
			Target: event.Target{System: token, Service: token, Region: token, RequestID: token, Messages: messages, Attributes: plain},
		}},
	}
	if got := dump(New(Options{}).Apply(inv)); strings.Contains(got, token) {
		at := strings.Index(got, token)
		t.Errorf("survives: %s", got[max(0, at-80):at])
	}
}

// TestMultipartBody: the content type tells the boundary, without which a body with a preamble is no multipart body.
func TestMultipartBody(t *testing.T) {
	data := "preamble\r\n--x y\r\nX-First: 1\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + secret + "\r\n--x y--\r\n"
	headers := []event.Header{{Name: "Content-Type", Value: event.TextOf(`multipart/form-data; boundary="x y"`)}}
	got := New(Options{}).body(event.Body{Data: event.BytesOf([]byte(data))}, headers, partRequestBody)
	if want := strings.Replace(data, secret, "****", 1); got.Text.String() != want {
		t.Errorf("got %q", got.Text)
	}
}

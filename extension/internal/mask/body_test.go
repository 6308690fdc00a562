package mask

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// bodyAs masks a body with this content type.
func bodyAs(m *Masker, contentType, content string) Body {
	return m.body(event.Body{Data: event.BytesOf([]byte(content)), Size: int64(len(content))}, []event.Header{{Name: "Content-Type", Value: event.TextOf(contentType)}}, partRequestBody)
}

// TestDocumentsSentAsForms: curl -d and its like send JSON and XML without saying so. An ampersand or an equals sign in a value ends nothing there.
func TestDocumentsSentAsForms(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	usual, strict, paths := New(Options{}), New(Options{Preset: "strict"}), New(Options{Paths: []string{"customer.phone"}})
	tests := []struct {
		name     string
		m        *Masker
		in, want string
	}{
		{"ampersand in a value", usual, `{"user":"x","password":"ab&REST=1"}`, `{"user":"x","password":"****"}`},
		{"ampersand before one", usual, `{"passwords":["a&b","SECRET"],"x":"a=b"}`, `{"passwords":["****","****"],"x":"a=b"}`},
		{"between name and value", usual, ` {"name":"password","n":"a&b","value":"SECRET"}`, ` {"name":"password","n":"a&b","value":"****"}`},
		{"list", usual, `[{"token":"a&b"},"c=d"]`, `[{"token":"****"},"c=d"]`},
		{"bracket in a text", usual, `["a]=b&c",{"token":"a&b"}]`, `["a]=b&c",{"token":"****"}]`},
		{"byte order mark", usual, "\ufeff" + `{"password":"ab&REST"}`, "\ufeff" + `{"password":"****"}`},
		{"XML", usual, `<a x="1"><password>Kq7Zw&amp;REST</password><b>c</b></a>`, `<a x="1"><password>****</password><b>c</b></a>`},
		{"XML behind an entity", usual, `<a>&amp;<secret><v>SECRET</v></secret></a>`, `<a>&amp;<secret><v>****</v></secret></a>`},
		{"strict", strict, `{"name":"Alice","next":"/x?a=b"}`, `{"name":"****","next":"****"}`},
		{"strict XML", strict, `<a x="1"><name>Alice</name></a>`, `<a x="****"><name>****</name></a>`},
		{"paths", paths, `{"note":"a=b","customer":{"phone":"1&2"}}`, `{"note":"a=b","customer":{"phone":"****"}}`},
		{"form", usual, `a=1&password=REST&b={"c":1}`, `a=1&password=****&b={"c":1}`},
		{"form of a list", usual, `[0]=a&[password]=x%26y&[b][c]=d`, `[0]=a&[password]=****&[b][c]=d`},
		{"form of lists", usual, `[user][password]=x%26y&[b]=c`, `[user][password]=****&[b]=c`},
		{"form of a list, strict", strict, `[0]=a&[b]=c`, `[0]=****&[b]=****`},
		{"list of numbers", strict, `[1, 2]`, `["****", "****"]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := bodyAs(test.m, form, test.in).Text.String()
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if json.Valid([]byte(strings.TrimPrefix(test.in, "\ufeff"))) && !json.Valid([]byte(strings.TrimPrefix(got, "\ufeff"))) {
				t.Errorf("no JSON any more: %s", got)
			}
		})
	}
}

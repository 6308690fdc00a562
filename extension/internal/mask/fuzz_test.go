package mask

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// planted is the secret that FuzzApply hides in an invocation. No run of eight of its characters comes by chance.
const planted = "Kq7ZwRx9Tv3LmN5p"

// documents are the ways in which a body holds a secret under a key that says so. Noise is what else is in it.
func documents(before, after string) []string {
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	inner := fmt.Sprintf(`{"a":%s,"dbPassword":%q,"b":%s}`, quote(before), planted, quote(after))
	return []string{
		inner,
		fmt.Sprintf(`[%s,{"secrets":[[%q],{"x":%q}]},%s]`, quote(before), planted, planted, quote(after)),
		fmt.Sprintf(`{"Records":[{"messageId":"1","body":%s}]}`, quote(inner)),
		fmt.Sprintf(`{"queryStringParameters":{"n":%s},"headers":{"authorization":"Bearer %s","x":%s}}`, quote(before), planted, quote(after)),
		fmt.Sprintf(`{"Item":{"n":{"S":%s},"apiKey":{"S":%q}},"TableName":%s}`, quote(before), planted, quote(after)),
	}
}

// places put a document, or the secret itself, where something of the function's can be.
func places() []func(inv *event.Invocation, before, after, doc string) {
	body := func(s string) event.Body { return event.Body{Data: event.BytesOf([]byte(s)), Size: int64(len(s))} }
	header := func(name, value string) []event.Header {
		return []event.Header{{Name: name, Value: event.TextOf(value)}}
	}
	text := func(before, after string) event.Text {
		return event.TextOf(before + "\npassword=" + planted + "\n" + after)
	}
	return []func(inv *event.Invocation, before, after, doc string){
		func(inv *event.Invocation, _, _, doc string) { inv.Event = body(doc) },
		func(inv *event.Invocation, _, _, doc string) { inv.Response = body(doc) },
		func(inv *event.Invocation, _, _, doc string) { inv.Calls[0].Request = body(doc) },
		func(inv *event.Invocation, _, _, doc string) {
			inv.Calls[0].Response, inv.Calls[0].ResponseHeaders = body(doc), header("Content-Type", "application/json")
		},
		func(inv *event.Invocation, before, after, _ string) {
			inv.Error = &event.Error{Type: "E", Message: text(before, after), Stack: text(before, after)}
		},
		func(inv *event.Invocation, before, after, _ string) {
			inv.Calls[0].Error = &event.Error{Type: "E", Message: text(before, after)}
		},
		func(inv *event.Invocation, before, after, _ string) {
			inv.Calls[0].URL = event.TextOf("https://h.example.com/p?a=" + url.QueryEscape(before) + "&access_token=" + planted + "&b=" + url.QueryEscape(after))
		},
		func(inv *event.Invocation, before, _, _ string) {
			inv.Calls[0].URL = event.TextOf("https://me:" + planted + "@h.example.com/" + url.PathEscape(before))
		},
		func(inv *event.Invocation, _, _, _ string) {
			inv.Calls[0].RequestHeaders = header("X-Api-Key", planted)
		},
		func(inv *event.Invocation, _, _, _ string) {
			inv.Calls[0].ResponseHeaders = header("Set-Cookie", "session="+planted+"; Path=/")
		},
		func(inv *event.Invocation, before, after, _ string) {
			inv.Calls[0].RequestHeaders = header("Content-Type", "application/x-www-form-urlencoded")
			inv.Calls[0].Request = body("a=" + url.QueryEscape(before) + "&client_secret=" + planted + "&b=" + url.QueryEscape(after))
		},
		func(inv *event.Invocation, before, after, _ string) {
			attributes := []event.Attribute{{Name: "url.query", Value: event.TextOf("a=" + url.QueryEscape(before) + "&password=" + planted + "&b=" + url.QueryEscape(after))}}
			inv.Trigger.Attributes, inv.Calls[0].Target.Attributes = attributes, attributes
		},
		func(inv *event.Invocation, before, after, _ string) {
			inv.Trigger.Messages = []event.Message{{Attributes: []event.Attribute{{Name: "note", Value: []event.Text{text(before, after)}}}}}
		},
	}
}

// FuzzApply plants a secret anywhere in an invocation, among what the fuzzer thinks of, cut anywhere. Nothing of it comes out, under no preset that
// masks; what was valid JSON stays valid; and what is not shown is not the input grown.
func FuzzApply(f *testing.F) {
	for place := range places() {
		f.Add("before", "after", uint8(place), uint8(place), uint16(999))
		f.Add(`"}{'`, `\<&%`, uint8(place), uint8(place+1), uint16(60))
	}
	maskers := map[string]*Masker{"default": New(Options{}), "strict": New(Options{Preset: "strict"}), "pci": New(Options{Preset: "pci"}), "unknown dropped": New(Options{DropUnknown: true}),
		"paths": New(Options{Paths: []string{"Records[].body", "a.b"}, AllowKeys: []string{"x"}})}
	f.Fuzz(func(t *testing.T, before, after string, place, kind uint8, cut uint16) {
		docs, put := documents(before, after), places()
		doc := docs[int(kind)%len(docs)]
		inv := event.Invocation{ID: "1", Calls: []event.Call{{ID: "17-1", Method: "POST", URL: event.TextOf("https://h.example.com/")}}}
		put[int(place)%len(put)](&inv, before, after, doc)
		for _, b := range []*event.Body{&inv.Event, &inv.Response, &inv.Calls[0].Request, &inv.Calls[0].Response} {
			if data := b.Data.Reveal(); int(cut) < len(data) {
				b.Data, b.Truncated = event.BytesOf(data[:cut]), true
			}
		}
		for name, m := range maskers {
			holds(t, name, m, inv)
		}
	})
}

func holds(t *testing.T, name string, m *Masker, inv event.Invocation) {
	t.Helper()
	whole := [][]byte{inv.Event.Data.Reveal(), inv.Response.Data.Reveal(), inv.Calls[0].Request.Data.Reveal(), inv.Calls[0].Response.Data.Reveal()}
	out := m.Apply(inv)
	shown := dump(out)
	for i := 0; i+8 <= len(planted); i++ {
		if strings.Contains(shown, planted[i:i+8]) {
			t.Fatalf("%s: %q of the secret survives in %s", name, planted[i:i+8], shown)
		}
	}
	for i, b := range []Body{out.Event, out.Response, out.Calls[0].Request, out.Calls[0].Response} {
		if got := b.Text.String(); json.Valid(whole[i]) && b.Hidden.Len() == 0 && !json.Valid([]byte(got)) {
			t.Errorf("%s: %q became %q", name, whole[i], got)
		}
		// A mask may be longer than what it hides, but stands for at least a character and its quotes or separators.
		if got := b.Text.Len(); got > 8*len(whole[i])+64 {
			t.Errorf("%s: %d bytes became %d", name, len(whole[i]), got)
		}
	}
}
